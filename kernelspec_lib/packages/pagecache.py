"""Pages of the index, kept on disk from one run to the next.

The index is still asked for each of them, whether it has changed (RFC 9110, ETag and
Last-Modified): what blames somebody was looked at in the same run. Only where uv would believe a
page without asking, for ten minutes, a young one may stand for what nobody is blamed for.

What is kept holds no secret: neither the URL of the index nor a login, and no page with addresses
that could be signed. A folder that cannot be written to, or that holds anything else than what was
put there, is an empty one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernelspec_lib import keeping
from kernelspec_lib.packages import shelf
from kernelspec_lib.packages.pages import Page, Releases
from kernelspec_lib.packages.settings import IndexConfig

FORMAT = 1
MOST_BYTES = 256 * 1024**2
"""Of all pages; the oldest go first."""
_LARGEST = 32 * 1024**2
_DIGEST = 65
"""Bytes that stand before what is kept."""


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One page as it was found."""

    made: float
    """When the index last said that it is so, in seconds since the epoch."""
    etag: str
    last_modified: str
    base: str
    """What its addresses stand on, after the URL of the page; empty: that URL."""
    rows: dict[str, bytes]

    @property
    def conditions(self) -> Mapping[str, str]:
        """The headers of a request that wants it only if it has changed; none: always."""
        told = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in told.items() if value}

    def page(self, name: str, url: str) -> Page:
        """The page, which stands at *url*."""
        return Page(name=name, releases=Releases(self.base or url, self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCache:
    """A folder of pages of the index that *config* names."""

    folder: Path
    config: IndexConfig
    now: Callable[[], float]
    """Seconds since the epoch."""

    def get(self, url: str) -> Kept | None:
        """The page at *url* as it was kept, however old."""
        path = self._path(url)
        told = shelf.get(path, _LARGEST)
        try:
            return None if told is None else msgspec.msgpack.decode(told, type=Kept)
        except msgspec.MsgspecError:
            shelf.remove(path)  # of a version of this program that kept something else
            return None

    def young(self, url: str) -> Kept | None:
        """The page at *url* if it was so within the last ten minutes."""
        kept = self.get(url)
        return kept if kept and 0 <= self.now() - kept.made <= keeping.GOOD_FOR else None

    def put(
        self, url: str, page: Page, where: str, *, etag: str = "", last_modified: str = ""
    ) -> None:
        """Keeps *page*, asked for at *url* and found at *where*, if it holds no secret."""
        releases = page.releases
        if not isinstance(releases, Releases) or not releases.plain:
            return
        if self.config.shown != self.config.url:
            return  # it has a token in its path
        base = "" if where == url else where
        kept = Kept(self.now(), etag, last_modified, base, dict(releases.rows))
        told = msgspec.msgpack.encode(kept)
        if len(told) + _DIGEST < _LARGEST:
            shelf.put(self._path(url), told)

    def prune(self) -> None:
        """Takes away the oldest pages, as long as there is more than there may be."""
        found = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    told = entry.stat(follow_symlinks=False)
                    found.append((told.st_mtime, told.st_size, entry.path))
        except OSError:
            return
        size = sum(one[1] for one in found)
        for _, bytes_, path in sorted(found):
            if size <= MOST_BYTES:
                return
            shelf.remove(Path(path))
            size -= bytes_

    def _path(self, url: str) -> Path:
        config = self.config
        # Of the login there is the user name, and whether there is a password, as for verdicts.
        told = [FORMAT, url, config.username, bool(config.password or config.keyring)]
        return self.folder / hashlib.sha256(json.dumps(told).encode()).hexdigest()
