"""A launcher that speaks in the notebook, where no kernel can.

`instead` is a kernel that runs nothing: whatever cell is run, it says why there is no kernel.
`last_words` writes into the output of the cell over which a kernel has died.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time

from kernelspec_lib.launcher.messages import Session
from kernelspec_lib.launcher.zmtp import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from kernelspec_lib.launcher.connection import Connection
    from kernelspec_lib.launcher.supervise import Signals

_KINDS = {
    "shell_port": "ROUTER",
    "control_port": "ROUTER",
    "stdin_port": "ROUTER",
    "iopub_port": "PUB",
    "hb_port": "REP",
}
_LISTENS = 2.0
"""Seconds in which a client connects again: ZeroMQ tries every tenth of a second."""
_MORE = 0.3
"""Seconds more for others, after the first."""
_INFO = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "kernelspec",
    "implementation_version": "1",
    "language_info": {
        "name": "python",
        "version": "3",
        "mimetype": "text/x-python",
        "file_extension": ".py",
    },
    "banner": "",
}
_ANSWERS: dict[str, Any] = {
    "kernel_info_request": _INFO,
    "comm_info_request": {"status": "ok", "comms": {}},
    "history_request": {"status": "ok", "history": []},
    "is_complete_request": {"status": "complete"},
    "complete_request": {
        "status": "ok",
        "matches": [],
        "cursor_start": 0,
        "cursor_end": 0,
        "metadata": {},
    },
    "inspect_request": {"status": "ok", "found": False, "data": {}, "metadata": {}},
    "interrupt_request": {"status": "ok"},
}


class Voice:
    """Sockets where a kernel's would be."""

    def __init__(self, connection: Connection, names: Iterable[str]) -> None:
        """Listen on the ports *names*. Raises OSError where one is taken."""
        self._session = Session(str(connection.value.get("key", "")))
        self._poll = select.poll()
        self._listeners: dict[int, tuple[socket.socket, str]] = {}
        self._wires: dict[int, tuple[Wire, str]] = {}
        for name in names:
            one = _listener(connection, name)
            self._listeners[one.fileno()] = (one, name)
            self._poll.register(one, select.POLLIN)

    def answer(self, text: str, signals: Signals) -> None:
        """Answer every cell with *text*, until a client or a signal ends it."""
        for one in signals.fds:
            self._poll.register(one, select.POLLIN)
        while True:
            for fd, _ in self._poll.poll():
                if fd not in signals.fds:
                    # A shutdown may stand among others that were sent with it.
                    if any([self._replied(*one, text) for one in self._got(fd)]):  # noqa: C419
                        return
                elif signals.to_end():
                    return

    def close(self) -> None:
        """Hang up. What was sent is still read by the other side."""
        for wire, _ in list(self._wires.values()):
            self._drop(wire)
        for listener, _ in self._listeners.values():
            listener.close()

    def publish(self, kind: str, content: Any, parent: Any) -> int:
        """How many subscribers were told."""
        told = 0
        for wire, name in list(self._wires.values()):
            # Jupyter's clients subscribe to all there is.
            if name == "iopub_port" and b"" in wire.subscriptions:
                told += self._send(wire, self._session.message(kind, content, parent))
        return told

    def hear(self) -> None:
        """Wait for subscribers."""
        deadline, found = time.monotonic() + _LISTENS, False
        while (left := deadline - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left * 1000):
                self._got(fd)
            if not found and any(wire.subscriptions for wire, _ in self._wires.values()):
                deadline, found = time.monotonic() + _MORE, True

    def _got(self, fd: int) -> list[tuple[str, Wire, list[bytes]]]:
        """What has come on *fd*: messages, each with where it came."""
        if fd in self._listeners:
            listener, name = self._listeners[fd]
            with contextlib.suppress(OSError):  # It may go away at once.
                other, _ = listener.accept()
                other.settimeout(5)
                self._wires[other.fileno()] = (Wire(other, _KINDS[name]), name)
                self._poll.register(other, select.POLLIN)
            return []
        wire, name = self._wires[fd]
        try:
            messages = wire.receive()
        except OSError:
            self._drop(wire)
            return []
        if name == "iopub_port":
            for frames in messages:
                _subscribe(wire, b"".join(frames))
            return []
        return [(name, wire, frames) for frames in messages]

    def _replied(self, name: str, wire: Wire, frames: list[bytes], text: str) -> bool:
        """Answer one message. True: it was a shutdown."""
        if name == "hb_port":
            self._send(wire, frames)
            return False
        read = self._session.read(frames)
        if read is None:
            return False
        kind, parent, content = read
        self.publish("status", {"execution_state": "busy"}, parent)
        if kind == "execute_request":
            error = {"ename": "KernelNotStarted", "evalue": text, "traceback": [text]}
            if not content.get("silent"):
                self.publish("error", error, parent)
            answer: Any = {"status": "error", "execution_count": 0, **error}
        elif kind == "shutdown_request":
            answer = {"status": "ok", "restart": bool(content.get("restart"))}
        else:
            answer = _ANSWERS.get(kind, {"status": "error", "ename": "", "evalue": text})
        reply = kind.replace("_request", "_reply")
        self._send(wire, self._session.message(reply, answer, parent))
        self.publish("status", {"execution_state": "idle"}, parent)
        return kind == "shutdown_request"

    def _send(self, wire: Wire, frames: list[bytes]) -> bool:
        try:
            wire.send(frames)
        except OSError:
            self._drop(wire)
            return False
        return True

    def _drop(self, wire: Wire) -> None:
        self._wires.pop(wire.socket.fileno(), None)
        self._poll.unregister(wire.socket)
        with contextlib.suppress(OSError):
            wire.socket.shutdown(socket.SHUT_WR)
        wire.socket.close()


def instead(connection: Connection, text: str, signals: Signals) -> None:
    """Be a kernel that answers every cell with *text*, until it is shut down."""
    if "curve_publickey" in connection.value:
        return
    try:
        voice = Voice(connection, _KINDS)
    except OSError:
        return  # Somebody holds the ports; the server's log has it.
    try:
        voice.answer(text, signals)
    finally:
        voice.close()


def last_words(connection: Connection, text: str, parent: Any) -> bool:
    """Write *text* below the cell whose header is *parent*. False: nobody listened."""
    if "curve_publickey" in connection.value:
        return False
    try:
        voice = Voice(connection, ["iopub_port"])
    except OSError:
        return False
    try:
        voice.hear()
        return voice.publish("stream", {"name": "stderr", "text": text}, parent) > 0
    finally:
        voice.close()


def _listener(connection: Connection, name: str) -> socket.socket:
    port = connection.port(name)
    if connection.transport == "ipc":
        path = f"{connection.ip}-{port}"
        if os.path.exists(path) or os.path.islink(path):
            os.unlink(path)
        one = socket.socket(socket.AF_UNIX)
        one.bind(path)
    else:
        one = socket.socket(socket.AF_INET)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((connection.ip, port))
    one.listen()
    return one


def _subscribe(wire: Wire, told: bytes) -> None:
    if told[:1] == b"\x01":
        wire.subscriptions.add(told[1:])
    elif told[:1] == b"\x00":
        wire.subscriptions.discard(told[1:])
