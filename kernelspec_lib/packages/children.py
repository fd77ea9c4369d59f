"""Programs that threads wait for, and that an interrupt of the main thread ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from kernelspec_lib.errors import KernelspecError

T = TypeVar("T")

_PATIENCE = 2.0
"""Seconds for which threads may tidy up once they were interrupted."""
_running: set[subprocess.Popen[str]] = set()


@dataclass(slots=True)
class _Own:
    """The programs of one task that runs beside another."""

    programs: list[subprocess.Popen[str]] = field(default_factory=list)
    ended: bool = False

    def add(self, program: subprocess.Popen[str]) -> None:
        self.programs.append(program)
        # Whoever ends the task may have looked at the list a moment before.
        if self.ended:
            program.kill()

    def end(self) -> None:
        self.ended = True
        for program in self.programs:
            program.kill()


_own: ContextVar[_Own | None] = ContextVar("_own", default=None)


def run(
    command: Sequence[str], *, folder: str, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """What *command* said, once it has ended. Raises subprocess.TimeoutExpired."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        _running.add(process)
        own = _own.get()
        try:
            if own is not None:
                own.add(process)
            out, error = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
        finally:
            _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, error)


class Beside(Generic[T]):
    """A task that runs in a thread of its own from now on."""

    def __init__(self, task: Callable[[], T]) -> None:
        self._own = _Own()
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._future = self._pool.submit(self._work, task)

    def _work(self, task: Callable[[], T]) -> T:
        _own.set(self._own)
        return task()

    def answer(self) -> T:
        """What came of the task, or its exception, once it has ended."""
        return self._future.result()

    def end(self) -> None:
        """Nobody wants the answer any more: a program that the task waits for is killed."""
        self._own.end()
        self._pool.shutdown()


@contextmanager
def beside(task: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """A function that waits for the answer of *task*, which is wanted until the block is left."""
    running = Beside(task)
    try:
        yield running.answer
    finally:
        running.end()


class Threads:
    """Threads that do what they are handed out, for as long as `threads` runs."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.begun: list[Future[Any]] = []

    def hand_out(self, task: Callable[[], T]) -> Callable[[], T | KernelspecError]:
        """A function that waits for the answer of *task*. An error of the world is an answer."""
        future = self._pool.submit(partial(_answered, task))
        self.begun.append(future)
        return future.result


@contextmanager
def threads(number: int) -> Iterator[Threads]:
    """*number* threads.

    Where the block is left by an exception, Ctrl-C among them, programs that `run` started are
    killed, and nothing that is not begun yet is begun.
    """
    pool = ThreadPoolExecutor(max_workers=number)
    working = Threads(pool)
    try:
        yield working
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _end(working.begun)
        raise
    pool.shutdown()


def _answered(task: Callable[[], T]) -> T | KernelspecError:
    try:
        return task()
    except KernelspecError as trouble:
        return trouble


def _end(begun: Sequence[Future[Any]]) -> None:
    """Kills programs until no task is left that could start another, or patience ends."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        for process in tuple(_running):
            process.kill()
        waiting = wait(begun, timeout=0.05).not_done
        if not waiting or time.monotonic() > deadline:
            return
