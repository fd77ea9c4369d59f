"""Files that are kept between runs, each whole or not there.

A folder may vanish, be read-only or hold anything: then there is nothing in it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from kernelspec_lib import atomic


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
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write(path, b"\n".join((_digest(told), told)), mode=0o600)


def remove(path: Path) -> None:
    """Takes *path* away, if that can be."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _digest(told: bytes) -> bytes:
    return hashlib.sha256(told).hexdigest().encode()
