"""Files that are kept between runs, each whole or not there.

A folder may vanish, be read-only or hold anything: then there is nothing in it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def get(path: Path, most: int) -> bytes | None:
    """What was put at *path*, of at most *most* bytes; None: nothing, or no longer the same."""
    try:
        with path.open("rb") as file:
            digest, _, told = file.read(most).partition(b"\n")
    except OSError:
        return None
    if digest != _digest(told):
        # A machine that lost its power, or another hand: it is no news to anybody.
        remove(path)
        return None
    return told


def put(path: Path, told: bytes) -> None:
    """Keeps *told* at *path* for its owner alone, if the folder can be written to."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, staged = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(told) + b"\n")
                file.write(told)
            Path(staged).replace(path)
        except BaseException:
            remove(Path(staged))
            raise
    except OSError:
        return


def remove(path: Path) -> None:
    """Takes *path* away, if that can be."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _digest(told: bytes) -> bytes:
    return hashlib.sha256(told).hexdigest().encode()
