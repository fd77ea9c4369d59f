"""Programs that threads wait for, and that an interrupt of the main thread ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from kernelspec_lib.errors import KernelspecError

T = TypeVar("T")

_PATIENCE = 2.0
"""Seconds for which threads may tidy up once they were interrupted."""
_running: set[subprocess.Popen[str]] = set()


def start(
    command: Sequence[str], *, folder: str, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """*command* at work, for `finish` to wait for or `give_up` to end."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    _running.add(process)
    return process


def finish(process: subprocess.Popen[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """What *process* said, once it has ended. Raises subprocess.TimeoutExpired."""
    with process:
        try:
            out, error = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
        finally:
            _running.discard(process)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def give_up(process: subprocess.Popen[str]) -> None:
    """Ends *process*, if it has not ended: nobody wants to know any more what it says."""
    with process:
        process.kill()
    _running.discard(process)


@dataclass(kw_only=True)
class Purse:
    """How many runs of programs, and until when, are left to spend."""

    runs: int
    now: Callable[[], float]
    """A clock, in seconds."""
    deadline: float

    def spend(self) -> bool:
        """Takes a run out, if there is one and it is not too late."""
        self.runs -= 1
        return self.runs >= 0 and self.left() > 0

    def left(self) -> float:
        """Seconds."""
        return self.deadline - self.now()


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
