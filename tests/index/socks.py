"""A SOCKS proxy on loopback."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def serving(names: Mapping[str, str]) -> Iterator[str]:
    """The URL of a SOCKS 5 proxy that knows hosts by *names*, and asks nobody for more."""

    class Door(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            peer: socket.socket = self.request
            peer.recv(2 + peer.recv(2, socket.MSG_PEEK)[1])
            peer.sendall(b"\5\0")
            _, _, _, kind = peer.recv(4)
            host = socket.inet_ntoa(peer.recv(4)) if kind == 1 else peer.recv(peer.recv(1)[0])
            named = host if isinstance(host, str) else names.get(host.decode(), host.decode())
            port = int.from_bytes(peer.recv(2), "big")
            with socket.create_connection((named, port)) as there:
                peer.sendall(b"\5\0\0\1" + bytes(6))
                back = threading.Thread(target=self.pass_on, args=[there, peer], daemon=True)
                back.start()
                self.pass_on(peer, there)
                back.join()

        @staticmethod
        def pass_on(one: socket.socket, other: socket.socket) -> None:
            with suppress(OSError):
                while piece := one.recv(65536):
                    other.sendall(piece)
                other.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is no news."""

    with Server(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"socks5h://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
