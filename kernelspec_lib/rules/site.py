"""KS2xx: the site policy."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule, error

RULES: tuple[Rule, ...] = (
    error(
        "KS201",
        "base-image-not-allowed",
        "What an image begins from is in every container: the site says whom it trusts with that.",
        '{"base_image": "somebody/notebook:latest"}',
        '{"base_image": "python:3.11-slim"}',
    ),
    error(
        "KS202",
        "lib-denied",
        "The site forbids this library, or these releases of it: known to be broken or unsafe.",
        '{"libs": ["pyyaml==5.3"]}',
        '{"libs": ["pyyaml>=6"]}',
    ),
    error(
        "KS203",
        "lib-required",
        "The site wants this library in every kernel.",
        '{"libs": ["ipykernel"]}',
        '{"libs": ["ipykernel", "site-connector"]}',
    ),
    error(
        "KS204",
        "system-package-not-allowed",
        "System packages are installed as root; the site says which of them may be.",
        '{"system_packages": ["openssh-server"]}',
        '{"system_packages": ["libgomp1"]}',
    ),
    error(
        "KS205",
        "limit-too-high",
        "One machine is shared by all: no kernel may ask for more than the site gives to one.",
        '{"resources": {"memory": "512g"}}',
        '{"resources": {"memory": "8g"}}',
    ),
    error(
        "KS206",
        "variable-not-allowed",
        "The site keeps this variable for itself.",
        '{"environment": {"PIP_INDEX_URL": "https://elsewhere.example/simple"}}',
        '{"environment": {"OMP_NUM_THREADS": "4"}}',
    ),
    error(
        "KS207",
        "cannot-be-ignored",
        "The site enforces this rule: a kernel's own file cannot silence it.",
        '{"ignore": {"KS305": "we know"}}',
        '{"ignore": {}}',
    ),
    error(
        "KS208",
        "production-not-allowed",
        "Others rely on a production kernel: the site says who may make one.",
        '{"stage": "production"}',
        '{"stage": "development"}',
    ),
)
