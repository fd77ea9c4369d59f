"""What uv does before anything else, begun while the command line is still loaded.

On a first run uv looks at the Python that it is called with: it starts it, which takes it a tenth
of a second, and keeps what it saw. Where this fails, uv will look for itself.

The module is loaded before everything else, so it stands on little.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence

from kernelspec_lib import keeping

_KEPT = ("PATH", "HOME", "TMPDIR", "LANG")
_NOWHERE = (
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
)

_woken: list[int] = []
"""The process that was begun, until somebody has waited for it."""


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """What every program needs of *environment*, and none of uv's settings."""
    return {name: environment[name] for name in _KEPT if name in environment}


def uv_beside() -> str:
    """The uv of the virtual environment that runs; empty where it has none, or none runs."""
    # uv's own package asks sysconfig, which takes longer to load than all else that starts it.
    path = os.path.join(os.path.dirname(sys.executable), "uv")  # noqa: PTH118, PTH120
    return path if sys.prefix != sys.base_prefix and os.access(path, os.X_OK) else ""


def wake(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Lets uv look at the Python that runs, if the command line *arguments* will want it to."""
    if not arguments or arguments[0] not in keeping.COMMANDS or "--no-cache" in arguments:
        return
    home, uv = keeping.home(environment), uv_beside()
    if not home or not uv:
        return
    cache = f"{home}/uv"
    try:
        if any(name.startswith("interpreter-v") for name in os.listdir(cache)):  # noqa: PTH208
            return
    except OSError:
        pass  # there is none yet
    command = [uv, "python", "find", "--no-config", "--no-project", "--offline"]
    command += ["--no-python-downloads", "--quiet", "--cache-dir", cache, sys.executable]
    try:
        _woken.append(os.posix_spawn(uv, command, bare(environment), file_actions=_NOWHERE))
    except OSError:
        return


def ready() -> None:
    """Waits until uv has looked, if it was woken: it would only begin the same once more."""
    while _woken:
        try:
            os.waitpid(_woken.pop(), 0)
        except ChildProcessError:
            return


def end() -> None:
    """Nobody will ask uv anything: nothing of what was woken is left behind."""
    for process in _woken:
        os.kill(process, signal.SIGKILL)
    ready()
