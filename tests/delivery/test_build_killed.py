"""`build --push`, killed at random moments: the registry stands for the old or for the new, whole.

$KERNELSPEC_BUILD_KILLS: how often.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import random
import signal
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.delivery.image import REVISION_LABEL
from kernelspec_lib.delivery.registry import Registry
from tests import package_index as indexes
from tests.delivery import parts
from tests.delivery.kernels import Site
from tests.docker.conftest import TEST_LABEL

pytestmark = pytest.mark.docker

KILLS = int(os.environ.get("KERNELSPEC_BUILD_KILLS", "8"))
PASSWORD = "hunter2-of-a-killed-build"
DOCKERFILE = f"""\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
LABEL {TEST_LABEL}
COPY content /content
USER 65534
"""


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """A kernel that builds within a second, and where it is pushed to."""

    site: Site
    client: Registry
    repository: str
    temporary: Path

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """Begin to build and push the kernel's commit *number*."""
        (self.site.folder / "content").write_bytes(os.urandom(3_000_000))
        url = f"http://alice:{PASSWORD}@127.0.0.1:9/simple"
        words = ("build", str(self.site.folder), "--push", f"--index-url={url}")
        command, environment = self.site.command(*words)
        environment |= {"CI_COMMIT_SHA": str(number), "TMPDIR": str(self.temporary)}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def standing(self) -> int:
        """The commit that `latest` stands for, of an image that can be pulled as a whole."""
        digest = self.client.digest(self.repository, "latest")
        assert digest is not None
        reference = f"{self.client.host}/{self.repository}@{digest}"
        environment = {**self.site.engine.environment, **self.site.environment}
        command = [self.site.engine.client, "pull", "--quiet", reference]
        pulled = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert pulled.returncode == 0, pulled.stderr
        labels = self.client.labels(self.repository, digest)
        assert labels is not None
        self.site.engine.ask("image", "rm", reference)
        return int(labels[REVISION_LABEL])

    def holds_a_password(self) -> list[Path]:
        files = [one for one in self.temporary.rglob("*") if one.is_file()]
        return [one for one in files if PASSWORD.encode() in one.read_bytes()]


@pytest.fixture
def tiny_base(clean_engine: Engine) -> Iterator[str]:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("base")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"base"))
    name = f"kernelspec-tiny-{uuid.uuid4().hex[:8]}:1"
    command = [clean_engine.client, "import", f"--change=LABEL {TEST_LABEL}", "-", name]
    subprocess.run(command, input=packed.getvalue(), capture_output=True, check=True)
    yield name
    clean_engine.ask("image", "rm", "--force", name)


@pytest.fixture
def workshop(
    site: Site,
    registry: parts.Registry,
    package_index: indexes.Server,
    tiny_base: str,
    tmp_path: Path,
) -> Iterator[Workshop]:
    path = f"killed-{uuid.uuid4().hex[:8]}"
    site.set_policy(registry=f"{registry.host}/{path}", base_images=["*"])
    folder = tmp_path / "kernel" / "churn"
    folder.mkdir(parents=True)
    value = {"kernel_name": "churn", "python_version": "3.11", "base_image": tiny_base}
    (folder / "requirements.json").write_text(json.dumps({**value, "libs": ["ipykernel"]}))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    own = dataclasses.replace(site, folder=folder)
    done = own.run("resolve", str(folder), f"--index-url={package_index.url}")
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "t").mkdir()
    found = Workshop(
        site=own,
        client=Registry(registry.host, {"DOCKER_CONFIG": str(registry.docker_config)}),
        repository=f"{path}/{site.login}_churn",
        temporary=tmp_path / "t",
    )
    yield found
    listed = site.engine.ask("image", "ls", "--format={{.Repository}}:{{.Tag}}").stdout.split()
    ours = [one for one in listed if found.repository in one]
    if ours:
        site.engine.ask("image", "rm", "--force", *ours)


def whole(process: subprocess.Popen[bytes]) -> None:
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0, told.decode()


def built(process: subprocess.Popen[bytes]) -> None:
    """Wait until the engine has the image."""
    assert process.stdout is not None
    while b"naming to" not in process.stdout.readline():
        assert process.poll() is None


def test_killed_at_any_moment_the_version_stands_for_the_old_or_the_new(
    workshop: Workshop,
) -> None:
    whole(workshop.start(0))  # the base goes to the registry, once
    begun = time.monotonic()
    whole(workshop.start(1))
    takes = time.monotonic() - begun
    standing, moments = 1, random.Random()  # noqa: S311 - moments, no secrets
    ends = {"old": 0, "new": 0}
    for number in range(2, 2 + KILLS):
        process = workshop.start(number)
        if number % 2:
            time.sleep(moments.uniform(0, takes * 1.1))
        else:  # from the end of the build on: the push is the shorter half
            built(process)
            time.sleep(moments.uniform(0, takes / 3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = workshop.standing()
        assert now in (standing, number)
        ends["new" if now == number else "old"] += 1
        standing = now
        assert workshop.holds_a_password() == []
    print(f"{KILLS} kills within {takes:.1f} s: {ends}")
    whole(workshop.start(1000))
    assert workshop.standing() == 1000
    assert list(workshop.temporary.iterdir()) == []
