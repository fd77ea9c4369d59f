"""Pages that will be wanted, asked for while uv is still at work.

Which packages the libs depend on is known once uv has ended, and then all their pages are wanted
at once. But uv keeps each page that it reads as a file with the name of the package, so its cache
tells while it works. This is no more than a hint: where uv keeps them otherwise, all is as good,
and slower.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages.index import Index

_EVERY = 0.02
"""Seconds between two looks."""
_SUFFIX = ".rkyv"
_THREADS = 6


@contextmanager
def foreseeing(index: Index, cache: Path | None) -> Iterator[None]:
    """As long as the block runs, *index* is asked for what uv, whose cache is *cache*, reads."""
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
    told: set[str] = set()
    looked: dict[str, int] = {}
    while not ended.wait(_EVERY):
        for name in _read_since(cache, since, looked):
            if name not in told:
                told.add(name)
                names.put(name)
    for _ in range(_THREADS):
        names.put(None)


def _read_since(cache: Path, since: float, looked: dict[str, int]) -> Iterator[str]:
    """The packages whose pages were kept after *since*. looked: each folder's state, as seen."""
    with suppress(OSError):
        for folder in (*cache.glob("simple-v*/index/*"), *cache.glob("simple-v*/*")):
            state = folder.stat().st_mtime_ns
            if looked.get(str(folder)) == state:
                continue
            looked[str(folder)] = state
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(_SUFFIX) and entry.stat().st_mtime >= since:
                        yield entry.name.removesuffix(_SUFFIX)


def _ask(index: Index, names: SimpleQueue[str | None]) -> None:
    while (name := names.get()) is not None:
        # Whoever wants the page will be told.
        with suppress(KernelspecError):
            index.page(name)
