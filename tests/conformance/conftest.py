"""Three people with one kernel each, started in three ways, and a hub that they share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kernelspec_lib.conformance.traces import happens
from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.kernels.container import OWNER_LABEL
from tests.conformance import hub, people
from tests.conformance.people import ROOT, Person, World
from tests.docker.conftest import (  # noqa: F401 - fixtures
    LOGIN,
    Kernel,
    base_image,
    built,
    clean_engine,
    engine,
    generated,
    index_url,
    kernelspec,
)

KERNEL = "conform"
DISPLAY_NAME = "Churn model"
LAUNCHERS = ("direct", "supervised", "sudo")
SUDOERS = ROOT / "docs/sudoers/kernelspec"
ROOTS_KERNELS = "/usr/local/share/jupyter/kernels"
"""The kernel specs that root starts for others."""
ROOTS_LAUNCHER = """#!{python} -I
from kernelspec_lib.launcher import main

main()
"""
DISK_SIZE = 200 * 1024**2
"""Small enough for a case to fill it."""


@pytest.fixture(scope="session")
def root() -> None:
    """Accounts and name spaces are root's to make."""
    if os.getuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("in CI these tests must run as root")
        pytest.skip("makes accounts and mounts: needs root")


@pytest.fixture(scope="session")
def kernel(
    tmp_path_factory: pytest.TempPathFactory,
    clean_engine: Engine,  # noqa: F811
    base_image: str,  # noqa: F811
    index_url: str,  # noqa: F811
) -> Kernel:
    """The kernel that everybody has, built."""
    folder = tmp_path_factory.mktemp("conform")
    made = generated(folder, KERNEL, ["ipykernel"], index_url)
    requirements = made.folder / "requirements.json"
    value = json.loads(requirements.read_text())
    requirements.write_text(json.dumps({**value, "display_name": DISPLAY_NAME}))
    return built(made)


@pytest.fixture(scope="session")
def disk(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk for work folders; mounted before their world is made, or not seen there."""
    folder = tmp_path_factory.mktemp("disk")
    options = f"size={DISK_SIZE},mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def world(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where all of them are."""
    with people.world(tmp_path_factory.mktemp("world"), hub.programs()) as one:
        python = Path(sys.executable)
        one.write("/usr/local/bin/kernelspec-launch", ROOTS_LAUNCHER.format(python=python), 0o755)
        one.write("/etc/sudoers.d/kernelspec", SUDOERS.read_text(), 0o440)
        yield one


NAMES = {"direct": ("ada", "docker"), "supervised": ("bob", "docker"), "sudo": ("grace",)}
"""By launcher, somebody and the groups that it needs: behind sudo, nobody may use Docker."""


@pytest.fixture(scope="session")
def somebody(
    world: World,
    disk: Path,
    kernel: Kernel,
    clean_engine: Engine,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Person]]:
    """From a launcher to the person whose kernel it starts."""
    found: dict[str, Person] = {}
    with ExitStack() as stack:

        def by(launcher: str) -> Person:
            if launcher not in found:
                who = stack.enter_context(people.person(*NAMES[launcher]))
                label = f"{OWNER_LABEL}={who.login}"
                stack.callback(engines.remove_containers, clean_engine, label)
                stack.enter_context(_work_on(disk / who.login, who, world))
                install(world, who, kernel, launcher, tmp_path_factory.mktemp(launcher))
                found[launcher] = who
            return found[launcher]

        yield by


@contextmanager
def _work_on(folder: Path, who: Person, world: World) -> Iterator[None]:
    """Let *folder* be the work folder of *who*, for the engine and in *world*."""
    folder.mkdir()
    os.chown(folder, who.uid, who.gid)
    bind = ["mount", "--bind", str(folder), str(who.work)]
    subprocess.run(bind, check=True)
    inside = world.run(bind)
    assert inside.returncode == 0, inside.stderr
    yield
    subprocess.run(["umount", "--lazy", str(who.work)], check=True)
    world.run(["umount", "--lazy", str(who.work)])


def install(world: World, who: Person, kernel: Kernel, launcher: str, folder: Path) -> None:
    """Put *kernel* where the Jupyter of *who* finds it. folder: takes the policy."""
    policy = folder / "policy.json"
    policy.write_text(json.dumps({"launcher": launcher}))
    image = f"--image={LOGIN}_{KERNEL}:latest"
    output = folder / KERNEL
    emitted = kernelspec(
        "emit", str(kernel.folder), f"--login={who.login}", f"--policy={policy}", image,
        f"--output={output}",
    )  # fmt: skip
    assert emitted.returncode == 0, emitted.stderr
    target = ROOTS_KERNELS if launcher == "sudo" else str(who.kernels)
    for words in (["mkdir", "-p", target], ["cp", "-r", str(output), target]):
        done = world.run(words)
        assert done.returncode == 0, done.stderr
    if launcher != "sudo":
        mine = ["chown", "-R", f"{who.uid}:{who.gid}", str(who.home / ".local")]
        subprocess.run(mine, check=True)


def site(world: World, **policy: object) -> None:
    """Let the site's policy be *policy*, from now on."""
    value = {"launcher": "sudo", "hub": {"kernels": ROOTS_KERNELS}, **policy}
    world.write("/etc/kernelspec/policy.json", json.dumps(value))


def none_of(engine: Engine, who: Person) -> bool:  # noqa: F811
    """Whether no container of *who* is left, now or soon."""
    return happens(lambda: not containers_of(engine, who), 30)


def containers_of(engine: Engine, who: Person) -> list[str]:  # noqa: F811
    """The containers of *who*, running or not."""
    listed = engine.ask("ps", "--all", "--quiet", f"--filter=label={OWNER_LABEL}={who.login}")
    assert listed.returncode == 0, listed.stderr
    return listed.stdout.split()
