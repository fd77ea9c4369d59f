"""What removes the container when the launcher can no longer do it.

While the launcher lives, this is a shell of two megabytes that waits on a pipe. When the pipe
closes without a word, it becomes a Python that removes the container, and waits for an engine that
is down. It has a session of its own: what kills the launcher's process group spares it.
"""

from __future__ import annotations

import os
import sys
import time

from kernelspec_lib.launcher.engine import Engine, EngineDown, EngineRefused

_SHELL = "/bin/sh"
_WAITS = """
read -r id || exit 0
while read -r word; do
    [ "$word" = done ] && exit 0
    pid=$word
done
[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
exec "$@" "$id"
"""
"""Told the container's id, then its first process, and at last that nothing is left to do."""
_REMOVES = """import sys
sys.path.append(sys.argv[1])
from kernelspec_lib.launcher import watchdog
watchdog.outlast(*sys.argv[2:])"""
_PATIENCE = 3600
"""Seconds for an engine to come back."""


class Watchdog:
    """The launcher's end of the pipe."""

    def __init__(self, socket: str) -> None:
        """Start the shell. socket: of the engine."""
        reads, self._writes = os.pipe()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        command = (sys.executable, "-I", "-S", "-c", _REMOVES, root, socket)
        os.posix_spawn(
            _SHELL,
            (_SHELL, "-c", _WAITS, "kernelspec-watchdog", *command),
            {"PATH": "/usr/bin:/bin"},
            # Not the server's own output: whoever reads that to its end would wait for this.
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reads, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, null, 2),
            ],
            setsid=True,
        )
        os.close(reads)
        os.close(null)

    def guard(self, container: str) -> None:
        """From now on *container* does not outlive this process."""
        os.write(self._writes, f"{container}\n".encode())

    def aim(self, pid: int) -> None:
        """Its first process is *pid*: killed at once, before the engine is asked.

        Jupyter starts the next kernel the moment this launcher is dead, and talks to whatever
        answers on its ports.
        """
        os.write(self._writes, f"{pid}\n".encode())

    def release(self) -> None:
        """Nothing is left to remove."""
        os.write(self._writes, b"done\n")

    def give_up(self) -> None:
        """This process cannot remove what it guards: the watchdog does it, whenever it can."""
        os.close(self._writes)


def remove(engine: Engine, container: str) -> None:
    """Remove *container*, running or not, if it is there. Raises EngineDown, EngineRefused."""
    for _ in range(100):
        try:
            engine.ask("DELETE", f"/containers/{container}?force=1&v=1")
            return
        except EngineRefused as error:
            if error.status == 404:
                return
            # 409: somebody else is removing it. 500: it is just being started, or stopped.
            if error.status not in (409, 500):
                raise
            time.sleep(0.1)
    raise EngineRefused(409, f"the container {container} cannot be removed")


def outlast(socket: str, container: str) -> None:
    """Remove *container*, however long the engine at *socket* is away."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            remove(Engine(socket), container)
            return
        except (EngineDown, EngineRefused):
            time.sleep(1)
