"""What a kernel leaves behind: processes, and containers where the engine may be asked.

Nothing here asks how a kernel is contained. The first process of its PID name space, which its
owner can see from outside, takes all others with it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.kernels.container import CONNECTION_LABEL

NAMESPACE = "/proc/self/ns/pid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of this machine; its number may be given anew, its start may not."""

    pid: int
    ticks: int
    """When it started, in clock ticks since the machine did."""

    def runs(self) -> bool:
        """Whether it is there, and no zombie."""
        state, ticks = _stat(self.pid)
        return ticks == self.ticks and state != "Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """By what a kernel is found from outside."""

    first: Process | None
    """The first of its processes; None: not known."""
    connection_file: Path
    engine: Engine | None

    def left(self) -> list[str]:
        """What there still is of it, in words; empty: nothing."""
        found = ["the kernel itself"] if self.first is not None and self.first.runs() else []
        found += [f"{name} (process {pid})" for pid, name in self._named()]
        if self.engine is not None:
            label = f"--filter=label={CONNECTION_LABEL}={self.connection_file}"
            listed = self.engine.ask("ps", "--all", "--quiet", label)
            found += [f"container {one}" for one in listed.stdout.split()]
        return found

    def sweep(self) -> None:
        """Remove what is left, so that a failed case harms nobody."""
        happens(lambda: not self.left(), 3)
        if self.engine is not None:
            engines.remove_containers(self.engine, f"{CONNECTION_LABEL}={self.connection_file}")
        pids = [pid for pid, _ in self._named()]
        if self.first is not None and self.first.runs():
            pids.append(self.first.pid)
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _named(self) -> Iterator[tuple[int, str]]:
        """Clients, launchers and watchdogs: whoever names the connection file."""
        word = str(self.connection_file).encode()
        for pid in _pids():
            with suppress(OSError):
                # A zombie has no command line; this program never has the file in its own.
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                if word in command:
                    yield pid, command.partition(b"\0")[0].decode(errors="replace")


def first_process(namespace: str, pid: int) -> Process | None:
    """The first process of *namespace*, or *pid* where that is this process's own name space.

    None where this user may not see it.
    """
    if namespace == str(Path(NAMESPACE).readlink()):
        return Process(pid=pid, ticks=_stat(pid)[1])
    for candidate in _pids():
        with suppress(OSError):
            if str(Path(f"/proc/{candidate}/ns/pid").readlink()) == namespace:
                status = Path(f"/proc/{candidate}/status").read_text()
                numbers = next(line for line in status.splitlines() if line.startswith("NSpid"))
                if numbers.split()[-1] == "1":
                    return Process(pid=candidate, ticks=_stat(candidate)[1])
    return None


def _pids() -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            yield int(path.name)


def _stat(pid: int) -> tuple[str, int]:
    """State and start of process *pid*; ("", -1) where there is none.

    Source: proc(5), /proc/PID/stat, fields 3 and 22.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", -1
    return fields[0], int(fields[19])


def happens(condition: Callable[[], bool], patience: float) -> bool:
    """Whether *condition* comes true within *patience* seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
