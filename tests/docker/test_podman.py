"""Kernels whose engine is podman: the launcher, and what watches over it, by podman's own API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelspec_lib import hub
from kernelspec_lib.delivery.engine import Engine
from tests.delivery import parts
from tests.docker import launched
from tests.docker.conftest import LOGIN, Kernel, kernelspec
from tests.docker.test_told import EATS, until_told

pytestmark = [
    pytest.mark.docker,
    pytest.mark.network,
    pytest.mark.skipif(os.getuid() != 0, reason="root's podman alone holds kernels of others"),
]


@dataclass(frozen=True, kw_only=True)
class Podman:
    """A podman whose API serves."""

    command: Sequence[str]
    host: str
    """As in DOCKER_HOST."""

    def containers(self) -> list[str]:
        listed = [*self.command, "ps", "--all", "--quiet", "--no-trunc"]
        told = subprocess.run(listed, capture_output=True, text=True, check=True)
        return told.stdout.split()

    def orphan(self, image: str) -> str:
        """A container that something left behind."""
        labels = {"owner": LOGIN, "kernel": "left", "connection_file": "/nowhere/kernel.json"}
        words = [f"--label=kernelspec.{name}={value}" for name, value in labels.items()]
        create = [*self.command, "create", "--pull=never", *words, image, "sleep", "60"]
        return subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def podman(churn: Kernel, engine: Engine) -> Iterator[Podman]:
    """One with images and containers of its own, which has the image of *churn*."""
    # podman takes no long names here.
    folder = Path(tempfile.mkdtemp(prefix="ks-podman-"))
    conf = folder / "containers.conf"
    # Its own are more than root may have where these tests run in a container.
    conf.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
    overlay = engine.ask("info", "--format={{.Driver}}").stdout.strip() == "overlay2"
    command = [
        *("env", f"CONTAINERS_CONF={conf}", parts.program("podman"), f"--root={folder}/root"),
        *(f"--runroot={folder}/run", f"--storage-driver={'overlay' if overlay else 'vfs'}"),
        *("--runtime=runc", "--cgroup-manager=cgroupfs"),
    ]
    socket = folder / "api.sock"
    try:
        load(command, engine)
        with serving(command, socket, folder):
            yield Podman(command=command, host=f"unix://{socket}")
    finally:
        subprocess.run([*command, "rm", "--all", "--force"], capture_output=True, check=False)
        for mounted in ("root/overlay", "root"):
            words = ["umount", "--lazy", str(folder / mounted)]
            subprocess.run(words, capture_output=True, check=False)
        shutil.rmtree(folder)


def load(command: Sequence[str], engine: Engine) -> None:
    """Bring the kernel's image from Docker."""
    save = [engine.client, "save", f"{LOGIN}_churn:latest"]
    with subprocess.Popen(save, stdout=subprocess.PIPE) as saved:
        subprocess.run([*command, "load", "--quiet"], stdin=saved.stdout, check=True)


@contextmanager
def serving(command: Sequence[str], socket: Path, folder: Path) -> Iterator[None]:
    """podman's API at *socket*. folder: where conmon, its monitor, leaves what it leaves."""
    words = [*command, "system", "service", "--time=0", f"unix://{socket}"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL, cwd=folder) as service:
        deadline = time.monotonic() + 30
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            yield
        finally:
            service.terminate()


def test_a_kernel_from_its_start_to_its_end(
    podman: Podman, churn: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = {"maximum": {"memory": "512m", "cpus": 1}}
    site = launched.policy(
        churn, tmp_path, engine="podman", resources=most, per_user={"memory": "600m"}
    )
    ours = {"DOCKER_HOST": podman.host, "KERNELSPEC_POLICY": str(site)}
    ours["KERNELSPEC_CACHE"] = str(tmp_path / "cache")

    def told(*words: str) -> str:
        done = kernelspec(*words, **ours)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = launched.manager(churn, tmp_path, site, comma=False)
    with launched.running(made, churn, {**launched.variables(site), **ours}) as one:
        kept = "open('kept', 'w').write('x'); import os; print(os.getuid(), os.getcwd())"
        assert one.execute(kept) == (f"12345 /home/{LOGIN}/work\n", "")
        (row,) = json.loads(told("top", "--json"))["kernels"]
        limits = (row["memory_limit"], row["cpus_limit"], row["pids_limit"], row["orphan"])
        assert limits == (512 * 1024**2, 1, 200, None)
        assert "512 MiB of 600 MiB" in told("budget")
        told("limit", f"{LOGIN}/churn", "--memory=256m", "--cpus=0.5", "--pids=150")
        assert "more memory than its limit of 256 MiB" in until_told(one, one.client.execute(EATS))
        one.manager.restart_kernel(now=True)
        one.client.wait_for_ready(timeout=60)
        assert one.execute("print(open('kept').read())") == ("x\n", "")
        (held,) = podman.containers()
        left = podman.orphan(f"localhost/{LOGIN}_churn:latest")
        assert f"({left[:12]}): its connection file is gone" in told("reap", "--dry-run")
        assert "its connection file is gone; removed" in told("reap", "--no-dry-run")
        assert podman.containers() == [held]
        monkeypatch.setenv("DOCKER_HOST", podman.host)
        assert hub.remove_kernels(LOGIN, only_orphans=True) == 0
    assert podman.containers() == []
