"""Locks that were found lately, kept on disk, so that a second run need not ask the index again.

Kept are locks without a warning, and nothing else: what is called wrong is looked at afresh every
time, so that an old answer never blames anybody. A lock is good for as long as uv is told that a
page of the index is, ten minutes: the index has no serial number that one request could tell.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kernelspec_lib import __version__, keeping
from kernelspec_lib.packages import lock as locks
from kernelspec_lib.packages import shelf
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.packages.target import Target
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject

FORMAT = 2
KEPT_FOR = 30 * 24 * 3600.0
"""Seconds. What is older is taken away."""
_MAX_BYTES = 2 * locks.MAX_BYTES


def home(environment: Mapping[str, str]) -> Path | None:
    """As `keeping.home`; None where the environment names none."""
    named = keeping.home(environment)
    return Path(named) if named else None


def key(
    project: KernelProject, target: Target, config: IndexConfig, policy: Policy, uv: str
) -> str:
    """A digest of all that the verdict on *project* depends on, but for the state of the index.

    uv: the path of its program, whose size and date stand for its version. Raises OSError.
    Of the login there is the user name, and whether there is a password: no digest of a secret.
    """
    tool = Path(uv).stat()
    depends = {
        "format": FORMAT,
        "kernelspec": __version__,
        "uv": [uv, tool.st_size, tool.st_mtime_ns],
        "libs": [[lib.pointer, str(lib.requirement)] for lib in project.libs],
        "fingerprint": locks.fingerprint(project),
        "target": repr(target),
        "index": [config.url, config.username, bool(config.password), config.extra_urls],
        "policy": repr(policy),
    }
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """A folder of locks. It may vanish, be read-only or hold anything: then there are none."""

    folder: Path
    now: Callable[[], float]
    """Seconds since the epoch."""

    def get(self, key: str) -> Lock | None:
        """The lock that was kept as *key*, if it is whole and not too old."""
        path = self.folder / key
        told = shelf.get(path, _MAX_BYTES)
        kept = None if told is None else _read(told, key)
        if kept is None:
            shelf.remove(path)
            return None
        lock, made = kept
        return lock if 0 <= self.now() - made <= keeping.GOOD_FOR else None

    def put(self, key: str, lock: Lock) -> None:
        """Keeps *lock*, if it has no warning and the folder can be written to."""
        if lock.warnings:
            return
        row = {
            "format": FORMAT,
            "key": key,
            "made": self.now(),
            "download_size": lock.download_size,
            "lock": locks.render(lock),
        }
        shelf.put(self.folder / key, json.dumps(row).encode())

    def prune(self) -> None:
        """Takes away what is older than a month."""
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if self.now() - entry.stat(follow_symlinks=False).st_mtime > KEPT_FOR:
                        shelf.remove(Path(entry.path))
        except OSError:
            return


def _read(told: bytes, key: str) -> tuple[Lock, float] | None:
    """The lock in *told*, and when it was made; None for anything but what `put` wrote."""
    try:
        row = json.loads(told)
        if (row["format"], row["key"]) != (FORMAT, key):
            return None
        lock, made, size = locks.parse(row["lock"]), float(row["made"]), row["download_size"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # whole, and of a version of this program that kept something else
    if not isinstance(lock, Lock) or not isinstance(size, int | None):
        return None
    return replace(lock, download_size=size), made
