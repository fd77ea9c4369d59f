"""What the launcher says in the notebook, where Docker is real; budgets and networks."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from kernelspec_lib.delivery.engine import Engine
from tests.docker import launched
from tests.docker.conftest import LOGIN, Kernel, kernelspec
from tests.docker.test_line import Running, containers, none_left

pytestmark = [pytest.mark.docker, pytest.mark.network]

EATS = "held = []\nwhile True:\n    held.append(bytearray(2**25))"


def answer(churn: Kernel, folder: Path, site: Path, **more: str) -> str:
    """What the first cell of a kernel says that cannot start."""
    made = launched.manager(churn, folder, site)
    with launched.running(made, churn, launched.variables(site, **more)) as one:
        request = one.client.execute("1 + 1")
        while True:
            message: Any = one.client.get_iopub_msg(timeout=60)
            ours = message["parent_header"].get("msg_id") == request
            if ours and message["msg_type"] == "error":
                assert message["content"]["ename"] == "KernelNotStarted"
                return str(message["content"]["evalue"])


def asks(made: KernelManager, **asked: Any) -> None:
    """Change what the installed kernel spec of *made* asks for."""
    assert made.kernel_spec is not None
    path = Path(made.kernel_spec.resource_dir, "kernel.json")
    value = json.loads(path.read_text())
    value["metadata"]["kernelspec"].update(asked)
    path.write_text(json.dumps(value))


def test_an_image_that_is_missing(churn: Kernel, engine: Engine, tmp_path: Path) -> None:
    site = launched.policy(churn, tmp_path, image="absent/{login}_{image_name}:latest")
    told = answer(churn, tmp_path, site)
    assert told.startswith(f"The image absent/{LOGIN}_churn:latest of this kernel is not on this")
    assert none_left(engine)


def test_docker_that_is_down(churn: Kernel, tmp_path: Path) -> None:
    site = launched.policy(churn, tmp_path)
    told = answer(churn, tmp_path, site, DOCKER_HOST="unix:///nowhere.sock")
    assert told.startswith("Docker does not answer on this machine (/nowhere.sock: No such file")


def test_a_policy_with_a_mistake(churn: Kernel, tmp_path: Path) -> None:
    good = launched.policy(churn, tmp_path)
    made = launched.manager(churn, tmp_path, good)
    good.write_text('{"network": "hots"}')
    with launched.running(made, churn, launched.variables(good)) as one:
        assert one.execute("1")[1] == "KernelNotStarted"


def test_a_shared_folder_that_is_missing(churn: Kernel, engine: Engine, tmp_path: Path) -> None:
    site = launched.policy(churn, tmp_path, mounts=[{"source": "/nowhere/shared"}])
    assert answer(churn, tmp_path, site).startswith("The folder /nowhere/shared, which the site")
    assert none_left(engine)


def test_a_kernel_that_ends_while_it_starts(churn: Kernel, engine: Engine, tmp_path: Path) -> None:
    site = launched.policy(churn, tmp_path)
    made = launched.manager(churn, tmp_path, site)
    asks(made, environment={"PYTHONHOME": "/nowhere"})
    with launched.running(made, churn, launched.variables(site)) as one:
        assert one.execute("1")[1] == "KernelNotStarted"
        assert none_left(engine)


def test_the_cell_over_which_memory_ran_out_says_so(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    most = {"maximum": {"memory": "160m"}}
    site = launched.policy(churn, tmp_path, resources=most)
    made = launched.manager(churn, tmp_path, site)
    with launched.running(made, churn, launched.variables(site)) as one:
        said = until_told(one, one.client.execute(EATS))
        assert "it needed more memory than its limit of 160 MiB" in said
        assert f"the files in /home/{LOGIN}/work are kept" in said
        assert "That is the most this site gives" in said
        deadline = time.monotonic() + 30
        while one.manager.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        # Jupyter sees the end, and starts the kernel anew.
        assert not one.manager.is_alive()
        assert none_left(engine)


def test_the_limit_that_was_changed_meanwhile_is_told(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    site = launched.policy(churn, tmp_path, resources={"maximum": {"memory": "1g"}})
    made = launched.manager(churn, tmp_path, site)
    with launched.running(made, churn, launched.variables(site)) as one:
        (container,) = containers(engine)
        words = ("limit", container, "--memory=192m")
        limited = kernelspec(*words, KERNELSPEC_POLICY=str(site))
        assert limited.returncode == 0, limited.stderr
        said = until_told(one, one.client.execute(EATS))
        assert "more memory than its limit of 192 MiB" in said
        assert 'up to 1 GiB, write "resources": {"memory": "384m"}' in said
    assert none_left(engine)


HOLDS = """
held = bytearray({size} * 2**20)
for at in range(0, len(held), 4096):
    held[at] = 1
print("holds", flush=True)
import time
time.sleep({seconds})
"""


def test_the_kernel_that_dies_of_anothers_hunger_is_told_so(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    # Neither has a limit of its own; the larger one is killed when the smaller asks for more.
    site = launched.policy(churn, tmp_path, per_user={"memory": "400m"})
    made = [launched.manager(churn, tmp_path, site) for _ in range(2)]
    asks(made[0], resources={"pids": 200})
    variables = launched.variables(site)
    with (
        launched.running(made[0], churn, variables) as large,
        launched.running(made[1], churn, variables) as small,
    ):
        cell = large.client.execute(HOLDS.format(size=230, seconds=60))
        until_told(large, cell, "holds")
        # It usually lives on; on a busy machine, it may be the next one.
        small.client.execute(HOLDS.format(size=150, seconds=0))
        said = until_told(large, cell)
        assert "your kernels together needed more memory than the 400 MiB that this" in said
        assert "need not have been this one" in said
    assert none_left(engine)


def until_told(running: Running, request: str, wanted: str = "The kernel was killed") -> str:
    """What the cell of *request* says, until *wanted* is in it: the launcher's words, usually."""
    said = ""
    while wanted not in said:
        message: Any = running.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request:
            said += message["content"].get("text", "")
    return said


def test_the_budget_holds_when_two_kernels_start_at_once(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    site = launched.policy(churn, tmp_path, per_user={"kernels": 2, "memory": "1g"})
    made = [launched.manager(churn, tmp_path, site) for _ in range(3)]
    environment = launched.variables(site)
    for one in made:
        one.start_kernel(env=environment, cwd=str(churn.work))
    try:
        errors = [spoken(one, churn) for one in made]
        assert sorted(errors) == ["", "", "KernelNotStarted"]
        assert len(containers(engine)) == 2
        if os.getuid() == 0 and Path("/sys/fs/cgroup/memory").is_dir():
            limit = Path("/sys/fs/cgroup/memory/kernelspec", LOGIN, "memory.limit_in_bytes")
            assert int(limit.read_text()) == 1024**3
    finally:
        for one in made:
            one.shutdown_kernel(now=True)
    assert none_left(engine)


def spoken(made: KernelManager, churn: Kernel) -> str:
    """The name of the error of a cell that has none of its own."""
    client = made.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        return Running(manager=made, client=client, kernel=churn).execute("1")[1]
    finally:
        client.stop_channels()


NETWORKS = "import os; print(sorted(os.listdir('/sys/class/net')))"


def test_a_kernel_in_the_network_bridge(churn: Kernel, engine: Engine, tmp_path: Path) -> None:
    site = launched.policy(churn, tmp_path, network="bridge")
    made = launched.manager(churn, tmp_path, site)
    with launched.running(made, churn, launched.variables(site)) as one:
        assert one.execute(NETWORKS) == ("['eth0', 'lo']\n", "")
        # Where it was made, and not beside it: the copy that says another address is gone.
        folder = Path(made.connection_file).parent
        assert [path.name for path in folder.iterdir()] == ["kernel-0.json"]
    assert none_left(engine)


def test_a_kernel_without_a_network(churn: Kernel, engine: Engine, tmp_path: Path) -> None:
    site = launched.policy(churn, tmp_path, network="none")
    assert 'c.KernelManager.transport = "ipc"' in answer(churn, tmp_path, site)
    # The owner must reach it, and pytest's folders are closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        made = launched.manager(churn, tmp_path, site, transport="ipc", ip=str(folder / "k"))
        with launched.running(made, churn, launched.variables(site)) as one:
            assert one.execute(NETWORKS) == ("['lo']\n", "")
        assert none_left(engine)
        assert list(folder.iterdir()) == []
