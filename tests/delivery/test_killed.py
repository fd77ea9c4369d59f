"""Killed at any moment, and many at once: the hub lists whole kernels, and the next run completes.

KERNELSPEC_KILLS and KERNELSPEC_DEPLOYMENTS say how often; the whole proof is 100 and 50.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kernelspec_lib.onhub import images
from tests.delivery import parts
from tests.delivery.kernels import Site, seen
from tests.docker import jupyter
from tests.docker.conftest import LOGIN, Kernel

KILLS = int(os.environ.get("KERNELSPEC_KILLS", "4"))
DEPLOYMENTS = int(os.environ.get("KERNELSPEC_DEPLOYMENTS", "6"))
KERNELS = 5

pytestmark = [pytest.mark.docker, pytest.mark.network]


@pytest.fixture
def real(site: Site, churn: Kernel) -> Site:
    """A kernel of the owner's that can be started, in two versions: one:latest and two:latest."""
    site = replace(site, folder=churn.folder)
    site.set_policy(registry=None)
    for name in ("one", "two"):
        site.image(name, f"{site.login}_churn:{name}", base=f"{LOGIN}_churn:latest")
    return site


def started(kernels: Path, account: parts.Account, folder: Path) -> str:
    """What a cell in the kernel *churn* of the folder *kernels* prints, started by Jupyter."""
    made = jupyter.manager(kernels, "churn", folder / "connection.json", account.uid)
    with jupyter.ready(made) as client:
        return jupyter.printed(client, "import os; print(os.getuid(), os.getcwd())")


def whole(site: Site, kernels: Path, images: Sequence[str]) -> bool:
    """Whether *kernels* lists the kernel whole, with one of *images* that is on the machine."""
    found = seen(kernels) if kernels.is_dir() else {}
    if not found:
        return False
    made = found["churn"]
    assert made["image"] in images
    assert {path.name for path in (kernels / "churn").iterdir()} >= {
        "kernel.json",
        "logo-32x32.png",
        "logo-64x64.png",
        "logo-svg.svg",
    }
    assert site.engine.ask("image", "inspect", made["image"]).returncode == 0
    return True


def completed(site: Site, kernels: Path, *words: str) -> None:
    """A second run completes the work: no rests, and the rollback works."""
    for name in ("one", "two"):
        done = site.install(f"--image={site.login}_churn:{name}", *words)
        assert done.returncode == 0, done.stderr
    inside = sorted(path.name for path in (kernels / ".kernelspec" / "churn").iterdir())
    assert len(inside) == 2
    assert all(name.isdecimal() for name in inside)
    tags = site.engine.ask("image", "ls", "--format={{.Tag}}", f"*/{site.login}_churn").stdout
    own = images.tag_of(site.login, "churn", str(kernels), "").rpartition(":")[2]
    assert len([tag for tag in tags.split() if tag.startswith(own)]) == 2
    two = seen(kernels)["churn"]["image"]
    assert site.run("rollback", "churn", *words).returncode == 0
    assert seen(kernels)["churn"]["image"] != two


def _ids(site: Site) -> list[str]:
    names = [f"{site.login}_churn:{name}" for name in ("one", "two")]
    told = site.engine.ask("image", "inspect", "--format={{.Id}}", *names)
    return told.stdout.split()


def killed_again_and_again(site: Site, kernels: Path, uid: int | None, *words: str) -> int:
    """Kill KILLS runs; how many had not ended yet. uid: every second time kill the hub's side."""
    images = _ids(site)
    begun = time.monotonic()
    assert site.install(f"--image={site.login}_churn:one", *words).returncode == 0
    lasts = time.monotonic() - begun
    chance = random.Random(KILLS)  # noqa: S311 - no secret
    ended = 0
    for number in range(KILLS):
        name = ("two", "one")[number % 2]
        command, environment = site.command(
            "install", str(site.folder), f"--image={site.login}_churn:{name}", *words
        )
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.2, 1.1) * lasts)
        ended += process.poll() is not None
        if uid is not None and number % 2:
            _kill_all_of(uid)
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert whole(site, kernels, images), f"run {number}"
    print(f"{KILLS} runs killed, {ended} of them had ended before")
    return KILLS - ended


def _kill_all_of(uid: int) -> None:
    """SIGKILL to what a user of these tests alone has started: python3 and docker on the hub."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            command = (folder / "cmdline").read_bytes()
            if folder.stat().st_uid == uid and command.startswith(
                (b"python3\0", b"/usr/bin/docker")
            ):
                os.kill(int(folder.name), signal.SIGKILL)


def test_killed_here(real: Site, owner: parts.Account, tmp_path: Path) -> None:
    kernels = owner.home / ".local/share/jupyter/kernels"
    try:
        assert killed_again_and_again(real, kernels, None) > 0
        assert started(kernels, owner, tmp_path) == f"{owner.uid} {owner.home}/work\n"
        completed(real, kernels)
        assert started(kernels, owner, tmp_path) == f"{owner.uid} {owner.home}/work\n"
    finally:
        assert real.run("uninstall", "churn").returncode == 0


def test_killed_over_ssh(
    real: Site, owner: parts.Account, ssh_hub: parts.SshHub, deployer: parts.Account, tmp_path: Path
) -> None:
    with hub_folder(real, deployer) as top:
        kernels = top / real.login
        assert killed_again_and_again(real, kernels, deployer.uid, *ssh_hub.words) > 0
        assert started(kernels, owner, tmp_path) == f"{owner.uid} {owner.home}/work\n"
        completed(real, kernels, *ssh_hub.words)
        assert started(kernels, owner, tmp_path) == f"{owner.uid} {owner.home}/work\n"
        assert real.run("uninstall", "churn", *ssh_hub.words).returncode == 0


def test_who_shares_a_kernel_starts_it_as_themselves(
    real: Site, owner: parts.Account, deployer: parts.Account, tmp_path: Path
) -> None:
    group = {"members": [deployer.login], "kernels": [f"{owner.login}/churn"]}
    real.set_policy(groups={"risk": group})
    try:
        assert real.install(f"--image={real.login}_churn:one").returncode == 0
        theirs = deployer.home / ".local/share/jupyter/kernels"
        assert started(theirs, deployer, tmp_path) == f"{deployer.uid} {deployer.home}/work\n"
    finally:
        assert real.run("uninstall", "churn").returncode == 0
    assert seen(theirs) == {}


@contextmanager
def hub_folder(site: Site, deployer: parts.Account) -> Iterator[Path]:
    """A folder of all users' kernel specs, which the deployer may write."""
    with tempfile.TemporaryDirectory(prefix="kernelspec-hub-") as folder:
        Path(folder).chmod(0o755)
        os.chown(folder, deployer.uid, deployer.gid)
        site.set_policy(hub={"kernels": f"{folder}/{{login}}"})
        yield Path(folder)


def test_many_deployments_at_once(
    site: Site, owner: parts.Account, ssh_hub: parts.SshHub, deployer: parts.Account, tmp_path: Path
) -> None:
    site.set_policy(registry=None)
    sites = []
    for number in range(KERNELS):
        folder = tmp_path / f"many{number}"
        shutil.copytree(site.folder, folder)
        value = json.loads((folder / "requirements.json").read_text())
        value["kernel_name"] = folder.name
        (folder / "requirements.json").write_text(json.dumps(value, indent=2))
        sites.append(replace(site, folder=folder))
    orders = [(sites[number % KERNELS], f"v{number // KERNELS}") for number in range(DEPLOYMENTS)]
    images = {
        (one.kernel, version): one.image(version, f"{site.login}_{one.kernel}:{version}")
        for one, version in orders
    }
    with hub_folder(site, deployer) as top:
        running = [
            _deployed(one, f"--image={site.login}_{one.kernel}:{version}", *ssh_hub.words)
            for one, version in orders
        ]
        told = [process.communicate(timeout=900) for process in running]
        codes = [process.returncode for process in running]
        assert codes == [0] * DEPLOYMENTS, told
        found = seen(top / site.login)
        assert set(found) == {one.kernel for one, _ in orders}
        for kernel, made in found.items():
            assert made["image"] in [image for (of, _), image in images.items() if of == kernel]
            assert len(list((top / site.login / ".kernelspec" / kernel).iterdir())) <= 2
        for one in sites[: len(found)]:
            assert one.run("uninstall", one.kernel, *ssh_hub.words).returncode == 0


def _deployed(site: Site, *words: str) -> subprocess.Popen[str]:
    command, environment = site.command("install", str(site.folder), *words)
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
