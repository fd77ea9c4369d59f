"""The rules as text and as the page docs/rules.md, for people."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from itertools import groupby

from kernelspec_lib.rules.rule import Rule

FAMILIES = {
    "KS0": "The file itself",
    "KS1": "The schema",
    "KS2": "The site policy",
    "KS3": "The pins, against the index",
    "KS4": "The Dockerfile and the CI file",
}
"""What the rules of each family are about, by the beginning of their codes."""

_HEAD = """# Rules

Everything that `kernelspec validate`, `resolve` and `lint` can find. In a terminal,
`kernelspec explain CODE` tells the same. Codes are permanent.

This page is made from the table of rules: `kernelspec explain --markdown > docs/rules.md`.
"""


def as_text(rule: Rule, width: int | None = None) -> str:
    """The why of *rule*, both examples, and what silences it; sentences wrapped to *width*."""
    why, silenced = rule.why, _silenced(rule)
    if width is not None:
        why, silenced = textwrap.fill(why, width), textwrap.fill(silenced, width)
    return "\n".join((why, "", f"Bad:   {rule.bad}", f"Good:  {rule.good}", "", silenced))


def as_markdown(rule: Rule) -> str:
    """The same in Markdown, without a heading."""
    bad, good = _example(rule.bad), _example(rule.good)
    return "\n".join((rule.why, "", "Bad:", "", bad, "", "Good:", "", good, "", _silenced(rule)))


def whole(rules: Iterable[Rule]) -> str:
    """docs/rules.md: every rule of *rules*, which are in the order of their codes."""
    parts = [_HEAD]
    table = list(rules)
    for family, members in groupby(table, key=lambda rule: rule.code[:3]):
        rows = [
            f"| [{one.code}](#{one.code.lower()}) | {one.name} | {one.severity} |"
            for one in members
        ]
        head = (
            f"## {family}xx: {FAMILIES[family]}",
            "",
            "| code | name | severity |",
            "| --- | --- | --- |",
        )
        parts.append("\n".join((*head, *rows)) + "\n")
        parts += [
            f"### {one.code}\n\n**{one.name}** ({one.severity}): {as_markdown(one)}\n"
            for one in table
            if one.code.startswith(family)
        ]
    return "\n".join(parts)


def _example(text: str) -> str:
    """*text* as a block of code, or as a sentence where it is none."""
    if text.startswith(("{", "[")):
        return f"```json\n{text}\n```"
    if text.partition(" ")[0].isupper():
        return f"```dockerfile\n{text}\n```"
    return text


def _silenced(rule: Rule) -> str:
    if rule.severity.fails:
        return "An error: it fails the run, and a kernel's own file cannot silence it."
    example = json.dumps({"ignore": {rule.code: "why"}})
    return f"A warning: `{example}` in requirements.json silences it, with your reason."
