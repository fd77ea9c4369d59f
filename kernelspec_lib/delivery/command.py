"""Programs that a delivery calls: never through a shell, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

MAX_LINES = 2000
"""Of a long output, the last ones: an error stands at its end."""
_GRACE = 10.0
"""Seconds that a program has to end by itself once it is told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program said that answers a question."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a program said that took its time."""

    returncode: int
    lines: tuple[str, ...]
    """Both outputs as they came, at most MAX_LINES."""
    timed_out: bool


def ask(argv: Sequence[str], environment: Mapping[str, str], timeout: float) -> Answer:
    """Run *argv* to its end.

    timeout: seconds; then the program is killed, and the answer is 124 as timeout(1) has it; 126
    where it cannot be started.
    """
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(returncode=124, stdout="", stderr=f"no answer within {timeout:g} seconds")
    except OSError as error:
        return Answer(returncode=126, stdout="", stderr=error.strerror or str(error))
    return Answer(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def follow(
    argv: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
    told: Callable[[str], None],
    descriptors: Sequence[int] = (),
) -> Followed:
    """Run *argv* to its end, and hand each line of its output to *told* as it comes.

    descriptors: open files that it inherits. timeout: seconds. At its end, and when this program is
    interrupted, the other one is ended with everything it has started. Raises OSError where it
    cannot be started.
    """
    lines: deque[str] = deque(maxlen=MAX_LINES)
    process = _started(argv, environment, descriptors)
    late = threading.Event()
    timer = _timer(timeout, process, late)
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            lines.append(line.rstrip("\r\n"))
            told(lines[-1])
        process.wait()
    finally:
        timer.cancel()
        _end(process)
        timer.join()
        if process.stdout is not None:
            process.stdout.close()
    return Followed(returncode=process.returncode, lines=tuple(lines), timed_out=late.is_set())


def _started(
    argv: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        # A group of its own: its children are ended with it.
        start_new_session=True,
        pass_fds=descriptors,
    )


def _timer(
    timeout: float, process: subprocess.Popen[str], late: threading.Event
) -> threading.Timer:
    timer = threading.Timer(timeout, _end_late, (process, late))
    timer.daemon = True
    timer.start()
    return timer


def _end_late(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End what is left of *process* and its group: asked first, then killed."""
    for deed in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, deed)
        except ProcessLookupError:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
