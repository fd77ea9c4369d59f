"""The last step of the installer: `laying.py ENVIRONMENT DESTINATION`, run by the image's Python.

Compiles what has no bytecode yet in the environment, which a cache keeps, and copies all of it into
the image's layer: both in one go, on all processors. Standard library only, for Python 3.8 and
newer; it imports nothing of the house.
"""

from __future__ import annotations

import multiprocessing
import os
import py_compile
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import MAGIC_NUMBER, cache_from_source
from typing import Iterator, NamedTuple

CACHE = "__pycache__"
_TESTS = re.compile(r"(^|/)tests?(/|$)")
"""Nobody imports the tests inside libraries: they get no bytecode."""
_FILES = 40
"""That are one task."""


class Part(NamedTuple):
    """Some files of one folder."""

    folder: str
    """Below the environment; "." for itself."""
    names: tuple[str, ...]


def lay(environment: str, destination: str) -> None:
    """Make *destination*, which must not be there, of *environment*, with bytecode.

    Raises OSError where something cannot be read or written.
    """
    parts = list(_parts(environment, destination))
    own = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(own, mp_context=multiprocessing.get_context("fork")) as pool:
        for _ in pool.map(partial(_lay, environment, destination), parts, chunksize=4):
            pass  # what a process met with is raised here


def _parts(environment: str, destination: str) -> Iterator[Part]:
    """All files of *environment*; its folders are made in *destination* on the way."""
    for place, folders, names in os.walk(environment):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        # Bytecode goes with its source.
        folders[:] = [name for name in folders if name != CACHE]
        folder = os.path.relpath(place, environment)
        os.mkdir(os.path.normpath(os.path.join(destination, folder)))
        kept = (*names, *links)
        for start in range(0, len(kept), _FILES):
            yield Part(folder, kept[start : start + _FILES])


def _lay(environment: str, destination: str, part: Part) -> None:
    here = os.path.join(environment, part.folder)
    there = os.path.normpath(os.path.join(destination, part.folder))
    compiles = not _TESTS.search(part.folder)
    for name in part.names:
        source, path = f"{here}/{name}", f"{there}/{name}"
        found = _copied(source, path)
        if found and compiles and name.endswith(".py") and _compiled(source, found, path):
            os.makedirs(f"{there}/{CACHE}", exist_ok=True)
            _copied(cache_from_source(source), cache_from_source(path))


def _copied(source: str, path: str) -> os.stat_result | None:
    """Copy one file, with its mode and its times; what it is, or None for a link.

    There are tens of thousands of them: no call of the system more than is needed.
    """
    try:
        read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        os.symlink(os.readlink(source), path)
        return None
    try:
        found = os.fstat(read)
        write = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, found.st_mode & 0o777)
        try:
            left = found.st_size
            while left:
                left -= os.sendfile(write, read, None, left)
            # Bytecode names the time of its source.
            os.utime(write, ns=(found.st_atime_ns, found.st_mtime_ns))
        finally:
            os.close(write)
    finally:
        os.close(read)
    return found


def _compiled(source: str, found: os.stat_result, path: str) -> bool:
    """Whether *source* has bytecode by now. path: its place in the image, which tracebacks show."""
    cache = cache_from_source(source)
    # Flags (0: the time tells), time and size of the source, the low byte first. Source: PEP 552.
    head = MAGIC_NUMBER + b"".join(
        (number & 0xFFFFFFFF).to_bytes(4, "little")
        for number in (0, int(found.st_mtime), found.st_size)
    )
    try:
        with open(cache, "rb", buffering=0) as there:
            if there.read(len(head)) == head:
                return True
    except FileNotFoundError:
        pass
    try:
        # Not what SOURCE_DATE_EPOCH would choose: digests are compared at every import.
        by_time = py_compile.PycInvalidationMode.TIMESTAMP
        py_compile.compile(source, cache, path, doraise=True, invalidation_mode=by_time)
    except (py_compile.PyCompileError, SyntaxError, ValueError, RecursionError):
        return False  # some libraries carry files for other Pythons
    return True


if __name__ == "__main__":
    lay(sys.argv[1], sys.argv[2])
