"""By which names the engine is told what to mount."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kernelspec_lib.launcher.connection import Connection
    from kernelspec_lib.launcher.engine import Engine
    from kernelspec_lib.launcher.places import AsOwner
    from kernelspec_lib.launcher.terms import Folder


class Plain:
    """For who may use Docker anyway: names are handed on as they are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._made = ""

    def lock(self) -> int:
        """A descriptor that one launch of this user holds at a time."""
        folder = os.path.dirname(self._connection.path)
        return locked(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def folder(self, folder: Folder, owner: AsOwner) -> str:
        """What to mount for *folder*."""
        return folder.source

    def check(self, engine: Engine) -> None:
        """What is named is what the engine sees."""

    def connection_file(self, changed: Any) -> str:
        """What to mount as the connection file; changed: what it is to say, if anything else."""
        if changed is None:
            return self._connection.path
        above, name = os.path.split(self._connection.path)
        self._made = os.path.join(above, f".{name}.kernelspec")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._made)
        write(self._made, changed, self._connection)
        return self._made

    def clear(self) -> None:
        """The engine has mounted all there is: the names can go."""
        if self._made:
            os.unlink(self._made)
            self._made = ""


def write(path: str, value: Any, connection: Connection) -> None:
    """Make the file *path* of the owner of *connection*, with *value*."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, json.dumps(value).encode())
        if os.geteuid() == 0:
            os.fchown(file, connection.uid, connection.gid)
    finally:
        os.close(file)


def locked(file: int) -> int:
    """*file*, once nobody else holds its lock."""
    fcntl.flock(file, fcntl.LOCK_EX)
    return file
