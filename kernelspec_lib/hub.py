"""Hooks for JupyterHub and the servers that it starts, so that no kernel outlives its server.

In `jupyterhub_config.py`:

    from kernelspec_lib import hub
    c.Spawner.post_stop_hook = hub.post_stop_hook

In `jupyter_server_config.py`:

    from kernelspec_lib import hub
    hub.stop_in_order(c, idle_hours=12)

Loads next to nothing, and the rest when a server has stopped: every user's server pays for it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernelspec_lib.errors import KernelspecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kernelspec_lib.launcher.engine import Engine
    from kernelspec_lib.policy import Policy

_ROUNDS = 20
_PAUSE = 0.25
"""Seconds between two looks: a kernel that was being started may have its container only now."""
_LOOK_EVERY = 300
"""Seconds between two looks for idle kernels."""


async def post_stop_hook(spawner: Any) -> None:
    """Remove the containers of the user whose server has stopped.

    Where the user has another server that runs, only of kernels whose own server is gone. spawner:
    JupyterHub's. What cannot be done is written into the hub's log: a hub must not stop for it.
    """
    login = spawner.user.name.lower()
    others = [one for one in spawner.user.spawners.values() if one is not spawner and one.active]
    try:
        removed = await asyncio.to_thread(remove_kernels, login, only_orphans=bool(others))
    except (KernelspecError, OSError) as error:
        spawner.log.error("kernels of %s may have stayed behind: %s", login, error)
    else:
        if removed:
            spawner.log.info("removed %d kernels that %s left behind", removed, login)


def stop_in_order(config: Any, *, idle_hours: float | None = None) -> None:
    """Let this server shut its kernels down when the hub stops it, and those that idle too long.

    JupyterHub sends SIGINT, which a server without a terminal does not act on: it would end and
    leave its kernels. config: the `c` of the configuration file. idle_hours: None for no limit.
    """
    signal.signal(signal.SIGINT, _terminate)
    if idle_hours is not None:
        manager = config.MappingKernelManager
        manager.cull_idle_timeout = int(idle_hours * 3600)
        manager.cull_interval = min(_LOOK_EVERY, manager.cull_idle_timeout)
        # A notebook that is left open in a browser is the usual case, not the exception.
        manager.cull_connected = True


def _terminate(number: int, frame: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def remove_kernels(login: str, *, only_orphans: bool) -> int:
    """Remove what kernels of *login* there are; how many containers those were.

    only_orphans: spare kernels whose server runs. Raises EngineSilent, EngineUnwilling.
    """
    from kernelspec_lib.kernels import orphan
    from kernelspec_lib.watch import containers

    socket = containers.socket_of(_policy(), os.environ)
    removed: set[str] = set()
    quiet = 0
    for _ in range(_ROUNDS):
        clients = [pid for pid in _clients(login) if not _has_server(pid)]
        for pid in clients:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        doomed = [
            one.id
            for one in containers.listed(socket, login)
            if not only_orphans or orphan.reason(one.connection_file, one.parent, orphan.commands)
        ]
        containers.each(socket, doomed, _remove)
        removed.update(doomed)
        quiet = 0 if clients or doomed else quiet + 1
        if quiet == 2:
            break
        time.sleep(_PAUSE)
    return len(removed)


def _remove(engine: Engine, container: str) -> None:
    from kernelspec_lib.launcher.engine import EngineRefused
    from kernelspec_lib.launcher.watchdog import remove

    with suppress(EngineRefused):  # The next look will tell.
        remove(engine, container)


def _policy() -> Policy:
    """The site's; the built-in one where it has a mistake, which must not keep a kernel alive."""
    from kernelspec_lib import policy

    try:
        return policy.load(policy.find(None, os.environ))
    except KernelspecError:
        return policy.Policy()


def _clients(login: str) -> Iterator[int]:
    """The processes that are a `docker run`, or a `podman run`, of a kernel of *login*."""
    from kernelspec_lib.kernels import orphan
    from kernelspec_lib.kernels.container import OWNER_LABEL

    label = f"--label={OWNER_LABEL}={login}".encode()
    for pid in orphan.processes():
        words = orphan.command(pid).split(b"\0")
        if label in words and Path(os.fsdecode(words[0])).name in ("docker", "podman"):
            yield pid


def _has_server(pid: int) -> bool:
    """Whether the server that started *pid* is still its parent, as Jupyter tells it."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return False
    return f"JPY_PARENT_PID={parent}".encode() in variables
