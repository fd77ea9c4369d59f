"""KS1xx: the schema."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule, error

RULES: tuple[Rule, ...] = (
    error(
        "KS101",
        "missing-key",
        "Without a name, a Python and a list of libraries there is nothing to build.",
        '{"kernel_name": "churn", "libs": ["ipykernel"]}',
        '{"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}',
    ),
    error(
        "KS102",
        "unknown-key",
        "A misspelt key would be ignored in silence, and its wish with it.",
        '{"sytem_packages": ["libgomp1"]}',
        '{"system_packages": ["libgomp1"]}',
    ),
    error(
        "KS103",
        "wrong-type",
        "A value of another type cannot be used; a version written as a number loses its zeros.",
        '{"python_version": 3.10}',
        '{"python_version": "3.10"}',
    ),
    error(
        "KS104",
        "wrong-shape",
        "Names become folders, images and arguments of commands: only what is safe there passes.",
        '{"kernel_name": "My Kernel"}',
        '{"kernel_name": "my-kernel"}',
    ),
    error(
        "KS105",
        "not-listed",
        "Only the listed values mean something.",
        '{"stage": "prod"}',
        '{"stage": "production"}',
    ),
    error(
        "KS106",
        "bad-requirement",
        "A library is asked for as PEP 508 says; anything else would fail amid a build.",
        '{"libs": ["pandas=2.2"]}',
        '{"libs": ["pandas==2.2.3"]}',
    ),
    error(
        "KS107",
        "foreign-source",
        "Options, paths, URLs and version control links go around the index of the site.",
        '{"libs": ["--extra-index-url https://packages.example", "git+https://git.example/x.git"]}',
        '{"libs": ["x==1.0"]}',
    ),
    error(
        "KS108",
        "duplicate-lib",
        "Two lines for one library contradict each other sooner or later. Names are compared as "
        "PEP 503 says: case, dots, hyphens and underscores do not tell them apart.",
        '{"libs": ["scikit-learn", "Scikit_Learn==1.5"]}',
        '{"libs": ["scikit-learn==1.5"]}',
    ),
    error(
        "KS109",
        "no-ipykernel",
        "Without ipykernel the image has no kernel. A base image of the site's own may bring it.",
        '{"libs": ["pandas"]}',
        '{"libs": ["ipykernel", "pandas"]}',
    ),
    error(
        "KS110",
        "unpinned-production",
        "A production kernel must be the same at its next build: every library with one version.",
        '{"stage": "production", "libs": ["pandas>=2"]}',
        '{"stage": "production", "libs": ["pandas==2.2.3"]}',
    ),
    error(
        "KS111",
        "latest-production",
        "Only an image with a version of its own is kept, and can be gone back to.",
        '{"stage": "production", "image_version": "latest"}',
        '{"stage": "production", "image_version": "1.4.0"}',
    ),
    error(
        "KS112",
        "bad-ignore",
        "An ignore that names no warning silences nothing; errors cannot be silenced.",
        '{"ignore": {"KS302": "we know"}}',
        '{"ignore": {"KS305": "built and tried on our base image"}}',
    ),
)
