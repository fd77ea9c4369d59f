"""Podman where the policy says so: the same commands, and images of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from tests.delivery import parts
from tests.delivery.kernels import Site, seen

pytestmark = pytest.mark.docker


@pytest.fixture
def podman() -> Iterator[Engine]:
    """A podman with images of its own, in a folder of the test's."""
    program = parts.program("podman")
    # podman takes no long names here.
    with tempfile.TemporaryDirectory(prefix="ks-podman-") as folder:
        client = Path(folder, "podman")
        own = f"--root={folder}/root --runroot={folder}/run --storage-driver=vfs"
        client.write_text(f'#!/bin/sh\nexec {program} {own} "$@"\n')
        client.chmod(0o755)
        yield Engine(
            name="podman", client=str(client), version="", server="", environment=dict(os.environ)
        )


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
