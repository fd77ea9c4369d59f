"""How a user's text is quoted in a sentence, and shown on a terminal; columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

LINES = "\n\t"
"""What a text of several lines may hold besides."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"]+(?=@)")


def shown(text: str, limit: int = 60) -> str:
    """*text* in double quotes, clipped: nothing in it commands a terminal or tells a password."""
    masked = without_passwords(text)
    clipped = masked if len(masked) <= limit else masked[: limit - 1] + "…"
    return '"' + printable(clipped) + '"'


def printable(text: str, keep: str = "") -> str:
    """*text* with an escape for what commands a terminal, or cannot be seen; line ends too.

    keep: the characters that may stay all the same.
    """
    if text.isprintable():
        return text
    return "".join(one if one in keep else visible(one) for one in text)


def visible(character: str) -> str:
    """*character*, or its escape as in JSON where printing it would show nothing, or do more."""
    return character if character.isprintable() else escaped(character)


def escaped(character: str) -> str:
    """*character* by its number."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@lru_cache(maxsize=16)
def without_passwords(text: str) -> str:
    """*text* with stars for what stands before the @ of a URL. Its length stays the same."""
    return _CREDENTIALS.sub(lambda found: "*" * len(found.group()), text)


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """A line for each of *rows*, each cell as wide as the widest below and above it."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
