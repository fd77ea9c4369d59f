"""A text that was put together from pieces of a file, and where each of its letters stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from kernelspec_lib.document import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word and where it stands."""

    text: str
    """Without the quotes and escapes around and in it."""
    span: Span
    """With them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Some of a file's letters in a row, though other ones may stand between them there."""

    text: str
    marks: tuple[tuple[int, int, int], ...]
    """Offset in *text*, line and column (from 1) of the first letter of each piece."""

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of the letter at *offset*; of the place behind the last one, too."""
        found = bisect_right(self.marks, (offset, _FAR, _FAR)) - 1
        start, line, column = self.marks[max(found, 0)]
        return line, column + offset - start

    def span(self, start: int, end: int) -> Span:
        """The place of the letters from *start* to before *end*."""
        line, column = self.place(start)
        if end <= start:
            return Span(line=line, column=column, end_line=line, end_column=column)
        end_line, last = self.place(end - 1)
        return Span(line=line, column=column, end_line=end_line, end_column=last + 1)

    def word(self, start: int, end: int, text: str | None = None) -> Word:
        """What stands from *start* to before *end*, read as *text* if that is not the same."""
        plain = self.text[start:end] if text is None else text
        return Word(text=plain, span=self.span(start, end))

    def cut(self, start: int, end: int) -> Text:
        """The letters from *start* to before *end*."""
        line, column = self.place(start)
        first = bisect_right(self.marks, (start, _FAR, _FAR))
        last = bisect_right(self.marks, (end, 0, 0))
        rest = ((at - start, number, begin) for at, number, begin in self.marks[first:last])
        return Text(text=self.text[start:end], marks=((0, line, column), *rest))


_FAR = 1 << 60


def joined(pieces: Iterable[tuple[str, int, int]], between: str = "") -> Text:
    """The *pieces* (letters, line and column of the first one) in a row, with *between* each."""
    texts: list[str] = []
    marks: list[tuple[int, int, int]] = []
    length = 0
    for text, line, column in pieces:
        marks.append((length, line, column))
        texts.append(text)
        length += len(text) + len(between)
    return Text(text=between.join(texts), marks=tuple(marks) or ((0, 1, 1),))
