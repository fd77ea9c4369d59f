"""What uv read inside the wheels that it chose, as it lies in its cache.

Its files begin as msgpack, and name the wheel that they came from. No request is made for what is
there; where another uv keeps it otherwise, nothing is, and whoever needs it reads the wheels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from packaging.version import Version

from kernelspec_lib.packages.metadata import Metadata, Trust

if TYPE_CHECKING:
    from kernelspec_lib.packages.pylock import Pin

_MAX_BYTES = 4 * 1024 * 1024
_SUFFIX = ".msgpack"


class Readings:
    """What uv, whose cache is the folder *cache*, read of releases. None: it kept nothing."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str], Metadata] = {}
        self._folders: list[str] = []
        self._last = ""

    def of(self, pin: Pin) -> Metadata | None:
        """What one of the wheels of *pin* says; None: uv kept nothing of them."""
        key = (pin.name, pin.version)
        if key not in self._known:
            told = self._read(pin)
            if told is None:
                return None
            self._known[key] = told
        return self._known[key]

    def _read(self, pin: Pin) -> Metadata | None:
        own = [file.url.encode() for file in pin.files]
        for folder in self._likely() if own else ():
            for raw in _files(f"{folder}/{pin.name}", f"{pin.version}-"):
                # The cache is of several indexes: counted is what came from this very file.
                if any(url in raw for url in own) and (told := _of(pin, raw)) is not None:
                    # The others will lie in the same one.
                    self._last = folder
                    return told
        return None

    def _likely(self) -> list[str]:
        """Where uv keeps what it read of wheels: a folder for each index, the likeliest first."""
        if not self._folders and self._cache:
            self._folders = sorted(folders(self._cache), key=_changed, reverse=True)
        return sorted(self._folders, key=self._last.__ne__)


def _of(pin: Pin, raw: bytes) -> Metadata | None:
    with suppress(ValueError, msgspec.MsgspecError):
        name, version, read = _told(raw)
        if name == pin.name and version == Version(pin.version):
            return read
    return None


def folders(cache: Path) -> Iterator[str]:
    """The folders in uv's *cache* in which there is one for each package."""
    yield from map(str, cache.glob("wheels-v*/index/*"))
    yield from map(str, cache.glob("wheels-v*/*"))


def _changed(folder: str) -> float:
    with suppress(OSError):
        return Path(folder).stat().st_mtime
    return 0


def newest(package: str, since: float) -> bytes | None:
    """What uv wrote after *since* into the folder of a package; None: nothing."""
    with suppress(OSError), os.scandir(package) as kept:
        for entry in kept:
            if entry.name.endswith(_SUFFIX) and entry.stat().st_mtime >= since:
                return _bytes(entry)
    return None


def _files(package: str, start: str) -> Iterator[bytes]:
    """What stands in the files of the folder of a package whose names begin with *start*."""
    with suppress(OSError), os.scandir(package) as kept:
        for entry in kept:
            if entry.name.startswith(start) and entry.name.endswith(_SUFFIX):
                yield _bytes(entry)


def _bytes(entry: os.DirEntry[str]) -> bytes:
    return Path(entry.path).read_bytes() if entry.stat().st_size <= _MAX_BYTES else b""


def metadata_in(raw: bytes) -> Metadata:
    """What stands in *raw*, a file of uv's cache: metadata, how it was fetched, and its own length.

    Raises ValueError and MsgspecError where it is something else.
    """
    return _told(raw)[2]


def _told(raw: bytes) -> tuple[str, Version, Metadata]:
    """The name, the version, and the metadata."""
    told: Any = msgspec.msgpack.decode(raw[: int.from_bytes(raw[-8:], "little")])
    if not isinstance(told, list) or len(told) < 4:
        raise ValueError("it is no metadata")
    name, version, requires, pythons = told[:4]
    if not isinstance(name, str) or not isinstance(version, str):
        raise ValueError("it is of no release")
    if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
        raise ValueError("it is no list of requirements")
    if not isinstance(pythons, str | None):
        raise ValueError("it is no range of Pythons")
    read = Metadata(requires=tuple(requires), requires_python=pythons or "", trust=Trust.EXACT)
    return name, Version(version), read
