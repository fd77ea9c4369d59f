"""How a client reaches the kernel in its container.

`host`: as any kernel. `bridge`: the five ports are published on the loopback address. Where the
transport is ipc, sockets in a folder that is mounted, with any network, and with none at all.
"""

from __future__ import annotations

import contextlib
import os

from kernelspec_lib.launcher.connection import PORTS
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.terms import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kernelspec_lib.launcher.body import Body
    from kernelspec_lib.launcher.call import Call

_SOCKETS = "/run/kernelspec"
"""In the container."""
_FIRST_FREE = 1024


def join(body: Body, call: Call, network: str) -> Any:
    """Give the container *network*. What its connection file must say instead, or None.

    Raises Refused.
    """
    body.host["NetworkMode"] = network
    connection = call.connection
    if connection.transport == "ipc":
        folder = _sockets(call)
        mounted = Folder(folder, _SOCKETS, False)
        body.mount(call.stage.folder(mounted, call.owner), mounted)
        return {**connection.value, "ip": f"{_SOCKETS}/k"}
    if network == "none":
        raise Refused(
            "This site gives kernels no network, so Jupyter must reach them by files: your "
            'administrator sets c.KernelManager.transport = "ipc" in jupyter_server_config.py.'
        )
    if network == "host":
        return None
    ports = [connection.port(name) for name in PORTS]
    if not connection.ip.startswith("127.") or min(ports) < _FIRST_FREE:
        raise Refused(
            f"The kernel's ports would be open to others at {connection.ip}: in the network "
            "bridge, a connection file names a loopback address and ports from 1024."
        )
    body.value["ExposedPorts"] = {f"{port}/tcp": {} for port in ports}
    body.host["PortBindings"] = {
        f"{port}/tcp": [{"HostIp": connection.ip, "HostPort": str(port)}] for port in ports
    }
    # All of the container's own: it has no other address that it could know beforehand.
    return {**connection.value, "ip": "0.0.0.0"}  # noqa: S104


def leave(call: Call) -> None:
    """Take away the folder of sockets, if there is one."""
    folder = f"{call.connection.ip}.d"
    if call.connection.transport == "ipc":
        with call.owner, contextlib.suppress(OSError):
            for name in os.listdir(folder):
                os.unlink(f"{folder}/{name}")
            os.rmdir(folder)


def _sockets(call: Call) -> str:
    """A folder of the owner's for this kernel's sockets alone; Jupyter's names for them are links.

    Jupyter's own folder holds the connection files of the user's other kernels.
    """
    ip = call.connection.ip
    try:
        with call.owner:
            os.makedirs(f"{ip}.d", mode=0o700, exist_ok=True)
            for port in (call.connection.port(name) for name in PORTS):
                for left in (f"{ip}-{port}", f"{ip}.d/k-{port}"):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(left)
                os.symlink(f"{os.path.basename(ip)}.d/k-{port}", f"{ip}-{port}")
    except OSError as error:
        raise Refused(f"{ip}.d cannot be made for sockets: {error.strerror}.") from error
    return f"{ip}.d"
