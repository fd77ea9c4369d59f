"""The report for people: by file, the line shown, what to do, and what comes next."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement, Look
from kernelspec_lib.wording import escaped, printable, visible, without_passwords

_RED, _GREEN, _YELLOW, _CYAN, _BOLD, _DIM = "31", "32", "33", "36", "1", "2"
_INDENT = "    "
_USUAL_WIDTH = 100
_TURNED = ("R", "AL", "AN")
"""Classes of characters that are written from right to left."""
_CONTEXT = 8
"""Cells that are shown in front of the place, where a line must be cut."""
_SECRETS = frozenset(("KS405",))
"""Rules that point at what nobody else should read."""
_NAME = re.compile(r"\w*=?")
_NAMED = 10
"""So many files that could not be checked are named, and the rest are counted."""


def report(judgement: Judgement, look: Look) -> str:
    """The findings, each with its line and a caret, and a summary; empty if there is nothing."""
    lines: list[str] = []
    for path, findings in groupby(judgement.findings, key=lambda one: one.path):
        lines.append(_painted(printable(path), _BOLD, look))
        for finding in findings:
            lines += _told(finding, judgement.line(finding), look)
        lines.append("")
    if look.summary:
        lines += _summary(judgement, look)
    return "\n".join(lines).rstrip("\n")


def _told(finding: Finding, line: str, look: Look) -> Iterator[str]:
    color = _RED if finding.is_error else _YELLOW
    place = f"  {finding.span.line}:{finding.span.column}"
    severity = finding.severity.value
    plain = f"{place:<8} {severity} {finding.code} "
    first, *rest = _wrapped(printable(finding.message), look, len(plain), 9)
    code = _painted(finding.code, _BOLD, look)
    yield f"{place:<8} {_painted(severity, color, look)} {code} {first}"
    yield from (" " * 9 + one for one in rest)
    if line.strip():
        yield from _pointed(line, finding, color, look)
    if finding.hint:
        first, *rest = _wrapped(printable(finding.hint), look, 6, 6)
        yield f"{_INDENT}{_painted('→', _CYAN, look)} {first}"
        yield from (" " * 6 + one for one in rest)


def _wrapped(text: str, look: Look, first: int, rest: int) -> list[str]:
    """*text* in lines for a terminal, behind an indent of *first* columns, then of *rest*."""
    if look.width is None:
        return [text]
    # The first line's indent stands in for what is printed there already.
    lines = textwrap.wrap(
        text,
        max(look.width, 40),
        initial_indent=" " * first,
        subsequent_indent=" " * rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [lines[0][first:], *(line[rest:] for line in lines[1:])] if lines else [""]


def _pointed(line: str, finding: Finding, color: str, look: Look) -> Iterator[str]:
    """*line* and a row of carets below it, both cut to the width of the terminal."""
    span = finding.span
    line = without_passwords(line)
    if finding.code in _SECRETS:
        line = _masked(line, span.column - 1)
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    room = max((look.width or _USUAL_WIDTH) - len(_INDENT) - 4, 20)
    cells, first = _window(line, start, room)
    before = sum(map(_width, cells[: start - first]))
    marked = sum(map(_width, cells[start - first : max(end - first, 0)]))
    left = "…" if first else ""
    right = "…" if first + len(cells) < len(line) else ""
    bar = _painted("│", _DIM, look)
    yield f"{_INDENT}{bar} {left}{''.join(cells)}{right}"
    caret = _painted("^" * max(marked, 1), color, look)
    yield f"{_INDENT}{bar} {' ' * (len(left) + before)}{caret}"


def _masked(line: str, start: int) -> str:
    """*line* with stars for all that follows the name at *start*: a log is read by many."""
    found = _NAME.match(line, start)
    end = found.end() if found else start
    return line[:end] + re.sub(r"\S", "*", line[end:])


def _window(line: str, start: int, room: int) -> tuple[Sequence[str], int]:
    """What to show of *line* around its character *start*, at most *room* cells, and the first.

    One string for each character, however wide.
    """
    # A character takes a cell or more, but for those that stand on another one.
    begin, end = max(0, start - room), start + room
    cells = [_cell(character) for character in line[begin:end]]
    widths = list(map(_width, cells))
    first = last = start - begin
    used = 0
    for context in (_CONTEXT, room):
        while first > 0 and used + widths[first - 1] <= context:
            first -= 1
            used += widths[first]
        while last < len(cells) and used + widths[last] <= room:
            used += widths[last]
            last += 1
    return cells[first:last], begin + first


def _cell(character: str) -> str:
    """What to print for one character: nothing that moves the cursor, hides, or turns the order.

    Terminals that write from right to left set a whole stretch the other way round, and the caret
    would point elsewhere.
    """
    if character == "\t":
        return " "
    if "\ufe00" <= character <= "\ufe0f" or unicodedata.bidirectional(character) in _TURNED:
        return escaped(character)
    return visible(character)


def _width(cell: str) -> int:
    """Columns of *cell* on a terminal."""
    if len(cell) > 1:
        return len(cell)
    if unicodedata.category(cell) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(cell) in "WF" else 1


def _summary(judgement: Judgement, look: Look) -> Iterator[str]:
    errors = judgement.errors
    warnings = len(judgement.findings) - errors
    files = _counted(len(judgement.checked), "file")
    if judgement.findings:
        parts = [_counted(errors, "error"), _counted(warnings, "warning")]
        counts = " and ".join(part for part in parts if not part.startswith("0 "))
        advice = "Mend the errors and run again" if errors else "Warnings do not stop a build"
        code = next(one.code for one in judgement.findings if one.is_error or not errors)
        told = f"{counts} in {files} checked. {advice}; "
        told += f"`kernelspec explain {code}` tells the why of a rule."
    elif judgement.unchecked:
        told = f"{files} checked as far as was possible: nothing found so far."
    else:
        told = f"✓ {files} checked: all is well."
    first, *rest = _wrapped(told, look, 0, 0)
    yield _painted("✓", _GREEN, look) + first[1:] if first[0] == "✓" else first
    yield from rest
    if judgement.unchecked:
        paths = list(dict.fromkeys(printable(one.path) for one in judgement.unchecked))
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        told = f"{_counted(len(paths), 'file')} could not be checked, or not wholly: "
        yield from _wrapped(told + ", ".join(paths[:_NAMED]) + more, look, 0, 0)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _painted(text: str, code: str, look: Look) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if look.color else text
