"""What a caller of sudo names, held until the engine has mounted it.

A caller can let a name in a folder of theirs mean something else a moment after it was looked at.
So root opens it once, as the caller, and mounts what was opened below a folder of its own, whose
name the engine gets. The engine mounts it into the container, and then it can go.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

from kernelspec_lib.launcher import trust
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.staging import locked, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kernelspec_lib.launcher.connection import Connection
    from kernelspec_lib.launcher.engine import Engine
    from kernelspec_lib.launcher.places import AsOwner
    from kernelspec_lib.launcher.terms import Folder

RUN = "/run/kernelspec"
_CONNECTION = "connection.json"
_APART = (
    "Please tell your administrator: the service of the hub, or of this server, is kept apart from "
    "the machine's mounts, and must not be (PrivateTmp, PrivateMounts, ProtectSystem, ProtectHome)."
)
# Source: sys/mount.h.
_BIND, _REC, _PRIVATE, _DETACH = 4096, 16384, 1 << 18, 2


class Held:
    """Names below a folder of root's, in place of those of the caller."""

    def __init__(self, connection: Connection, login: str) -> None:
        """Raises Refused where the folder is not root's own."""
        self._connection, self._login = connection, login
        self._folder = f"{RUN}/{connection.digest}-{os.getpid()}"
        self._mounts: list[str] = []
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            os.makedirs(RUN, mode=0o755, exist_ok=True)
            if trust.roots_own(f"{RUN}/x") is None:
                raise Refused(f"{RUN} is not root's own. Please tell your administrator.")
            self._sweep()
            os.mkdir(self._folder, 0o711)
        except OSError as error:
            raise Refused(f"Root cannot write to {RUN} here: {error.strerror}. {_APART}") from error

    def lock(self) -> int:
        """A descriptor that one launch of this user holds at a time."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return locked(os.open(f"{RUN}/{self._login}.lock", flags, 0o600))

    def folder(self, folder: Folder, owner: AsOwner) -> str:
        """What to mount for *folder*: what it is for the caller, who must be able to reach it."""
        found = trust.roots_own(folder.source)
        if found is not None:
            return found
        try:
            with owner:
                opened = os.open(folder.source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Refused(f"{folder.source} cannot be mounted: {error.strerror}.") from error
        try:
            target = f"{self._folder}/{len(self._mounts)}"
            os.mkdir(target, 0o700)
            self._mount(f"/proc/self/fd/{opened}", target, _BIND | _REC)
            self._mounts.append(target)
            # What is taken away here must not be taken away there.
            self._mount(None, target, _REC | _PRIVATE)
            return target
        finally:
            os.close(opened)

    def check(self, engine: Engine) -> None:
        """Raise Refused where *engine* does not see what is mounted: it would mount what is empty.

        A server in a mount name space of its own hands that on to sudo, and so to this process.
        """
        if not (pid := engine.process()):
            return
        for path in (*self._mounts, f"{self._folder}/{_CONNECTION}"):
            mine = os.stat(path)
            try:
                theirs = os.stat(f"/proc/{pid}/root{path}")
            except FileNotFoundError:
                theirs = None
            except OSError:
                return  # Nobody lets us look.
            if theirs is None or not os.path.samestat(mine, theirs):
                raise Refused(f"The engine does not see what root mounts for this kernel. {_APART}")

    def connection_file(self, changed: Any) -> str:
        """A copy of the connection file; changed: what it is to say, if anything else."""
        path = f"{self._folder}/{_CONNECTION}"
        write(path, changed or self._connection.value, self._connection)
        return path

    def clear(self) -> None:
        """The engine has mounted all there is: the names can go."""
        for target in self._mounts:
            self._libc.umount2(target.encode(), _DETACH)
        self._mounts = []
        _empty(self._folder)

    def _mount(self, source: str | None, target: str, flags: int) -> None:
        told = source.encode() if source else None
        if self._libc.mount(told, target.encode(), None, ctypes.c_ulong(flags), None):
            reason = os.strerror(ctypes.get_errno())
            raise Refused(f"Root cannot mount anything below {RUN} here: {reason}. {_APART}")

    def _sweep(self) -> None:
        """Take away what launches left that were killed."""
        for name in os.listdir(RUN):
            pid = name.rpartition("-")[2]
            if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
                left = f"{RUN}/{name}"
                with contextlib.suppress(OSError):
                    for one in os.listdir(left):
                        self._libc.umount2(f"{left}/{one}".encode(), _DETACH)
                    _empty(left)


def _empty(folder: str) -> None:
    """Remove *folder* and what a launch has made in it. Nothing is followed, nothing else goes."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            else:
                os.unlink(path)
        os.rmdir(folder)
