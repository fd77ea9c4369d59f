"""What the launcher hears of a kernel, over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from jupyter_client.session import Session

from kernelspec_lib.launcher.connection import PORTS, Connection
from kernelspec_lib.launcher.ear import Ear
from kernelspec_lib.launcher.places import AsOwner


@contextmanager
def ear(folder: Path, port: int) -> Iterator[Ear]:
    """Of a kernel whose iopub is *port*."""
    path = folder / "kernel.json"
    path.write_text(json.dumps({"ip": "127.0.0.1", "key": "", **dict.fromkeys(PORTS, port)}))
    one = Ear(Connection(str(path)), AsOwner(os.getuid(), os.getgid(), ()))
    try:
        yield one
    finally:
        one.close()


def listen(one: Ear, seconds: float = 5.0, *, until: str = "") -> None:
    """Let *one* listen as the launcher does, until what it has of that name is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (until and getattr(one, until)):
        due = one.due()
        if one.fileno() >= 0:
            if not select.select([one.fileno()], [], [], 0.05)[0]:
                continue
        elif due is not None:
            time.sleep(max(due - time.monotonic(), 0))
        one.listen()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def test_the_running_cell_is_known_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    session = Session(key=b"")
    cell = session.msg("execute_request")
    with zmq.Context() as context, context.socket(zmq.PUB) as iopub:
        port = iopub.bind_to_random_port("tcp://127.0.0.1")
        with ear(tmp_path, port) as one:
            listen(one, until="heard")
            for state in ("busy", "idle"):
                # Subscriptions take their way; what is told meanwhile is lost, as with a kernel.
                deadline = time.monotonic() + 10
                while (one.cell is None) == (state == "busy") and time.monotonic() < deadline:
                    told = {"execution_state": state}
                    session.send(iopub, "status", told, parent=cell, ident=b"kernel.1f0e.status")
                    listen(one, 0.05)
                running = one.cell and one.cell["msg_id"]
                assert running == (cell["header"]["msg_id"] if state == "busy" else None)


def test_a_kernel_that_dies_after_its_first_bytes_has_started(
    tmp_path: Path, server: socket.socket
) -> None:
    def dies() -> None:
        client, _ = server.accept()
        client.sendall(b"\xff\0\0\0\0\0\0\0\1\x7f")  # The first that libzmq says of itself.
        time.sleep(0.2)
        client.close()
        server.close()

    other = threading.Thread(target=dies)
    other.start()
    with ear(tmp_path, server.getsockname()[1]) as one:
        listen(one, 0.5)
        other.join()
        assert one.heard
        assert one.fileno() == -1


def test_an_engine_that_listens_in_its_place_is_no_kernel(
    tmp_path: Path, server: socket.socket
) -> None:
    asked = []

    def hangs_up() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                asked.append(client.fileno())
                client.close()

    other = threading.Thread(target=hangs_up)
    other.start()
    with ear(tmp_path, server.getsockname()[1]) as one:
        listen(one, 0.5)
        server.shutdown(socket.SHUT_RDWR)
        other.join()
        assert not one.heard
    assert asked


def test_a_kernel_that_starts_is_asked_again_soon(tmp_path: Path, server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    with ear(tmp_path, port) as one:
        listen(one, 0.1)
        due = one.due()
        assert not one.heard
        assert due is not None
        assert due - time.monotonic() < 0.05
