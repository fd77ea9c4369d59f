"""ZeroMQ's protocol on one connection, without ZeroMQ.

Source: ZMTP 3.0, RFC 23 of ZeroMQ; mechanism NULL. Version 3.0 is announced, so that a subscriber
subscribes by a message.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_MORE, _LONG, _COMMAND = 1, 2, 4
_MAX_FRAMES = 1000
MAX_MESSAGE = 32 * 1024 * 1024
"""Bytes: a connection that announces more is closed."""


class Wire:
    """One connection: bytes in, messages out. A message is a list of frames."""

    def __init__(self, connection: _socket.socket, kind: str) -> None:
        """kind: of this side, such as "PUB"."""
        self.socket = connection
        self.ready = False
        """Whether the other side has said that it is."""
        self.subscriptions: set[bytes] = set()
        """Of the other side, where it subscribes."""
        self._greeted = False
        self._buffer = b""
        self._frames: list[bytes] = []
        connection.sendall(_GREETING)
        properties = b"\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind.encode()
        if kind in ("REQ", "DEALER", "ROUTER"):
            properties += b"\x08Identity" + bytes(4)
        connection.sendall(_frame(b"\x05READY" + properties, _COMMAND))

    def send(self, frames: list[bytes]) -> None:
        """Send one message. Raises OSError where the other side is gone."""
        last = len(frames) - 1
        self.socket.sendall(
            b"".join(_frame(one, _MORE if at < last else 0) for at, one in enumerate(frames))
        )

    def receive(self) -> list[list[bytes]]:
        """The messages that are complete by now, of what can be read at this moment.

        Raises OSError where the connection has ended, or speaks something else.
        """
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionResetError("the connection has ended")
        self._buffer += got
        if not self._greeted:
            if len(self._buffer) < len(_GREETING):
                return []
            if self._buffer[0] != 0xFF or self._buffer[10] < 3 or self._buffer[12:17] != b"NULL\0":
                raise ConnectionResetError("this is not ZeroMQ 3 without encryption")
            self._buffer = self._buffer[len(_GREETING) :]
            self._greeted = True
        messages = []
        while (frame := self._next()) is not None:
            flags, body = frame
            if flags & _COMMAND:
                self.ready = self.ready or body.startswith(b"\x05READY")
                continue
            self._frames.append(body)
            if len(self._frames) > _MAX_FRAMES or sum(map(len, self._frames)) > MAX_MESSAGE:
                raise ConnectionResetError("the message is too long")
            if not flags & _MORE:
                messages.append(self._frames)
                self._frames = []
        return messages

    def _next(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < 2:
            return None
        flags = self._buffer[0]
        width = 8 if flags & _LONG else 1
        size = int.from_bytes(self._buffer[1 : 1 + width], "big")
        if size > MAX_MESSAGE:
            raise ConnectionResetError("the message is too long")
        end = 1 + width + size
        if len(self._buffer) < end:
            return None
        body, self._buffer = self._buffer[1 + width : end], self._buffer[end:]
        return flags, body


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) < 256:
        return bytes((flags, len(body))) + body
    return bytes((flags | _LONG,)) + len(body).to_bytes(8, "big") + body
