"""What an index answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the index: a text, or that it has no such page."""

    found: bool
    url: str
    """Where it came from in the end."""
    content_type: str = ""
    body: bytes = b""
    unchanged: bool = False
    """It is as it was, and is not sent again."""
    etag: str = ""
    last_modified: str = ""
    content_range: str = ""
    """What part of the text it is, if it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the bytes of a file."""

    body: bytes
    start: int
    """Where in the file they begin."""
    size: int
    """Of the file, in bytes."""


def asking(start: int, length: int) -> Mapping[str, str]:
    """The headers of a request for *length* bytes from *start* on, or for the last *length*.

    start: negative for the last. Source: RFC 9110, section 14.
    """
    span = f"-{length}" if start < 0 else f"{start}-{start + length - 1}"
    # A part of what a server packs on its way is of no use.
    return {"Range": f"bytes={span}", "Accept-Encoding": "identity"}


def part(answer: Reply, start: int, length: int) -> Part | None:
    """What *answer* brings of what `asking` asked for; None where it is something else.

    Nothing that a server says of its parts is believed before it agrees with what it sent.
    """
    body = answer.body
    if not answer.content_range:
        # It sends all or nothing, and this was all.
        return Part(body=body, start=0, size=len(body)) if 0 < len(body) <= length else None
    told = _CONTENT_RANGE.fullmatch(answer.content_range)
    if told is None:
        return None
    first, last, size = map(int, told.groups())
    expected = max(0, size - length) if start < 0 else start
    whole = (expected, min(expected + length, size) - 1)
    if (first, last) != whole or len(body) != last - first + 1:
        return None
    return Part(body=body, start=first, size=size)


def of(url: str, headers: Mapping[str, str], body: bytes, *, partly: bool = False) -> Reply:
    """The answer that came from *url* with *headers*. partly: its status says that it is a part."""
    return Reply(
        found=True,
        url=url,
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        body=body,
        etag=headers.get("etag", ""),
        last_modified=headers.get("last-modified", ""),
        content_range=headers.get("content-range", "none") if partly else "",
    )
