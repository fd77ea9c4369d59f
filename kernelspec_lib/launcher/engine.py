"""Docker's API over its socket, in the little that a launcher needs of it.

The client `docker` would cost a process of 25 MB for each kernel, and half the time of a start.
`http.client` costs more to load than all that is here. Source: the Docker Engine API, v1.40.
"""

from __future__ import annotations

import _socket
import json
import os
import struct

TYPE_CHECKING = False  # typing takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any, BinaryIO

_PATIENCE = 180
"""Seconds for one answer: thirty kernels that start at once keep an engine busy for long."""


class EngineDown(Exception):
    """The engine cannot be reached, or went away in the middle of an answer."""


class EngineRefused(Exception):
    """The engine answered that it will not."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message

    def __str__(self) -> str:
        return self.message


class Engine:
    """One connection to an engine, opened when it is first needed."""

    def __init__(self, path: str) -> None:
        """path: of the engine's socket."""
        self.path = path
        self._socket: _socket.socket | None = None
        self._answers: BinaryIO | None = None

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        """What the engine answers, read as JSON; None where it says nothing.

        Raises EngineDown and EngineRefused.
        """
        try:
            try:
                return self._ask(method, target, body)
            except (BrokenPipeError, ConnectionResetError):
                # A connection that was kept open may have been closed meanwhile.
                self.close()
                return self._ask(method, target, body)
        except (OSError, ValueError) as error:
            self.close()
            raise EngineDown(getattr(error, "strerror", None) or str(error)) from error

    def attach(self, container: str) -> _socket.socket:
        """What *container* writes from now on, as frames, until it ends. Raises as `ask`."""
        target = f"/containers/{container}/attach?stream=1&stdout=1&stderr=1"
        other = Engine(self.path)
        try:
            connection, answers = other._sent("POST", target, None, "Upgrade")
            status, headers = _head(answers)
            if status not in (101, 200):
                raise EngineRefused(status, _told(_content(answers, headers)))
            # The buffer is empty: nothing is written before the container starts. Where it runs
            # already, what has been read too far is the server's log's loss, and nobody else's.
            _wait(connection, 0)
            answers.close()
            return connection
        except (OSError, ValueError) as error:
            raise EngineDown(getattr(error, "strerror", None) or str(error)) from error

    def process(self) -> int:
        """The process that listens, once something was asked; 0: it is none of ours to see."""
        if self._socket is None:
            return 0
        told = self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", told)[0])

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        for one in (self._answers, self._socket):
            if one is not None:
                one.close()
        self._socket = self._answers = None

    def _ask(self, method: str, target: str, body: Any) -> Any:
        _, answers = self._sent(method, target, body, "keep-alive")
        status, headers = _head(answers)
        content = _content(answers, headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        if status >= 400:
            raise EngineRefused(status, _told(content))
        if headers.get("content-type", "").startswith("text/"):
            return content.decode()  # podman, now and then.
        return json.loads(content) if content.strip() else None

    def _sent(
        self, method: str, target: str, body: Any, connection: str
    ) -> tuple[_socket.socket, BinaryIO]:
        if self._socket is None or self._answers is None:
            # The module above this one costs another half a megabyte for each kernel.
            self._socket = _socket.socket(_socket.AF_UNIX)
            _wait(self._socket, _PATIENCE)
            self._socket.connect(self.path)
            self._answers = open(os.dup(self._socket.fileno()), "rb")  # noqa: SIM115
        lines = [f"{method} {target} HTTP/1.1", "Host: docker", f"Connection: {connection}"]
        if connection == "Upgrade":
            lines.append("Upgrade: tcp")
        content = b"" if body is None else json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}", "", ""]
        self._socket.sendall("\r\n".join(lines).encode() + content)
        return self._socket, self._answers


def _wait(connection: _socket.socket, seconds: int) -> None:
    """Let each reading wait so long; 0: for ever."""
    span = struct.pack("ll", seconds, 0)
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, span)


def _head(answers: BinaryIO) -> tuple[int, dict[str, str]]:
    first = answers.readline()
    if not first:
        raise ConnectionResetError("the engine closed the connection")
    status = int(first.split()[1])
    headers: dict[str, str] = {}
    while (line := answers.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers


def _content(answers: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts = []
        while size := int(answers.readline().split(b";")[0], 16):
            parts.append(answers.read(size))
            answers.readline()
        answers.readline()
        return b"".join(parts)
    return answers.read(int(headers.get("content-length", 0)))


def _told(content: bytes) -> str:
    """The sentence of an error."""
    try:
        return str(json.loads(content)["message"]).strip()
    except (ValueError, LookupError, TypeError):
        return content.decode(errors="replace").strip()


def quoted(text: str) -> str:
    """*text* as a part of a URL."""
    # urllib.parse takes longer to load than a start may wait.
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    return "".join(chr(one) if one in plain else f"%{one:02X}" for one in text.encode())
