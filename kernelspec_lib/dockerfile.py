"""A Dockerfile as its instructions, each word with its place. Never raises, and runs nothing.

An own reader: the libraries there are tell lines at most, and do not know heredocs; findings point
at a word. It reads what BuildKit reads, and leaves the shell's own grammar alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kernelspec_lib.document import Span

INSTRUCTIONS = frozenset(
    (
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
        "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    )
)  # fmt: skip
_DIRECTIVE = re.compile(r"#[ \t]*([A-Za-z]+)[ \t]*=[ \t]*(\S+)[ \t]*\Z")
_KEYWORD = re.compile(r"[ \t]*(\S+)")
_HEREDOC = re.compile(r"(?<!<)<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_.]*)\2(?!\S)")
_WITH_HEREDOC = ("ADD", "COPY", "RUN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word and where it stands."""

    text: str
    line: int
    column: int
    """Both from 1."""

    @property
    def span(self) -> Span:
        """From its first letter to behind its last one."""
        end = self.column + len(self.text)
        return Span(line=self.line, column=self.column, end_line=self.line, end_column=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction, with its continuation lines and heredocs."""

    keyword: Word
    pieces: tuple[Word, ...]
    """What stands behind the keyword: the rest of each line, comments left out."""
    open_heredoc: Word | None = None
    """The mark of a heredoc that never ends."""
    waits: bool = False
    """Whether it is an ONBUILD: another image's build carries it out."""

    @property
    def name(self) -> str:
        """The keyword in capitals."""
        return self.keyword.text.upper()

    def words(self, pattern: re.Pattern[str]) -> Iterator[Word]:
        """All that *pattern* finds behind the keyword, line by line."""
        for piece in self.pieces:
            for found in pattern.finditer(piece.text):
                column = piece.column + found.start()
                yield Word(text=found.group(), line=piece.line, column=column)


def read(text: str) -> Iterator[Instruction]:
    """The instructions of *text*, in their order.

    Source: the reference of the Dockerfile frontend, for parser directives, comments within
    continuation lines, and heredocs.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    escape, number = _directives(lines)
    while number < len(lines):
        bare = lines[number].strip()
        if not bare or bare.startswith("#"):
            number += 1
            continue
        instruction, number = _instruction(lines, number, escape)
        yield instruction


def _directives(lines: list[str]) -> tuple[str, int]:
    """The escape character, and the first line that is no directive."""
    escape = "\\"
    for number, line in enumerate(lines):
        found = _DIRECTIVE.match(line.strip())
        if found is None:
            return escape, number
        if found.group(1).lower() == "escape" and found.group(2) in "\\`":
            escape = found.group(2)
    return escape, len(lines)


def _instruction(lines: list[str], start: int, escape: str) -> tuple[Instruction, int]:
    pieces, number = _joined(lines, start, escape)
    keyword, rest = _parted(pieces[0])
    pieces[0] = rest
    waits = keyword.text.upper() == "ONBUILD"
    if waits and rest.text.strip():
        keyword, pieces[0] = _parted(rest)
    opened = None
    if keyword.text.upper() in _WITH_HEREDOC:
        number, opened = _heredocs(lines, number, pieces)
    told = Instruction(keyword=keyword, pieces=tuple(pieces), open_heredoc=opened, waits=waits)
    return told, number


def _joined(lines: list[str], start: int, escape: str) -> tuple[list[Word], int]:
    """The lines of one instruction without what joins them, and the first line behind it."""
    pieces: list[Word] = []
    number = start
    while number < len(lines):
        line = lines[number]
        number += 1
        if pieces and (not line.strip() or line.lstrip().startswith("#")):
            continue
        bare = line.rstrip()
        goes_on = bare.endswith(escape)
        pieces.append(Word(text=bare[:-1] if goes_on else line, line=number, column=1))
        if not goes_on:
            break
    return pieces, number


def _parted(piece: Word) -> tuple[Word, Word]:
    """The first word of *piece*, and the rest of it."""
    found = _KEYWORD.match(piece.text)
    if found is None:
        return piece, Word(text="", line=piece.line, column=piece.column)
    first = Word(text=found.group(1), line=piece.line, column=piece.column + found.start(1))
    rest = Word(text=piece.text[found.end() :], line=piece.line, column=piece.column + found.end())
    return first, rest


def _heredocs(lines: list[str], number: int, pieces: list[Word]) -> tuple[int, Word | None]:
    """Adds the bodies that *pieces* announce; the first line behind them, and what never ends."""
    marks = [
        (found, Word(text=found.group(), line=one.line, column=one.column + found.start()))
        for one in tuple(pieces)
        for found in _HEREDOC.finditer(one.text)
    ]
    for found, mark in marks:
        while True:
            if number == len(lines):
                return number, mark
            line = lines[number]
            number += 1
            if (line.lstrip("\t") if found.group(1) else line) == found.group(3):
                break
            pieces.append(Word(text=line, line=number, column=1))
    return number, None
