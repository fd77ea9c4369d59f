"""Who calls, for which kernel, and what may be believed of it."""

from __future__ import annotations

import os
import pwd
import re

from kernelspec_lib.launcher import terms
from kernelspec_lib.launcher.connection import Connection
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.places import AsOwner
from kernelspec_lib.launcher.staging import Plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from kernelspec_lib.launcher.held import Held

POLICY = "/etc/kernelspec/policy.json"
SOCKETS = {"docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"}
"""Where each engine listens, as root's."""
KERNEL_JSON = "kernel.json"

_LOGIN = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
_MAX_LOGIN = 100


class Call:
    """What one launch is about."""

    __slots__ = (
        "asked",
        "connection",
        "engine",
        "gid",
        "groups",
        "launcher",
        "login",
        "notebook",
        "owner",
        "policy",
        "server",
        "socket",
        "stage",
        "uid",
    )

    def __init__(
        self, launcher: str, connection: Connection, kernel: tuple[bytes, str], policy: Any
    ) -> None:
        """kernel: the text of kernel.json and its path. policy: as it was read."""
        self.launcher, self.connection, self.policy = launcher, connection, policy
        engine: str = policy.get("engine", "docker")
        self.engine = engine.capitalize()
        """Its name, for people."""
        self.asked: Any = terms.asked_of(*kernel)
        """metadata.kernelspec of kernel.json."""
        self.uid, self.gid = connection.uid, connection.gid
        self.login = _login(self.uid, self.asked["owner"])
        self.groups: Sequence[int] = ()
        """Further groups of the owner."""
        self.owner = AsOwner(self.uid, self.gid, ())
        self.stage: Plain | Held = Plain(connection)
        """By which names the engine is told what to mount."""
        self.socket = SOCKETS[engine]
        self.server = os.getppid()
        """The process with which the kernel ends: the notebook server, or whoever started it."""
        self.notebook = _here()
        """The folder of the notebook: Jupyter starts a kernel in it."""

    def expose(self) -> None:
        """Let the user end this process, as they may end a program of theirs.

        Root's by its effective uid, it obeys their signals by its real one: Jupyter kills what it
        has started. The watchdog does not, and removes what such a launcher leaves.
        """
        if os.geteuid() == 0 and self.launcher == "sudo":
            os.setresuid(self.uid, 0, 0)


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "a folder that is gone"


def supervised(connection: Connection, resource_dir: str, environment: Mapping[str, str]) -> Call:
    """The call of a user who may use Docker, which is root on the machine. Raises Refused."""
    me = os.geteuid()
    if me not in (0, connection.uid):
        raise Refused(f"{connection.path} belongs to somebody else, and so would the kernel.")
    path = environment.get("KERNELSPEC_POLICY") or POLICY
    call = Call("supervised", connection, _kernel_json(resource_dir), policy_at(path, environment))
    call.groups = os.getgroups() if me else ()
    call.socket = socket_of(call.policy.get("engine", "docker"), environment)
    named = environment.get("JPY_PARENT_PID", "")
    if named.isdecimal() and int(named) > 1 and os.path.exists(f"/proc/{named}"):
        call.server = int(named)
    return call


def policy_at(path: str, environment: Mapping[str, str]) -> Any:
    """The policy in *path*; the built-in one where none is named and the machine has none."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        if environment.get("KERNELSPEC_POLICY"):
            raise Refused(
                f"The site policy {path} does not exist, though $KERNELSPEC_POLICY names it."
            ) from None
        return {}
    except OSError as error:
        raise Refused(f"The site policy {path} cannot be read: {error.strerror}.") from error
    return terms.policy_of(text, path)


def _kernel_json(folder: str) -> tuple[bytes, str]:
    path = os.path.join(folder, KERNEL_JSON)
    try:
        with open(path, "rb") as file:
            return file.read(), path
    except OSError as error:
        raise Refused(f"The kernel spec {path} cannot be read: {error.strerror}.") from error


def _login(uid: int, owner: str) -> str:
    """The login of *uid*; the *owner* that the kernel spec names, where it has no account.

    Root's kernel is its owner's: root has no work folder on a hub.
    """
    try:
        name = pwd.getpwuid(uid).pw_name.lower() if uid else owner
    except KeyError:
        name = owner
    if len(name) > _MAX_LOGIN or not _LOGIN.fullmatch(name):
        raise Refused(
            f"The login {name!a} cannot be in the name of a container or of a folder: accepted are "
            "lower-case letters and digits, with a dot, hyphens or at most two underscores between."
        )
    return name


def socket_of(engine: str, environment: Mapping[str, str]) -> str:
    """Its socket, or what DOCKER_HOST says instead. Raises Refused for an engine elsewhere."""
    host = environment.get("DOCKER_HOST") or f"unix://{SOCKETS[engine]}"
    if not host.startswith("unix://"):
        raise Refused(
            f"DOCKER_HOST is {host!a}: kernels run on this machine only, by a socket (unix://…)."
        )
    return host.removeprefix("unix://")


def start_ticks(pid: int) -> int:
    """When process *pid* started: with it, a pid that is used again is another process.

    Source: field 22 of /proc/PID/stat, proc(5). Raises OSError where there is none.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The name of the program, in brackets, may hold blanks and brackets.
        return int(file.read().rpartition(b")")[2].split()[19])
