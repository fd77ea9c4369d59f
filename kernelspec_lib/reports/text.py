"""The report for people: by file, the line shown, what to do, and what comes next."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby

from kernelspec_lib.document import Document
from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement, Look
from kernelspec_lib.wording import without_passwords

_RED, _YELLOW, _CYAN, _BOLD, _DIM = "31", "33", "36", "1", "2"
_INDENT = "    "


def report(judgement: Judgement, look: Look) -> str:
    """The findings, each with its line and a caret, and a summary; empty if there is nothing."""
    lines: list[str] = []
    for path, findings in groupby(judgement.findings, key=lambda one: one.path):
        lines.append(_painted("".join(map(_cell, path)), _BOLD, look))
        for finding in findings:
            lines += _told(finding, judgement.sources.get(path), look)
        lines.append("")
    if look.summary:
        lines.append(_summary(judgement, look))
    return "\n".join(lines).rstrip("\n")


def _told(finding: Finding, source: Document | None, look: Look) -> Iterator[str]:
    color = _RED if finding.is_error else _YELLOW
    place = f"{finding.span.line}:{finding.span.column}"
    severity = _painted(finding.severity.value, color, look)
    yield f"  {place:<6} {severity} {_painted(finding.code, _BOLD, look)} {finding.message}"
    shown = source.line(finding.span.line) if source else ""
    if shown.strip():
        yield from _pointed(shown, finding, color, look)
    if finding.hint:
        yield f"{_INDENT}{_painted('→', _CYAN, look)} {finding.hint}"


def _pointed(line: str, finding: Finding, color: str, look: Look) -> Iterator[str]:
    """*line* and a row of carets below it, both cut to the width of the terminal."""
    line = without_passwords(line)
    span = finding.span
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    room = max(look.width - len(_INDENT) - 4, 20)
    cut = max(0, min(start - 8, len(line) - room))
    window = line[cut : cut + room]
    cells = [_cell(character) for character in window]
    before = sum(_width(cell) for cell in cells[: start - cut])
    marked = sum(_width(cell) for cell in cells[start - cut : max(end - cut, 0)])
    bar = _painted("│", _DIM, look)
    yield f"{_INDENT}{bar} {''.join(cells)}"
    yield f"{_INDENT}{bar} {' ' * before}{_painted('^' * max(marked, 1), color, look)}"


def _cell(character: str) -> str:
    """What to print for one character: nothing that could move the cursor or hide."""
    if character == "\t":
        return " "
    return character if character.isprintable() else "�"


def _width(cell: str) -> int:
    if unicodedata.combining(cell):
        return 0
    return 2 if unicodedata.east_asian_width(cell) in "WF" else 1


def _summary(judgement: Judgement, look: Look) -> str:
    errors = judgement.errors
    warnings = len(judgement.findings) - errors
    files = _counted(len(judgement.checked), "file")
    if not judgement.findings:
        if judgement.unfinished:
            return f"{files} checked as far as was possible: nothing found so far."
        return _painted("✓", "32", look) + f" {files} checked: all is well."
    parts = [_counted(errors, "error")] * bool(errors) + [_counted(warnings, "warning")] * bool(
        warnings
    )
    codes = judgement.findings[0].code
    advice = "Mend the errors and run again" if errors else "Warnings do not stop a build"
    told = f"{' and '.join(parts)} in {files} checked."
    return f"{told} {advice}; `kernelspec explain {codes}` tells the why of a rule."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _painted(text: str, code: str, look: Look) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if look.color else text
