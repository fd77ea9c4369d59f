"""What a client of Jupyter hears where no kernel runs, over real ZeroMQ."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from kernelspec_lib.launcher import notes, voice
from kernelspec_lib.launcher.connection import Connection
from kernelspec_lib.launcher.notes import Refused


class Pipe:
    """Signals that a test sends: anything written ends the voice."""

    def __init__(self) -> None:
        reads, self.writes = os.pipe()
        self.fds = [reads]

    def to_end(self) -> bool:
        return True


@pytest.fixture(params=["tcp", "ipc"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A connection file."""
    ip = "127.0.0.1" if request.param == "tcp" else str(tmp_path / "k")
    path = str(tmp_path / "kernel.json")
    write_connection_file(path, ip=ip, transport=request.param, key=b"secret")
    return path


@pytest.fixture
def client(file: str) -> Iterator[BlockingKernelClient]:
    one = BlockingKernelClient(connection_file=file)
    one.load_connection_file()
    one.start_channels()
    yield one
    one.stop_channels()


def heard(client: BlockingKernelClient, request: str) -> list[Any]:
    """All that iopub says to *request*."""
    found = []
    while True:
        message: Any = client.get_iopub_msg(timeout=10)
        if message["parent_header"].get("msg_id") == request:
            found.append(message)
            if message["content"].get("execution_state") == "idle":
                return found


def test_a_kernel_that_cannot_start_answers_every_cell_with_the_reason(
    file: str, client: BlockingKernelClient
) -> None:
    pipe: Any = Pipe()
    text = "The budget is spent."
    speaks = threading.Thread(target=voice.instead, args=(Connection(file), text, pipe))
    speaks.start()
    client.wait_for_ready(timeout=10)
    for _ in range(2):
        said = heard(client, client.execute("1 + 1"))
        assert [one["msg_type"] for one in said] == ["status", "error", "status"]
        assert said[1]["content"] == {
            "ename": "KernelNotStarted",
            "evalue": text,
            "traceback": [text],
        }
    assert client.comm_info(reply=True, timeout=10)["content"] == {"status": "ok", "comms": {}}
    assert client.complete("a", reply=True, timeout=10)["content"]["matches"] == []
    client.shutdown(reply=True, timeout=10)
    speaks.join(timeout=10)
    assert not speaks.is_alive()


def test_a_signal_ends_it(file: str) -> None:
    pipe: Any = Pipe()
    os.write(pipe.writes, b"x")
    voice.instead(Connection(file), "text", pipe)


def test_last_words_stand_below_the_cell(file: str, client: BlockingKernelClient) -> None:
    parent = {"msg_id": "the cell's"}
    speaks = threading.Thread(target=voice.last_words, args=(Connection(file), "Out.", parent))
    speaks.start()
    said: Any = client.get_iopub_msg(timeout=10)
    speaks.join(timeout=10)
    assert (said["msg_type"], said["parent_header"]) == ("stream", parent)
    assert said["content"] == {"name": "stderr", "text": "Out."}


def test_who_lacks_the_key_is_not_answered(file: str, tmp_path: Path) -> None:
    pipe: Any = Pipe()
    speaks = threading.Thread(target=voice.instead, args=(Connection(file), "text", pipe))
    speaks.start()
    value = json.loads(Path(file).read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**value, "key": "guessed"}))
    stranger = BlockingKernelClient(connection_file=str(other))
    stranger.load_connection_file()
    stranger.start_channels()
    try:
        with pytest.raises(RuntimeError):
            stranger.wait_for_ready(timeout=1)
    finally:
        stranger.stop_channels()
        os.write(pipe.writes, b"x")
        speaks.join(timeout=10)


@pytest.mark.parametrize(
    "value",
    ["", "[]", "{}", '{"ip": "127.0.0.1"}', '{"ip": 1, "shell_port": 1}', "[" * 100_000],
)
def test_what_is_no_connection_file_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "kernel.json"
    path.write_text(value)
    with pytest.raises(Refused, match="is not a connection file that can be used"):
        Connection(str(path))


def test_a_link_is_no_connection_file(file: str, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    with pytest.raises(Refused, match="is not a connection file that can be used"):
        Connection(str(link))


def test_the_first_cells_note_harms_no_name_of_the_users() -> None:
    text = 'it\'s "said" \\ {once} é\n'
    line = notes.in_first_cell(text)
    assert line.isascii()
    assert "\n" not in line
    compile(line, "line", "exec")
