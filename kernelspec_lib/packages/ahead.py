"""What will be wanted once uv has ended, begun while it is still at work.

Of most packages that the libs bring, uv itself tells all that is looked at. A wheel that does not
say for which Pythons it is may have it said on its page, and all those pages are wanted once uv
has ended. But uv keeps what it reads inside a wheel under the name of the package, so its cache
tells while it works. What releases need is taken apart on the way. All of this is no more than a
hint: where uv keeps it otherwise, all is as good, and slower.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import msgspec

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import needs, readings
from kernelspec_lib.packages.index import Index

_EVERY = 0.04
"""Seconds between two looks."""
_THREADS = 4


@contextmanager
def foreseeing(index: Index, cache: Path | None) -> Iterator[None]:
    """As long as the block runs, *index* is asked for pages that uv, whose cache is *cache*, will
    leave wanted."""
    if cache is None:
        yield
        return
    ended = Event()
    names: SimpleQueue[str | None] = SimpleQueue()
    recent = index.recent()
    # Nobody waits for them at the end: the index may be slow, and the answer be known already.
    workers = [Thread(target=_ask, args=(recent, names), daemon=True) for _ in range(_THREADS)]
    watch = Thread(target=_watch, args=(cache, names, ended), daemon=True)
    for thread in (*workers, watch):
        thread.start()
    try:
        yield
    finally:
        ended.set()


def _watch(cache: Path, names: SimpleQueue[str | None], ended: Event) -> None:
    # Clocks of file systems tick more coarsely than the one here.
    since = time.time() - 0.05
    read: set[str] = set()
    while not ended.wait(_EVERY):
        for name, raw in _read_since(cache, since, read):
            with suppress(ValueError, msgspec.MsgspecError):
                told = readings.metadata_in(raw)
                if not told.requires_python:
                    names.put(name)
                needs.foresee(told)
    for _ in range(_THREADS):
        names.put(None)


def _read_since(cache: Path, since: float, read: set[str]) -> Iterator[tuple[str, bytes]]:
    """The packages of which uv has read a wheel after *since*, and what it wrote of it.

    read: their folders, from which nothing more is wanted; it grows.
    """
    for folder in readings.folders(cache):
        with suppress(OSError):
            if Path(folder).stat().st_mtime < since:
                continue
            with os.scandir(folder) as packages:
                for package in packages:
                    if package.path not in read and (raw := readings.newest(package.path, since)):
                        read.add(package.path)
                        yield package.name, raw


def _ask(index: Index, names: SimpleQueue[str | None]) -> None:
    while (name := names.get()) is not None:
        # Whoever wants the page will be told.
        with suppress(KernelspecError):
            index.page(name)
