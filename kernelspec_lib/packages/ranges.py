"""An archive at its server, of which no more is brought here than what is read of it.

A zip has its contents listed at its end: of a wheel of 500 MB that list and the METADATA are
enough. Nothing that the archive says of itself makes more be read than there is room for.
"""

from __future__ import annotations

import io
import os
import zipfile

from kernelspec_lib.packages.index import Index
from kernelspec_lib.packages.reply import Part

WHOLE = 16 * 1024 * 1024
"""Bytes of one archive that are brought here at the most, in parts or whole."""
_END, _PIECE = 128 * 1024, 64 * 1024
"""Bytes that are asked for at once: first, which holds the list of most wheels, and then."""


def opened(index: Index, url: str, most: int = WHOLE) -> io.BytesIO | Remote | None:
    """The archive at *url*, for zipfile; None: there is none, or not so that it can be read.

    most: bytes, of one whose server sends no parts and that is read whole. Raises
    IndexUnreachable; what is returned does so when it is read.
    """
    end = index.part(url, -_END, _END)
    if end is not None:
        return Remote(index, url, end)
    whole = index.beginning(url, most) if most else None
    # One that was cut off may end in another archive, which would be taken for it.
    return io.BytesIO(whole) if whole and len(whole) < most else None


class Remote(io.RawIOBase):
    """The file at *url*, read in parts; *end* is one that was brought already.

    Raises BadZipFile where it would be too much, or where the server sends something else.
    """

    def __init__(self, index: Index, url: str, end: Part) -> None:
        super().__init__()
        self._index, self._url, self._size = index, url, end.size
        self._held = [end]
        self._at, self._left = 0, WHOLE

    def seekable(self) -> bool:
        """As io.IOBase.seekable."""
        return True

    def readable(self) -> bool:
        """As io.IOBase.readable."""
        return True

    def tell(self) -> int:
        """As io.IOBase.tell."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As io.IOBase.seek."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("that is before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """As io.RawIOBase.read, but for never less than there is."""
        begin = self._at
        end = self._size if size is None or size < 0 else min(self._size, begin + size)
        if end <= begin:
            return b""
        held = next((one for one in self._held if _holds(one, begin, end)), None)
        if held is None:
            held = self._brought(begin, min(self._size, max(end, begin + _PIECE)))
        self._at = end
        return held.body[begin - held.start : end - held.start]

    def _brought(self, begin: int, end: int) -> Part:
        self._left -= end - begin
        if self._left < 0:
            raise zipfile.BadZipFile("it is longer than there is room for")
        part = self._index.part(self._url, begin, end - begin)
        if part is None or part.size != self._size or not _holds(part, begin, end):
            raise zipfile.BadZipFile("its server sends something else")
        self._held.append(part)
        return part


def _holds(part: Part, begin: int, end: int) -> bool:
    return part.start <= begin and end <= part.start + len(part.body)
