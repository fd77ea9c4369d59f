"""What all kernels of a run share while their pins are looked at: index, cache, threads."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from threading import Lock as Mutex
from typing import TYPE_CHECKING

from kernelspec_lib.packages import children, guess, uv, verdicts
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.packages.verdicts import Verdicts
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject

if TYPE_CHECKING:
    from kernelspec_lib.packages.index import Index


class Asking:
    """One open index, one cache and some threads, for all kernels of a run."""

    def __init__(self, stack: ExitStack, config: IndexConfig, *, cached: bool) -> None:
        self.config = config
        self._stack = stack
        home = verdicts.home(os.environ) if cached and not config.is_secret else None
        self._cache = home / "uv" if home else None
        self._pages = home / "pages" if home else None
        self.verdicts = Verdicts(folder=home / "verdicts", now=time.time) if home else None
        self.familiar: Callable[[], Collection[str]] = tuple
        """Names of libraries that the site uses."""
        self._begun: dict[object, Callable[[], object]] = {}
        self._threads: children.Threads | None = None
        self._opening = Mutex()
        self._open: Index | None = None

    def index(self) -> Index:
        """The index, opened for the first who asks."""
        with self._opening:
            if self._open is None:
                from kernelspec_lib.packages.index import open_index
                from kernelspec_lib.packages.pagecache import PageCache

                pages = self._pages
                kept = PageCache(folder=pages, config=self.config, now=time.time) if pages else None
                self._open = self._stack.enter_context(open_index(self.config, cache=kept))
            return self._open

    @property
    def cache(self) -> Path:
        """The folder of uv's cache, for this run alone where nothing may be kept."""
        if self._cache is None:
            folder = tempfile.TemporaryDirectory(prefix="kernelspec-cache-")
            self._cache = Path(self._stack.enter_context(folder))
        return self._cache

    @property
    def idle(self) -> bool:
        """Whether nothing was handed out yet."""
        return self._threads is None

    def begin(self, project: KernelProject, policy: Policy) -> uv.Question | None:
        """uv, asked for the libs of *project*."""
        begun = guess.begin(project, self.config, os.environ, self.cache, policy)
        if begun is not None:
            # Whoever should wait for it may be interrupted.
            self._stack.callback(begun.end)
        return begun

    def once(self, key: object, task: Callable[[], object]) -> Callable[[], object]:
        """Hands out *task*, unless *key* is under way."""
        if self._threads is None:
            self._threads = self._stack.enter_context(children.threads(os.cpu_count() or 1))
        if key not in self._begun:
            self._begun[key] = self._threads.hand_out(task)
        return self._begun[key]

    def close(self) -> None:
        """Takes what is old out of what is kept."""
        if self._threads is not None and self.verdicts is not None:
            self.verdicts.prune()
