"""`prune` against a real registry: what goes is gone, and every image that stays pulls afterwards.

$KERNELSPEC_PRUNE_TAGS: how many tags there are, over a fifth as many images.
$KERNELSPEC_PRUNE_KILLS: how often it is killed half-way.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib.delivery import shelf
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.delivery.registry import Registry
from tests.delivery import parts
from tests.docker.conftest import TEST_LABEL, kernelspec

pytestmark = pytest.mark.docker

TAGS = int(os.environ.get("KERNELSPEC_PRUNE_TAGS", "150"))
KILLS = int(os.environ.get("KERNELSPEC_PRUNE_KILLS", "4"))
IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(kw_only=True)
class Shelves:
    """Repositories of this test, filled through the registry's API; every image can be pulled."""

    registry: parts.Registry
    client: Registry
    path: str
    policy: Path
    docker: Path

    def blob(self, repository: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = self.client.request("POST", f"/v2/{repository}/blobs/uploads/", repository, {})
        assert begun.status_code == 202, begun.text
        to = begun.headers["Location"].partition(self.registry.host)[2]
        headers = {"Content-Type": "application/octet-stream"}
        put = self.client.request("PUT", f"{to}&digest={digest}", repository, headers, content)
        assert put.status_code == 201, put.text
        return {"digest": digest, "size": len(content)}

    def image(self, repository: str, number: int, *tags: str, owner: str = "ada") -> str:
        """An image whose first layer it shares with all others; its digest."""
        layers, ids = [], []
        for name in ("shared", f"own-{number}"):
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                member = tarfile.TarInfo(name)
                member.size = len(name)
                archive.addfile(member, io.BytesIO(name.encode()))
            ids.append(f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}")
            kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
            layer = self.blob(repository, gzip.compress(packed.getvalue(), mtime=0))
            layers.append({"mediaType": kind, **layer})
        config = {
            "architecture": "amd64",
            "os": "linux",
            "created": f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
            "config": {"Labels": {"kernelspec.owner": owner, "kernelspec.kernel": "churn"}},
            "rootfs": {"type": "layers", "diff_ids": ids},
        }
        told = self.blob(repository, json.dumps(config).encode())
        kind = "application/vnd.docker.container.image.v1+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": {"mediaType": kind, **told},
            "layers": layers,
        }
        return self.put(repository, IMAGE, manifest, *tags)

    def put(self, repository: str, kind: str, value: Mapping[str, Any], *tags: str) -> str:
        content = json.dumps(value).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        for reference in tags or (digest,):
            path = f"/v2/{repository}/manifests/{reference}"
            put = self.client.request("PUT", path, repository, {"Content-Type": kind}, content)
            assert put.status_code == 201, put.text
        return digest

    def index(self, repository: str, *children: str, tag: str) -> str:
        """An OCI index of *children*; its digest."""
        platform = {"architecture": "amd64", "os": "linux"}
        listed = []
        for child in children:
            found = self.client.manifest(repository, child)
            assert found is not None
            size = len(found.content)
            listed.append({"mediaType": IMAGE, "digest": child, "size": size, "platform": platform})
        value = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
        return self.put(repository, INDEX, value, tag)

    def digests(self, repository: str) -> set[str]:
        return {one.digest for one in shelf.entries(self.client, repository)}

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KERNELSPEC_POLICY": str(self.policy),
            "KERNELSPEC_DOCKER": str(self.docker),
            "DOCKER_CONFIG": str(self.registry.docker_config),
        }

    def prune(self, *words: str) -> subprocess.CompletedProcess[str]:
        return kernelspec("prune", "--local", *words, **self.environment)


_DOCKER = """#!/bin/sh
case "$1 $2" in "image ls") exec {client} "$@" --filter=label={label};; esac
exec {client} "$@"
"""
"""The engine, which shows no images but those of this run: it is not ours alone."""


@pytest.fixture
def shelves(registry: parts.Registry, clean_engine: Engine, tmp_path: Path) -> Shelves:
    path = f"prune-{uuid.uuid4().hex[:8]}"
    policy = tmp_path / "policy.json"
    # No kernels are installed there: other tests have theirs on this machine.
    hub = {"kernels": f"{tmp_path}/{{login}}/kernels"}
    policy.write_text(json.dumps({"registry": f"{registry.host}/{path}", "hub": hub}))
    docker = tmp_path / "docker"
    docker.write_text(_DOCKER.format(client=clean_engine.client, label=TEST_LABEL))
    docker.chmod(0o755)
    environment = {"DOCKER_CONFIG": str(registry.docker_config)}
    client = Registry(registry.host, environment)
    return Shelves(registry=registry, client=client, path=path, policy=policy, docker=docker)


def build(number: int) -> str:
    return f"build-20260101T{number:06}-{number:08x}"


def test_the_default_is_a_plan_on_a_terminal_and_deeds_elsewhere(shelves: Shelves) -> None:
    repository = f"{shelves.path}/ada_churn"
    old = shelves.image(repository, 1, build(1))
    new = shelves.image(repository, 2, build(2), "latest")
    planned = shelves.prune("--dry-run", "--keep-last=1")
    assert planned.returncode == 0, planned.stderr
    assert f"{repository}@{old[7:19]}" in planned.stdout
    assert "nothing has been removed" in planned.stdout
    assert shelves.digests(repository) == {old, new}
    done = shelves.prune("--keep-last=1")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 images are gone from the registry" in done.stderr
    assert shelves.digests(repository) == {new}


def test_what_a_kernel_on_the_hub_needs_stays(shelves: Shelves, tmp_path: Path) -> None:
    repository = f"{shelves.path}/ada_churn"
    installed, other = (shelves.image(repository, number, build(number)) for number in (1, 2))
    newest = shelves.image(repository, 3, build(3), "latest")
    folder = tmp_path / "ada" / "kernels" / "churn"
    folder.mkdir(parents=True)
    image = f"{shelves.registry.host}/{repository}@{installed}"
    made = {"owner": "ada", "kernel": "churn", "image": image, "version": "1"}
    spec = {"argv": ["true"], "display_name": "x", "metadata": {"kernelspec": made}}
    (folder / "kernel.json").write_text(json.dumps(spec))
    told = shelves.prune("--json", "--dry-run", "--keep-last=1")
    assert told.returncode == 0, told.stderr
    value = json.loads(told.stdout)
    assert [one["digest"] for one in value["registry"]] == [other]
    reasons = {one["digest"]: one["reason"] for one in value["kept"]}
    assert reasons == {installed: "installed", newest: "tag latest"}


def test_a_hub_that_is_not_there_is_no_empty_one(shelves: Shelves) -> None:
    shelves.image(f"{shelves.path}/ada_churn", 1, build(1))
    nothing = {**shelves.environment, "KERNELSPEC_DOCKER": "/bin/true"}
    done = kernelspec("prune", "--no-dry-run", **nothing)
    assert done.returncode == 2
    assert "name the hub with --host, or say --local" in done.stderr


def test_a_registry_that_lets_nobody_delete_says_so(shelves: Shelves) -> None:
    repository = f"{shelves.path}/ada_churn"
    both = {shelves.image(repository, number, build(number)) for number in (1, 2)}
    config = shelves.registry.folder / "config.yml"
    before = config.read_text()
    shelves.registry.daemon.stop()
    config.write_text(before.replace("delete: {enabled: true}", "delete: {enabled: false}"))
    shelves.registry.daemon.start()
    try:
        done = shelves.prune("--keep-last=1")
        assert done.returncode == 3
        assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in done.stderr
        assert shelves.digests(repository) == both
    finally:
        shelves.registry.daemon.stop()
        config.write_text(before)
        shelves.registry.daemon.start()


def test_thousands_of_tags_and_whatever_stays_pulls(shelves: Shelves, clean_engine: Engine) -> None:
    kernels = [f"{shelves.path}/ada_{name}" for name in ("churn", "fraud", "spam")]
    number = 0
    for repository in kernels:
        images: list[str] = []
        for _ in range(max(TAGS // 15, 4)):
            number += 1
            tags = [build(number * 10 + more) for more in range(4)]
            images.append(shelves.image(repository, number, *tags, f"v{number}"))
        # Two tags on one digest; an index of old images; one that is no kernel's.
        shelves.client.tag(repository, images[0], "stable")
        shelves.index(repository, images[1], images[2], tag="multi")
        shelves.image(repository, 80_000, "tool", owner="")
    words = ("--keep-tag=stable", "--keep-tag=multi", "--keep-last=2")
    begun = time.monotonic()
    planned = shelves.prune("--json", "--dry-run", *words)
    seconds = time.monotonic() - begun
    assert planned.returncode == 0, planned.stderr
    value = json.loads(planned.stdout)
    print(f"a plan for {number * 5} tags: {seconds:.2f} s")
    done = shelves.prune(*words)
    assert done.returncode == 0, done.stderr
    kept = {(one["repository"], one["digest"]) for one in value["kept"]}
    there = {(name, digest) for name in kernels for digest in shelves.digests(name)}
    assert there == kept
    per_kernel = 1 + 1 + 2 + 1 + 2  # stable, multi and its two, the tool, the last two
    assert len(kept) == 3 * per_kernel
    assert len(value["registry"]) == number - 3 * 5
    assert value["freed"] > 0
    config = {**clean_engine.environment, "DOCKER_CONFIG": str(shelves.registry.docker_config)}
    for repository, digest in sorted(kept):
        reference = f"{shelves.registry.host}/{repository}@{digest}"
        command = [clean_engine.client, "pull", "--quiet", reference]
        pulled = subprocess.run(command, env=config, capture_output=True, text=True, check=False)
        assert pulled.returncode == 0, pulled.stderr
        clean_engine.ask("image", "rm", "--force", reference)


def test_killed_half_way_it_can_be_done_again(shelves: Shelves) -> None:
    repository = f"{shelves.path}/ada_churn"
    images = [shelves.image(repository, number, build(number)) for number in range(1, 26 + KILLS)]
    environment = {**os.environ, **shelves.environment}
    command = [sys.executable, "-m", "kernelspec_lib", "prune", "--local", "--no-dry-run"]
    for _ in range(KILLS):
        there = len(shelves.digests(repository))
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(shelves.digests(repository)) == there:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert set(images[-3:]) <= shelves.digests(repository)
    done = shelves.prune()
    assert done.returncode == 0, done.stderr
    assert shelves.digests(repository) == set(images[-3:])


def test_the_hub_keeps_what_is_its_own_and_what_kernels_need(
    shelves: Shelves, clean_engine: Engine, tmp_path: Path
) -> None:
    config = {**clean_engine.environment, "DOCKER_CONFIG": str(shelves.registry.docker_config)}
    text = f"FROM scratch\nLABEL kernelspec.owner=ada kernelspec.kernel=churn {TEST_LABEL} n="

    def made(name: str) -> str:
        command = [clean_engine.client, "build", "--quiet", f"--tag={name}", "-"]
        told = subprocess.run(
            command, input=f"{text}{name}", env=config, capture_output=True, text=True, check=True
        )
        return told.stdout.strip()

    where = f"{shelves.registry.host}/{shelves.path}"
    here = f"kernelspec-prune-{uuid.uuid4().hex[:8]}:latest"
    unused, needed, own = made(f"{where}/ada_a:1"), made(f"{where}/ada_b:1"), made(here)
    folder = tmp_path / "ada" / "kernels" / "b"
    folder.mkdir(parents=True)
    stands = {"owner": "ada", "kernel": "b", "image": needed, "image_id": needed, "version": "1"}
    spec = {"argv": ["true"], "display_name": "x", "metadata": {"kernelspec": stands}}
    (folder / "kernel.json").write_text(json.dumps(spec))
    done = shelves.prune()
    assert done.returncode == 0, done.stderr
    listed = clean_engine.ask("image", "ls", "--quiet", "--no-trunc").stdout.split()
    assert unused not in listed
    assert {needed, own} <= set(listed)
