"""The connection file: who owns the kernel, and how Jupyter reaches it."""

from __future__ import annotations

import importlib
import json
import os
import stat

from kernelspec_lib.launcher.notes import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
_MAX_SIZE = 65536


class Connection:
    """A connection file that was read, and stays open."""

    __slots__ = ("fd", "gid", "path", "uid", "value")

    def __init__(self, path: str) -> None:
        """Raises Refused for what is no connection file.

        It is opened once, and never by its name again: in the folder of a user, the name can stand
        for something else a moment later.
        """
        self.path = path
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self.fd = os.open(path, flags)
            kind = os.fstat(self.fd)
            if not stat.S_ISREG(kind.st_mode):
                raise ValueError("it is no file")
            self.uid, self.gid = kind.st_uid, kind.st_gid
            self.value = _checked(json.loads(os.read(self.fd, _MAX_SIZE)))
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Refused(f"{path} is not a connection file that can be used: {reason}") from error

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)

    @property
    def digest(self) -> str:
        """Twelve letters that stand for the path."""
        try:
            # hashlib would load OpenSSL: four megabytes for as long as the kernel lives.
            sha256 = importlib.import_module("_sha256").sha256
        except ImportError:
            sha256 = importlib.import_module("hashlib").sha256
        return str(sha256(os.fsencode(self.path)).hexdigest()[:12])

    @property
    def transport(self) -> str:
        return str(self.value.get("transport", "tcp"))

    @property
    def ip(self) -> str:
        """The address; the beginning of the sockets' paths where the transport is ipc."""
        return str(self.value["ip"])

    def port(self, name: str) -> int:
        return int(self.value[name])


def _checked(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("ip"), str):
        raise ValueError("it names no ip")
    for name in PORTS:
        port = value.get(name)
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
            raise ValueError(f"its {name} is no port")
    if value.get("transport", "tcp") not in ("tcp", "ipc"):
        raise ValueError("its transport is neither tcp nor ipc")
    return value
