"""What an index answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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


def of(url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """The answer that came from *url* with *headers*."""
    return Reply(
        found=True,
        url=url,
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        body=body,
        etag=headers.get("etag", ""),
        last_modified=headers.get("last-modified", ""),
    )
