"""`kernelspec-launch`: one container for each kernel, and none for none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelspec_lib.conformance.lifecycle import SLEEP_WITH_CHILD
from kernelspec_lib.delivery.engine import Engine
from tests.docker import launched
from tests.docker.conftest import LOGIN, Kernel
from tests.docker.test_line import UID, Running, at_home, containers, inspected, none_left

pytestmark = [pytest.mark.docker, pytest.mark.network]


@pytest.fixture(scope="module")
def site(churn: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy that each launch reads."""
    return launched.policy(churn, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def running(
    churn: Kernel, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    made = launched.manager(churn, tmp_path_factory.mktemp("supervised"), site)
    with launched.running(made, churn, launched.variables(site)) as one:
        yield one


def test_a_cell_runs_in_the_container_as_its_owner(running: Running) -> None:
    assert at_home(running)


def test_the_container_has_the_limits_and_labels(running: Running, engine: Engine) -> None:
    container = inspected(engine)
    host, labels = container["HostConfig"], container["Config"]["Labels"]
    assert (host["Memory"], host["MemorySwap"]) == (512 * 1024**2, 512 * 1024**2)
    assert (host["PidsLimit"], host["NanoCpus"]) == (200, 10**9)
    assert (host["CapDrop"], host["Init"]) == (["ALL"], True)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["LogConfig"]["Type"] == "none"
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    told = {key: labels[f"kernelspec.{key}"] for key in ("owner", "kernel", "launcher", "parent")}
    assert told == {
        "owner": LOGIN,
        "kernel": "churn",
        "launcher": "supervised",
        "parent": f"{os.getpid()}:{started}",
    }
    assert labels["kernelspec.connection_file"] == running.manager.connection_file
    assert labels["kernelspec.image"] == container["Image"]
    assert container["Name"].startswith(f"/kernelspec-{LOGIN}-churn-")


def test_the_third_interrupt_works_like_the_first(running: Running) -> None:
    running.execute("kept = 'yes'")
    for _ in range(3):
        _, error = running.execute(SLEEP_WITH_CHILD, interrupted_at="asleep")
        assert error == "KeyboardInterrupt"
    assert running.execute("print(kept)") == ("yes\n", "")


def test_a_signal_to_the_launcher_interrupts_the_cell(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = running.manager.provisioner.pid  # type: ignore[union-attr]
    monkeypatch.setattr(running.manager, "interrupt_kernel", lambda: os.kill(pid, signal.SIGINT))
    _, error = running.execute(SLEEP_WITH_CHILD, interrupted_at="asleep")
    assert error == "KeyboardInterrupt"
    assert running.execute("print(kept)") == ("yes\n", "")


def test_a_forced_restart_is_a_fresh_kernel_in_a_new_container(
    running: Running, engine: Engine
) -> None:
    (old,) = containers(engine)
    running.manager.restart_kernel(now=True)
    running.client.wait_for_ready(timeout=60)
    assert running.execute("print('kept' in globals())") == ("False\n", "")
    (new,) = containers(engine)
    assert new != old


def test_limits_change_with_the_policy_and_no_kernel_is_touched(
    running: Running, site: Path, engine: Engine
) -> None:
    before = site.read_text()
    maximum = {"resources": {"maximum": {"memory": "256m", "cpus": 0.5}}}
    site.write_text(json.dumps({**json.loads(before), **maximum}))
    try:
        running.manager.restart_kernel(now=True)
        running.client.wait_for_ready(timeout=60)
        # Answers to what was asked twice before may still lie about: this one is the new kernel's.
        assert running.execute("print('here')") == ("here\n", "")
        host = inspected(engine)["HostConfig"]
        assert (host["Memory"], host["NanoCpus"]) == (256 * 1024**2, 5 * 10**8)
    finally:
        site.write_text(before)


def test_shutdown_leaves_nothing(running: Running, engine: Engine) -> None:
    running.manager.shutdown_kernel()
    assert none_left(engine)


def test_what_kills_the_launcher_ends_the_container(
    churn: Kernel, site: Path, engine: Engine, tmp_path: Path
) -> None:
    made = launched.manager(churn, tmp_path, site)
    with launched.running(made, churn, launched.variables(site)):
        assert len(containers(engine)) == 1
        os.killpg(made.provisioner.pgid, signal.SIGKILL)  # type: ignore[union-attr]
        assert none_left(engine)


SERVER = """
import sys
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
kernels, file = sys.argv[1:]
manager = KernelManager(
    kernel_name="churn", kernel_spec_manager=KernelSpecManager(kernel_dirs=[kernels]),
    connection_file=file, cache_ports=False,
)
manager.load_connection_file(file)
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
print("ready", flush=True)
sys.stdin.read()
"""


def test_what_kills_the_server_ends_the_container(
    churn: Kernel, site: Path, engine: Engine, tmp_path: Path
) -> None:
    made = launched.manager(churn, tmp_path, site)
    command = [sys.executable, "-c", SERVER, str(tmp_path / "kernels"), made.connection_file]
    with subprocess.Popen(
        command,
        env=launched.variables(site),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert "ready\n" in iter(server.stdout.readline, "")
        assert len(containers(engine)) == 1
        server.kill()
    assert none_left(engine)


def test_a_notebook_in_a_mounted_folder_starts_there_and_another_is_warned_once(
    churn: Kernel, site: Path, tmp_path: Path
) -> None:
    made = launched.manager(churn, tmp_path, site)
    inner = churn.work / "project" / "a b"
    inner.mkdir(parents=True, exist_ok=True)
    os.chown(inner, UID, UID)
    with launched.running(made, churn, launched.variables(site), inner) as one:
        where = f"/home/{LOGIN}/work/project/a b\n"
        assert one.execute("import os; print(os.getcwd())") == (where, "")
    made = launched.manager(churn, tmp_path, site)
    with launched.running(made, churn, launched.variables(site), tmp_path) as one:
        told, _ = one.execute("import os; print(os.getcwd())")
        assert f"this notebook lies in {tmp_path}, which the kernel cannot see" in told
        assert told.endswith(f"/home/{LOGIN}/work\n")
        assert one.execute("print(1)") == ("1\n", "")


def test_the_benchmark_says_that_an_image_is_none_of_a_kernel(base_image: str) -> None:
    for image, why in ((base_image, "holds no ipykernel"), ("nowhere/absent", "does not start")):
        words = [sys.executable, "benchmarks/start.py", image]
        done = subprocess.run(
            words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith(f"start.py: error: {image} {why}")
