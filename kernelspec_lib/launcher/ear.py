"""Which cell runs in a kernel: what it says on iopub when it begins and ends one.

Only that is subscribed to, so that a kernel's output does not pass twice through the machine.
"""

from __future__ import annotations

import _socket
import json
import time

from kernelspec_lib.launcher.zmtp import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kernelspec_lib.launcher.connection import Connection
    from kernelspec_lib.launcher.places import AsOwner

_SOON, _HURRY, _AGAIN = 0.02, 10.0, 0.25
"""Seconds between two tries while the kernel starts, how long that is, and between two later ones.

From its first sign of life a kernel needs less than a tenth of a second to run a cell and to die of
it; who tries more seldom would say that it never started.
"""
_SEEKS = b"kernel."
"""How ipykernel begins the topics of all that is not a stream."""
_STATUS = b".status"


class Ear:
    """A subscriber to one kernel's iopub."""

    def __init__(self, connection: Connection, owner: AsOwner) -> None:
        self._connection, self._owner = connection, owner
        self._wire: Wire | None = None
        self._topic = b""
        self._seeks = False
        self._since = time.monotonic()
        self._next = 0.0
        self.heard = False
        """Whether the kernel has ever said a word. That it can be connected to says nothing: where
        its ports are published, the engine listens there."""
        self.cell: Any = None
        """The header of the request that the running cell came by; None while none runs."""

    def fileno(self) -> int:
        """What to wait on; -1 while there is no connection."""
        return self._wire.socket.fileno() if self._wire else -1

    def due(self) -> float | None:
        """When to call `listen` next though nothing has come, as time.monotonic counts."""
        return None if self._wire else self._next

    def listen(self) -> None:
        """Connect, or take in what has come."""
        try:
            if self._wire is None:
                if time.monotonic() >= self._next:
                    self._connect()
                return
            messages = self._wire.receive()
            self.heard = True
            if self._wire.ready and not self._seeks:
                # Not before: libzmq hangs up on who speaks while it still introduces itself.
                self._wire.send([b"\x01" + _SEEKS])
                self._seeks = True
            for frames in messages:
                self._take(frames)
        except (OSError, ValueError, LookupError, AttributeError, RecursionError):
            self.close()

    def close(self) -> None:
        """Hang up, and try again later."""
        if self._wire:
            self._wire.socket.close()
        self._wire = None
        self._topic, self._seeks = b"", False
        now = time.monotonic()
        starts = not self.heard and now - self._since < _HURRY
        self._next = now + (_SOON if starts else _AGAIN)

    def _connect(self) -> None:
        port = self._connection.port("iopub_port")
        ipc = self._connection.transport == "ipc"
        one = _socket.socket(_socket.AF_UNIX if ipc else _socket.AF_INET)
        try:
            one.settimeout(1)
            if not ipc and self._connection.ip.startswith("127."):
                # A connection from a port to itself is one, too, and the kernel could not bind it.
                one.bind(("127.0.0.2", 0))
            with self._owner:
                ip = self._connection.ip
                one.connect(f"{ip}-{port}" if ipc else (ip, port))
            self._wire = Wire(one, "SUB")
        except OSError:
            one.close()
            raise

    def _take(self, frames: list[bytes]) -> None:
        topic = frames[0]
        if self._wire and not self._topic:
            begin, dot, _ = topic[len(_SEEKS) :].partition(b".")
            if not dot:
                return  # ipykernel welcomes a subscriber under the subscription's own name.
            self._topic = _SEEKS + begin
            self._wire.send([b"\x01" + self._topic + _STATUS])
            self._wire.send([b"\x00" + _SEEKS])
        if topic == self._topic + _STATUS:
            # Topic, delimiter, signature, header, header of what it answers, metadata, content.
            # The kernel is its owner's own, and can harm nobody but them with it.
            answered, busy = json.loads(frames[4]), b'"busy"' in frames[6]
            if answered.get("msg_type") == "execute_request":
                self.cell = answered if busy else None
