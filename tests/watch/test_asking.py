"""A kernel that is real, asked from outside whether it is idle, and spoken through."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from kernelspec_lib.launcher import notes
from kernelspec_lib.watch import asking
from kernelspec_lib.watch.asking import Answer, CannotAsk


@pytest.fixture(scope="module")
def manager() -> Iterator[KernelManager]:
    made = KernelManager()
    made.start_kernel(extra_arguments=[f"--IPKernelApp.exec_lines={notes.watched()}"])
    yield made
    made.shutdown_kernel(now=True)


def ran(client: Any, code: str) -> tuple[str, str]:
    """The id of the request of a cell that has run, and what it wrote."""
    request: str = client.execute(code)
    return request, said(client, request)


def said(client: Any, request: str) -> str:
    text = ""
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request:
            text += message["content"].get("text", "")
            if message["content"].get("execution_state") == "idle":
                return text


def test_a_kernel_tells_how_long_it_is_idle_and_speaks_below_its_last_cell(
    manager: KernelManager,
) -> None:
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        path = manager.connection_file
        # Nothing has run yet below which it could be written.
        assert asking.tell(path, "nobody hears this") is False
        request, text = ran(client, "print('a cell')")
        assert text == "a cell\n"
        first = asking.ask(path)
        assert first.busy is False
        assert first.idle is not None
        time.sleep(0.3)
        later = asking.ask(path)
        # Being asked is no work of the user's.
        assert later.idle is not None
        assert later.idle >= first.idle + 0.3
        assert asking.tell(path, "it ends at\nnoon 'or so'") is True
        while True:
            message = client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "stream":
                break
        assert message["parent_header"]["msg_id"] == request
        assert message["content"] == {"name": "stderr", "text": "it ends at\nnoon 'or so'"}
        # Neither its history nor its numbers know of it.
        assert ran(client, "print(len(In))")[1] == "3\n"
    finally:
        client.stop_channels()


WAITS = """
import pathlib, time
print("waits", flush=True)
while not pathlib.Path({path!r}).exists():
    time.sleep(0.05)
"""


def test_a_kernel_in_which_a_cell_runs_is_busy(manager: KernelManager, tmp_path: Path) -> None:
    go = tmp_path / "go"
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        request = client.execute(WAITS.format(path=str(go)))
        while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
            pass
        assert asking.ask(manager.connection_file, 0.5) == Answer(busy=True)
        go.touch()
        said(client, request)
        assert asking.ask(manager.connection_file).busy is False
    finally:
        client.stop_channels()


def test_a_kernel_that_does_not_count_is_idle_all_the_same(manager: KernelManager) -> None:
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        ran(client, "del get_ipython().kernelspec_idle")
        assert asking.ask(manager.connection_file) == Answer(busy=False, idle=None)
    finally:
        client.stop_channels()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ip": "192.0.2.7"}, "its ports are not on the loopback address"),
        ({"curve_publickey": "x"}, "its connection is encrypted"),
        ({"shell_port": "x"}, "its shell_port is no port"),
        ({"shell_port": 1}, "Connection refused"),
    ],
)
def test_what_cannot_be_asked(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    ports = {f"{name}_port": 9 for name in ("shell", "iopub", "stdin", "control", "hb")}
    path = tmp_path / "kernel.json"
    path.write_text(json.dumps({"ip": "127.0.0.1", "key": "k", **ports, **changed}))
    with pytest.raises(CannotAsk, match=told):
        asking.ask(str(path))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("{}")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(CannotAsk, match="not a connection file"):
        asking.ask(str(tmp_path / "link"))
