"""While a kernel runs: its output, its signals, its server, and its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from kernelspec_lib.launcher.engine import EngineDown, EngineRefused
from kernelspec_lib.launcher.watchdog import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kernelspec_lib.launcher.launch import Running

_GRACE = 2.0
"""Seconds that a kernel has after SIGTERM. Jupyter kills the launcher half a second later."""
_HEADER = 8
_MAX_TAIL = 4000


class End:
    """How a kernel ended."""

    __slots__ = ("code", "oom", "said", "wanted")

    def __init__(self, code: int, said: str, *, oom: bool, wanted: bool) -> None:
        self.code, self.said, self.oom, self.wanted = code, said, oom, wanted
        """code: its exit code. said: the last that it wrote. wanted: it was told to end."""


class Supervisor:
    """Waits for the end of one kernel."""

    def __init__(self, running: Running, server: int) -> None:
        self._running = running
        self._ended_by_us = False
        self._deadline: float | None = None
        self._buffer = b""
        self._tail = b""
        self._signals, writes = os.pipe()
        os.set_blocking(writes, False)
        os.set_blocking(self._signals, False)
        signal.set_wakeup_fd(writes)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        try:
            self._server = os.pidfd_open(server)
        except OSError:
            self._server = -1

    def wait(self) -> End:
        """The end of the kernel, whose container is then removed. Raises EngineDown."""
        pid = self._state().get("Pid")
        if pid:
            self._running.watchdog.aim(pid)
        poll = select.poll()
        output = self._running.output
        for one in (self._signals, output.fileno(), *([self._server] if self._server >= 0 else ())):
            poll.register(one, select.POLLIN)
        if self._server < 0:
            self._end()
        while True:
            left = None if self._deadline is None else self._deadline - time.monotonic()
            ready = dict(poll.poll(None if left is None else max(left, 0) * 1000))
            if not ready:
                break
            if self._signals in ready:
                self._handle(os.read(self._signals, 64))
            if self._server in ready:
                break
            if output.fileno() in ready and not self._pass_on():
                break
        return self._bury()

    def _handle(self, numbers: bytes) -> None:
        if signal.SIGINT in numbers:
            self._signal("INT")
        if set(numbers) - {signal.SIGINT}:
            self._end()

    def _end(self) -> None:
        self._ended_by_us = True
        if self._deadline is None:
            self._deadline = time.monotonic() + _GRACE
            self._signal("TERM")

    def _signal(self, name: str) -> None:
        # It may have ended by itself, which is what comes next.
        with contextlib.suppress(EngineRefused, EngineDown):
            container = self._running.id
            self._running.engine.ask("POST", f"/containers/{container}/kill?signal={name}")

    def _pass_on(self) -> bool:
        """Write out what the container wrote. False: it has ended."""
        got = self._running.output.recv(65536)
        self._buffer += got
        while len(self._buffer) >= _HEADER:
            size = int.from_bytes(self._buffer[4:_HEADER], "big")
            if len(self._buffer) < _HEADER + size:
                break
            target = 1 if self._buffer[0] == 1 else 2
            text = self._buffer[_HEADER : _HEADER + size]
            self._buffer = self._buffer[_HEADER + size :]
            self._tail = (self._tail + text)[-_MAX_TAIL:]
            with contextlib.suppress(OSError):  # Nobody reads it any more.
                os.write(target, text)
        return bool(got)

    def _state(self) -> dict[str, Any]:
        """What the engine says of the container; empty where somebody has removed it."""
        try:
            told = self._running.engine.ask("GET", f"/containers/{self._running.id}/json")
        except EngineRefused:
            return {}
        state: dict[str, Any] = told["State"]
        return state

    def _bury(self) -> End:
        state = self._state()
        remove(self._running.engine, self._running.id)
        self._running.watchdog.release()
        return End(
            int(state.get("ExitCode", 137)),
            self._tail.decode(errors="replace"),
            oom=bool(state.get("OOMKilled")),
            wanted=self._ended_by_us or not state,
        )
