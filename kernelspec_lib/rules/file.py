"""KS0xx: the file itself."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule, error

RULES: tuple[Rule, ...] = (
    error(
        "KS001",
        "not-utf-8",
        "The file is read on many machines; only UTF-8 means the same on all of them.",
        "a file saved as UTF-16 or Latin-1",
        "the same file saved as UTF-8",
    ),
    error(
        "KS002",
        "byte-order-mark",
        "Most JSON readers refuse a file that begins with a byte order mark.",
        "a file saved as “UTF-8 with BOM”",
        "the same file saved as “UTF-8”",
    ),
    error(
        "KS003",
        "syntax",
        "The file must be JSON: no comments, no trailing commas, double quotes only.",
        '{"libs": ["ipykernel",]}',
        '{"libs": ["ipykernel"]}',
    ),
    error(
        "KS004",
        "duplicate-key",
        "JSON readers keep the last of two equal keys in silence, so the first would be lost.",
        '{"stage": "production", "stage": "development"}',
        '{"stage": "production"}',
    ),
    error(
        "KS005",
        "not-a-number",
        "NaN, Infinity and numbers beyond all measure are not JSON, and cannot be limits.",
        '{"resources": {"cpus": Infinity}}',
        '{"resources": {"cpus": 4}}',
    ),
    error(
        "KS006",
        "hidden-character",
        "A character that nobody sees makes a text read otherwise than it is: control characters, "
        "characters without width, changes of the writing direction, halves of surrogate pairs.",
        '{"display_name": "report\\u202egnp"}',
        '{"display_name": "report png"}',
    ),
    error(
        "KS007",
        "too-deep",
        "A file nested without end only serves to exhaust whoever reads it.",
        "[[[[[[…]]]]]]",
        '{"libs": ["ipykernel"]}',
    ),
    error(
        "KS008",
        "too-large",
        "A kernel's description is a few kilobytes; a giant file is a mistake or an attack.",
        "a requirements.json of 100 MB",
        "a requirements.json of 1 KB",
    ),
    error(
        "KS009",
        "leads-out",
        "A link out of the kernel's folder would show what lies on the machine that checks it.",
        "requirements.json is a link to ../../other/requirements.json",
        "requirements.json is a file of its own",
    ),
)
