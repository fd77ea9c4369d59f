"""The line: generated, linted, built, emitted, started by Jupyter, used, and gone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from kernelspec_lib.conformance.lifecycle import SLEEP_WITH_CHILD
from kernelspec_lib.delivery.engine import Engine
from tests.docker import jupyter
from tests.docker.conftest import LOGIN, TEST_LABEL, Kernel

pytestmark = [pytest.mark.docker, pytest.mark.network]

UID = 12345 if os.getuid() == 0 else os.getuid()
"""An ordinary user's, which no account of the machine or of the image has."""

WHERE_AM_I = """
import alpha, getpass, importlib.metadata, json, os, pathlib, sys
pathlib.Path("made-by-the-kernel.txt").write_text("kept")
print(json.dumps({
    "first process": pathlib.Path("/proc/1/comm").read_text().strip(),
    "dockerenv": os.path.exists("/.dockerenv"),
    "connection file": os.path.exists("/connection-spec"),
    "uid": os.getuid(),
    "user": getpass.getuser(),
    "folder": os.getcwd(),
    "home": os.access(os.path.expanduser("~"), os.W_OK),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if "CapEff" in line],
    "alpha": alpha.__version__,
    "ipykernel": importlib.metadata.version("ipykernel"),
    "host's python": os.path.exists(%(python)r),
}))
"""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A kernel that Jupyter has started."""

    manager: KernelManager
    client: BlockingKernelClient
    kernel: Kernel

    def execute(self, code: str, *, interrupted_at: str | None = None) -> tuple[str, str]:
        """Standard output and the name of the error. interrupted_at: what is waited for first."""
        request = self.client.execute(code)
        stdout, error = "", ""
        while True:
            message: Any = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            stdout += content.get("text", "")
            error = content.get("ename", error)
            if interrupted_at and interrupted_at in stdout:
                interrupted_at = None
                self.manager.interrupt_kernel()
            if content.get("execution_state") == "idle":
                return stdout, error


def containers(engine: Engine) -> list[str]:
    """The ids of this module's containers, running or not."""
    listed = engine.ask("ps", "--all", "--quiet", "--no-trunc", f"--filter=label={TEST_LABEL}")
    assert listed.returncode == 0, listed.stderr
    return listed.stdout.split()


def none_left(engine: Engine) -> bool:
    """Whether the engine has removed all of them; it does so a moment after their end."""
    deadline = time.monotonic() + 30
    while containers(engine):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def started(kernel: Kernel, folder: Path, *words: str) -> Iterator[Running]:
    """*kernel*, emitted with *words* into a folder below *folder*, and started by Jupyter."""
    kernels, runtime = folder / "kernels", folder / "runtime, with a comma"
    runtime.mkdir()
    emitted = kernel.kernelspec("emit", str(kernel.folder), f"--output={kernels / 'churn'}", *words)
    assert emitted.returncode == 0, emitted.stderr
    os.chown(kernel.work, UID, UID)
    manager = jupyter.manager(kernels, "churn", runtime / "kernel.json", UID)
    with jupyter.ready(manager) as client:
        yield Running(manager=manager, client=client, kernel=kernel)


@pytest.fixture(scope="module")
def running(churn: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(churn, tmp_path_factory.mktemp("line"), f"--user={UID}:{UID}") as one:
        yield one


def inspected(engine: Engine) -> dict[str, Any]:
    told = engine.ask("inspect", *containers(engine))
    value: list[dict[str, Any]] = json.loads(told.stdout)
    assert len(value) == 1
    return value[0]


def at_home(running: Running) -> str:
    """The version of ipykernel in a kernel that is where it should be, and who it should be."""
    stdout, error = running.execute(WHERE_AM_I % {"python": os.__file__})
    assert error == ""
    said = json.loads(stdout)
    version: str = said.pop("ipykernel")
    assert said == {
        "first process": "docker-init",
        "dockerenv": True,
        "connection file": True,
        "uid": UID,
        "user": LOGIN,
        "folder": f"/home/{LOGIN}/work",
        "home": True,
        "capabilities": ["0" * 16],
        "alpha": "1.1",
        "host's python": False,
    }
    return version


def test_a_cell_runs_in_the_container_with_the_locked_versions(running: Running) -> None:
    locked = (running.kernel.folder / "requirements.lock").read_text()
    assert f"ipykernel=={at_home(running)} " in locked


def test_what_the_kernel_writes_is_its_owners(running: Running) -> None:
    running.execute("import pathlib; pathlib.Path('owned.txt').write_text('by me')")
    written = running.kernel.work / "owned.txt"
    assert written.read_text() == "by me"
    assert written.stat().st_uid == UID


def test_the_container_has_the_limits_and_labels(running: Running, engine: Engine) -> None:
    container = inspected(engine)
    host = container["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (512 * 1024**2, 512 * 1024**2)
    assert (host["PidsLimit"], host["NanoCpus"]) == (200, 10**9)
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["LogConfig"]["Type"] == "none"
    labels = container["Config"]["Labels"]
    assert labels["kernelspec.owner"] == LOGIN
    assert labels["kernelspec.kernel"] == "churn"
    assert labels["kernelspec.connection_file"] == running.manager.connection_file


def test_the_third_interrupt_works_like_the_first(running: Running) -> None:
    running.execute("kept = 'yes'")
    for _ in range(3):
        _, error = running.execute(SLEEP_WITH_CHILD, interrupted_at="asleep")
        assert error == "KeyboardInterrupt"
    assert running.execute("print(kept)") == ("yes\n", "")


def test_a_restart_is_a_new_container(running: Running, engine: Engine) -> None:
    running.execute("kept = 'yes'")
    before = inspected(engine)["Id"]
    running.manager.restart_kernel()
    running.client.wait_for_ready(timeout=60)
    assert running.execute("kept")[1] == "NameError"
    assert inspected(engine)["Id"] != before
    assert running.execute("print(open('made-by-the-kernel.txt').read())")[0] == "kept\n"


def test_a_shut_down_kernel_leaves_nothing_behind(running: Running, engine: Engine) -> None:
    connection_file = Path(running.manager.connection_file)
    running.client.stop_channels()
    running.manager.shutdown_kernel()
    assert none_left(engine)
    assert not connection_file.exists()


def test_an_owner_without_numbers_runs_as_root_that_can_read_the_connection_file(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    with started(churn, tmp_path) as one:
        stdout, error = one.execute("import os; print(os.getuid())")
    assert (stdout, error) == ("0\n", "")
    assert none_left(engine)


def test_a_closed_root_leaves_tmp_home_and_the_work_folder(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    site = {**json.loads(churn.policy.read_text()), "read_only_root": True}
    policy.write_text(json.dumps(site))
    words = (f"--user={UID}:{UID}", f"--policy={policy}")
    with started(churn, tmp_path, *words) as one:
        code = "import os; print([os.access(p, os.W_OK) for p in ('/var/tmp', '/tmp', '~', '.')])"
        stdout, error = one.execute(code.replace("'~'", "os.path.expanduser('~')"))
    assert (stdout, error) == ("[False, True, True, True]\n", "")
    assert none_left(engine)
