"""What was read in archives of releases, kept from one run to the next.

A file with a digest never changes, and of some releases megabytes are read to learn what they need.
It lies beside what uv keeps, and goes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kernelspec_lib.packages import shelf
from kernelspec_lib.packages.metadata import Metadata, Trust
from kernelspec_lib.packages.pages import File

FORMAT = 3
_FOLDER = "kernelspec-needs"
_MOST_BYTES = 1024 * 1024


class Archives:
    """What releases need, as read from their files. cache: uv's folder; None: nothing is kept."""

    def __init__(self, cache: Path | None) -> None:
        self._folder = cache / _FOLDER if cache else None

    def get(self, files: Sequence[File]) -> Metadata | None:
        """What the release with *files* needs; None: it was not read, or nothing was found."""
        path = self._path(files)
        told = shelf.get(path, _MOST_BYTES) if path else None
        if told is None:
            return None
        try:
            return msgspec.msgpack.decode(told, type=Metadata)
        except msgspec.MsgspecError:
            return None  # of a version of this program that kept something else

    def put(self, files: Sequence[File], told: Metadata) -> None:
        """Keeps *told* of the release with *files*, if it says anything."""
        path = self._path(files)
        if path is None or told.trust is Trust.UNKNOWN:
            return
        packed = msgspec.msgpack.encode(told)
        if len(packed) < _MOST_BYTES // 2:
            shelf.put(path, packed)

    def _path(self, files: Sequence[File]) -> Path | None:
        digests = [one.sha256 for one in files]
        if self._folder is None or None in digests:
            return None
        return self._folder / hashlib.sha256(f"{FORMAT} {digests}".encode()).hexdigest()
