"""While a kernel runs: its output, its signals, its server, and its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from kernelspec_lib.launcher import cgroups
from kernelspec_lib.launcher.cgroups import Strain
from kernelspec_lib.launcher.ear import Ear
from kernelspec_lib.launcher.ends import End
from kernelspec_lib.launcher.engine import Engine, EngineDown, EngineRefused
from kernelspec_lib.launcher.watchdog import Watchdog, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from kernelspec_lib.launcher.call import Call

_GRACE = 2.0
"""Seconds that a kernel has after SIGTERM. Jupyter kills the launcher half a second later."""
_ABSENT = 20.0
"""Seconds that an engine may be away when a kernel has ended."""
_HEADER = 8
_MAX_TAIL = 4000


class Signals:
    """What this process is told, as descriptors that can be waited on; and its server's end."""

    def __init__(self) -> None:
        self._reads, writes = os.pipe()
        os.set_blocking(writes, False)
        os.set_blocking(self._reads, False)
        signal.set_wakeup_fd(writes)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        self._above: dict[int, int] = {}
        self._gone = False

    def end_with(self, pid: int) -> None:
        """This process ends with *pid*: the notebook server, and what Jupyter has started."""
        if pid in self._above:
            return
        try:
            self._above[pid] = os.pidfd_open(pid)
        except OSError:
            self._gone = True

    @property
    def fds(self) -> list[int]:
        """What to wait on."""
        return [self._reads, *self._above.values()]

    def server_ended(self) -> bool:
        """Whether the notebook server is gone, or whoever else it was."""
        return self._gone or bool(select.select(list(self._above.values()), [], [], 0)[0])

    def told(self) -> set[int]:
        """The signals that have come."""
        try:
            return set(os.read(self._reads, 64))
        except BlockingIOError:
            return set()

    def to_end(self) -> bool:
        """Whether this process is to end, for whatever reason."""
        return bool(self.told() - {signal.SIGINT}) or self.server_ended()


class Running:
    """A container that was started, and what holds it."""

    __slots__ = ("engine", "id", "output", "strain", "watchdog")

    def __init__(
        self, engine: Engine, container: str, output: _socket.socket, dog: Watchdog, strain: Strain
    ) -> None:
        self.engine, self.id, self.output = engine, container, output
        self.watchdog, self.strain = dog, strain


class Supervisor:
    """Waits for the end of one kernel."""

    def __init__(self, running: Running, call: Call, signals: Signals) -> None:
        self._running, self._signals = running, signals
        self._ear = Ear(call.connection, call.owner)
        self._own = Strain(None)
        self._wanted = False
        self._deadline: float | None = None
        self._buffer = b""
        self._tail = b""

    def wait(self) -> End:
        """The end of the kernel, whose container is then removed."""
        if pid := self._told().get("State", {}).get("Pid"):
            self._running.watchdog.aim(pid)
            self._own = Strain(cgroups.of(pid))
        while self._goes_on():
            pass
        return self._bury()

    def _goes_on(self) -> bool:
        """Wait for the next thing to happen. False: the kernel has ended, or must."""
        output = self._running.output.fileno()
        ear = self._ear.fileno()
        strains = (self._running.strain, self._own)
        fds = [*self._signals.fds, output, *([ear] if ear >= 0 else ())]
        fds += [one for strain in strains for one in strain.reads]
        urgent = [one for strain in strains for one in strain.urgent]
        due = [one for one in (self._deadline, self._ear.due()) if one is not None]
        left = max(min(due) - time.monotonic(), 0) if due else None
        ready = select.select(fds, [], urgent, left)[0]
        for strain in strains:
            strain.look()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return False
        if self._signals.server_ended():
            self._wanted = True
            return False
        numbers = self._signals.told()
        if signal.SIGINT in numbers:
            self._signal("INT")
        if numbers - {signal.SIGINT}:
            self._end()
        if ear < 0 or ear in ready:
            self._ear.listen()
        return output not in ready or self._pass_on()

    def _end(self) -> None:
        self._wanted = True
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
        try:
            got = self._running.output.recv(65536)
        except OSError:
            got = b""
        if not got:
            return self._attached_again()
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
        return True

    def _attached_again(self) -> bool:
        """Whether the kernel runs on: an engine that was restarted drops who listens."""
        deadline = time.monotonic() + _ABSENT
        while not self._signals.server_ended():
            try:
                if not self._told().get("State", {}).get("Running"):
                    return False
                self._running.output.close()
                self._running.output = self._running.engine.attach(self._running.id)
                self._buffer = b""
                return True
            except (EngineDown, EngineRefused):
                if time.monotonic() > deadline and not self._lives():
                    return False
                time.sleep(0.2)
        return False

    def _lives(self) -> bool:
        """Whether the kernel still answers, though the engine does not."""
        self._ear.listen()
        return self._ear.fileno() >= 0

    def _told(self) -> dict[str, Any]:
        """What the engine says of the container; empty where somebody has removed it."""
        try:
            told: dict[str, Any] = self._running.engine.ask(
                "GET", f"/containers/{self._running.id}/json"
            )
        except EngineRefused:
            return {}
        return told

    def _bury(self) -> End:
        self._ear.close()
        told: dict[str, Any] = {}
        try:
            told = self._told()
            remove(self._running.engine, self._running.id)
            self._running.watchdog.release()
        except (EngineDown, EngineRefused):
            self._running.watchdog.give_up()
        said = self._tail.decode(errors="replace")
        return End(told, said, self._ear, self._running.strain, self._own, self._wanted)
