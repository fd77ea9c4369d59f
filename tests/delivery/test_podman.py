"""Podman where the policy says so: the same commands, and images of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from tests.delivery import parts
from tests.delivery.kernels import Site, seen
from tests.docker.conftest import BASE_IMAGE, LOGIN, generated

pytestmark = pytest.mark.docker


SETTINGS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
[engine.runtimes]
runc = ["{runc}"]
"""
"""What lets it run containers inside a container as well: no higher limits than there are, and the
runtime that takes cgroups of both kinds side by side."""


@contextmanager
def a_podman(driver: str) -> Iterator[Engine]:
    """A podman with images of its own, in a folder of the test's."""
    program = parts.program("podman")
    # podman takes no long names here.
    with tempfile.TemporaryDirectory(prefix="ks-podman-") as folder:
        client, settings = Path(folder, "podman"), Path(folder, "containers.conf")
        settings.write_text(SETTINGS.format(runc=parts.program("runc")))
        own = f"--root={folder}/root --runroot={folder}/run --storage-driver={driver}"
        client.write_text(f'#!/bin/sh\nCONTAINERS_CONF={settings} exec {program} {own} "$@"\n')
        client.chmod(0o755)
        try:
            yield Engine(
                name="podman",
                client=str(client),
                version="",
                server="",
                environment=dict(os.environ),
            )
        finally:
            subprocess.run([client, "rm", "--all", "--force"], capture_output=True, check=False)
            # What is mounted of it would keep its folder.
            subprocess.run([client, "unmount", "--all"], capture_output=True, check=False)


@pytest.fixture
def podman() -> Iterator[Engine]:
    with a_podman("vfs") as made:
        yield made


@pytest.fixture
def podman_with_a_base() -> Iterator[Engine]:
    """One that holds the base image: in layers, or each step would copy all of it."""
    with a_podman("overlay") as made:
        script = Path(__file__).parents[1] / "docker" / "base_image.sh"
        usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kernelspec-tests")
        cache = os.environ.get("KERNELSPEC_TEST_CACHE") or str(usual)
        command = [str(script), f"docker.io/library/{BASE_IMAGE}", cache, made.client]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield made


@pytest.mark.network
def test_what_podman_builds_can_be_tried(
    podman_with_a_base: Engine, index_url: str, tmp_path: Path
) -> None:
    kernel = generated(tmp_path, "churn", ["ipykernel", "alpha==1.1"], index_url)
    value = json.loads(kernel.policy.read_text())
    kernel.policy.write_text(json.dumps({**value, "engine": "podman"}))
    own = {"KERNELSPEC_DOCKER": podman_with_a_base.client}
    words = (str(kernel.folder), f"--index-url={index_url}", "--network=host")
    done = kernel.kernelspec("build", *words, **own)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{LOGIN}_churn:latest\n"
    tried = kernel.kernelspec("try", str(kernel.folder), "--engine=docker", **own)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "alpha 1.1 (import alpha): ok" in tried.stdout


def test_from_install_to_uninstall_with_podman(
    podman: Engine, kernel_folder: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"engine": "podman"}))
    site = Site(
        folder=kernel_folder,
        policy=policy,
        login="root",
        engine=podman,
        environment={"KERNELSPEC_DOCKER": podman.client},
    )
    kernels = tmp_path / "share/jupyter/kernels"
    prefix = f"--prefix={tmp_path}"
    images = []
    for version in ("1", "2"):
        images.append(site.image(version, "root_churn:latest").splitlines()[-1])
        done = site.install(prefix)
        assert done.returncode == 0, done.stderr
    assert seen(kernels)["churn"]["image"] == f"sha256:{images[1]}"
    argv = json.loads((kernels / "churn" / "kernel.json").read_text())["argv"]
    assert argv[:2] == ["podman", "run"]
    told = site.run("list", "--json", prefix)
    (row,) = json.loads(told.stdout)["kernels"]
    assert (row["stale"], row["rollback"]) == (False, f"sha256:{images[0]}")
    assert site.run("rollback", "churn", prefix).returncode == 0
    # Without a name of its own, only our tag keeps it.
    subprocess.run([podman.client, "image", "prune", "--force"], check=True, capture_output=True)
    told = site.run("list", "--json", prefix)
    (row,) = json.loads(told.stdout)["kernels"]
    assert (row["stale"], row["reason"]) == (True, "there is a newer image")
    site.run("uninstall", "churn", prefix)
    assert seen(kernels) == {}
    left = podman.ask("image", "ls", "--noheading", "--format={{.Repository}}").stdout.split()
    assert left == ["localhost/root_churn"]
