"""`top`, `limit` and `reap`, where kernels and their engine are real."""

from __future__ import annotations

import contextlib
import json
import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from kernelspec_lib.delivery.engine import Engine
from tests.docker import launched
from tests.docker.conftest import LOGIN, TEST_LABEL, Kernel, kernelspec
from tests.docker.test_line import Running, containers, none_left

pytestmark = [pytest.mark.docker, pytest.mark.network]

MIB = 1024**2
WAITS = """
import pathlib, time
print("waits", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.1)
print("goes on", flush=True)
"""
IDLE_FOR_DAYS = "get_ipython().kernelspec_idle = lambda: 3e5"


@pytest.fixture
def site(churn: Kernel, tmp_path: Path) -> Path:
    idle = {"after": "2h", "warn": "1h"}
    return launched.policy(
        churn, tmp_path, idle=idle, resources={"maximum": {"memory": "1g"}, "default": {"cpus": 1}}
    )


@pytest.fixture
def one(churn: Kernel, tmp_path: Path, site: Path) -> Iterator[Running]:
    """A kernel that the launcher has started."""
    made = launched.manager(churn, tmp_path, site)
    with launched.running(made, churn, launched.variables(site)) as running:
        yield running


class Watched:
    """The command line, with a memory of its own, on the kernels of these tests alone."""

    def __init__(self, site: Path, folder: Path) -> None:
        self.memory = folder / "cache" / "watch.json"
        self.variables = {"KERNELSPEC_POLICY": str(site), "KERNELSPEC_CACHE": str(folder / "cache")}

    def run(self, *words: str, code: int = 0) -> str:
        login = () if words[0] == "limit" else (f"--login={LOGIN}",)
        done = kernelspec(*words, *login, **self.variables)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def reaped(self) -> str:
        return self.run("reap", "--no-dry-run")

    def earlier(self, **seconds: float) -> None:
        """Let what is remembered have been so much earlier."""
        value = json.loads(self.memory.read_text())
        for trace in value["kernels"].values():
            for key, less in seconds.items():
                trace[key] -= less
        self.memory.write_text(json.dumps(value))


@pytest.fixture
def watched(site: Path, tmp_path: Path) -> Watched:
    return Watched(site, tmp_path)


def test_who_uses_what(one: Running, watched: Watched, tmp_path: Path) -> None:
    one.execute("held = bytearray(100 * 2**20)\nfor at in range(0, len(held), 4096): held[at] = 1")
    (row,) = json.loads(watched.run("top", "--json"))["kernels"]
    assert (row["user"], row["kernel"], row["launcher"]) == (LOGIN, "churn", "supervised")
    assert (row["memory_limit"], row["cpus_limit"], row["pids_limit"]) == (512 * MIB, 1, 200)
    assert 100 * MIB < row["memory"] < 400 * MIB
    assert row["cpu_seconds"] > 0.1
    assert row["pids"] > 1
    assert row["orphan"] is None
    header, line = watched.run("top").splitlines()
    assert header.split()[:4] == ["USER", "KERNEL", "CPU", "MEMORY"]
    assert line.split()[:2] == [LOGIN, "churn"]
    path = tmp_path / "kernels.prom"
    assert watched.run("top", f"--prometheus={path}") == ""
    assert path.stat().st_mode & 0o777 == 0o644
    families = {family.name: family for family in parsed(path.read_text())}
    (sample,) = families["kernelspec_memory_limit_bytes"].samples
    assert (sample.labels["user"], sample.value) == (LOGIN, 512 * MIB)
    assert watched.run("top", "--prometheus").startswith("# HELP kernelspec_cpu_seconds_total")


def test_a_running_kernel_gets_other_limits(one: Running, watched: Watched, engine: Engine) -> None:
    (container,) = containers(engine)
    name = f"{LOGIN}/churn"
    told = watched.run("limit", name, "--memory=768m", "--cpus=0.5", "--pids=150")
    assert "512 MiB -> 768 MiB, 1 processors -> 0.5 processors" in told
    host = json.loads(engine.ask("inspect", container).stdout)[0]["HostConfig"]
    limits = (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"])
    assert limits == (768 * MIB, 768 * MIB, 500_000_000, 150)
    # What the kernel itself is held to, with no restart.
    assert one.execute("bytes(600 * 2**20) and print('fits')") == ("fits\n", "")
    assert "of memory at this moment" in watched.run("limit", container, "--memory=8m", code=3)
    told = watched.run("limit", container[:12], "--memory=2g", code=2)
    assert "does not allow 2 GiB (1 GiB for one kernel)" in told
    if os.geteuid() == 0:
        told = watched.run("limit", name, "--memory=1100m", "--force")
        assert "768 MiB -> 1.074 GiB" in told
    one.execute("1")


def test_an_idle_kernel_is_ended_after_its_user_was_told(
    one: Running, watched: Watched, engine: Engine
) -> None:
    cell = one.client.execute(IDLE_FOR_DAYS)
    assert watched.reaped() == ""
    watched.earlier(active=3e5)
    assert "its user would be told" in watched.run("reap", "--dry-run")
    assert "its notebook says so" in watched.reaped()
    said = until(one, "This site ends kernels that are idle for 2 h", cell)
    assert "Run any cell to keep it" in said
    # Not yet: the user has an hour.
    assert "its user has been told; it stays" in watched.reaped()
    watched.earlier(warned=3601)
    assert "; ended" in watched.reaped()
    assert none_left(engine)
    # Jupyter starts no other in its place: the launcher answers.
    assert one.manager.is_alive()
    assert "longer than the 2h that this site allows. All its variables" in answer(one)
    assert one.manager.is_alive()
    assert none_left(engine)


def answer(running: Running) -> str:
    """What a cell ends in, once the client has found who answers by now."""
    for _ in range(20):
        request = running.client.execute("1")
        with contextlib.suppress(queue.Empty):
            while True:
                message: Any = running.client.get_iopub_msg(timeout=3)
                ours = message["parent_header"].get("msg_id") == request
                if ours and message["msg_type"] == "error":
                    return str(message["content"]["evalue"])
    raise AssertionError("nobody answers")


def until(running: Running, wanted: str, cell: str) -> str:
    """What the request *cell* is answered with, until *wanted* is in it."""
    said = ""
    while wanted not in said:
        message: Any = running.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == cell:
            said += str(message["content"].get("text", message["content"].get("evalue", "")))
    return said


def test_a_kernel_that_waits_is_not_idle(one: Running, watched: Watched) -> None:
    one.execute(IDLE_FOR_DAYS)
    assert watched.reaped() == ""
    watched.earlier(active=3e5)
    request = one.client.execute(WAITS)
    until(one, "waits", request)
    assert "it does not answer, so a cell may be running; it stays" in watched.reaped()
    (one.kernel.work / "go").touch()
    until(one, "goes on", request)
    # That it was busy is remembered.
    assert watched.reaped() == ""


def test_orphans_are_removed_and_no_others(
    one: Running, churn: Kernel, watched: Watched, engine: Engine, tmp_path: Path
) -> None:
    (held,) = containers(engine)
    file = tmp_path / "kernel.json"
    file.write_text("{}")
    left = [orphan(engine, churn, "/nowhere/kernel.json", ""), orphan(engine, churn, str(file), "")]
    left.append(orphan(engine, churn, str(file), "1:1"))
    told = watched.run("reap", "--dry-run")
    assert told.count("would be removed") == 3
    assert set(containers(engine)) == {held, *left}
    told = watched.reaped()
    for why in ("connection file", "docker run that started it", "server that started it"):
        assert told.count(f"its {why} is gone; removed" if why[0] == "c" else f"the {why} is") == 1
    assert containers(engine) == [held]
    assert one.execute("print(1)") == ("1\n", "")


def orphan(engine: Engine, churn: Kernel, connection_file: str, parent: str) -> str:
    """A container that something left behind."""
    labels = {
        "kernelspec.owner": LOGIN,
        "kernelspec.kernel": "left",
        "kernelspec.connection_file": connection_file,
        **({"kernelspec.parent": parent} if parent else {}),
    }
    words = [f"--label={name}={value}" for name, value in labels.items()]
    image = f"{LOGIN}_{churn.folder.name}:latest"
    label = f"--label={TEST_LABEL}"
    made = engine.ask("create", label, *words, "--pull=never", image, "sleep", "60")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()
