"""Builds that fail for real: what the engine and the compilers say leads to what helps."""

from __future__ import annotations

import dataclasses
import io
import json
import struct
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.packages import system_packages
from tests import package_index as indexes
from tests.delivery import parts, try_compiling
from tests.delivery.kernels import Site
from tests.docker.conftest import TEST_LABEL
from tests.index.parts import free_ports

pytestmark = pytest.mark.docker


def kernel(site: Site, folder: Path, base: str, index: indexes.Server) -> Site:
    """A kernel on *base* whose build runs a program of it."""
    site.set_policy(base_images=["*"])
    folder.mkdir()
    value = {"kernel_name": "churn", "python_version": "3.11", "base_image": base}
    (folder / "requirements.json").write_text(json.dumps({**value, "libs": ["ipykernel"]}))
    text = f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nLABEL {TEST_LABEL}\nRUN true\nUSER 65534\n"
    (folder / "Dockerfile").write_text(text)
    own = dataclasses.replace(site, folder=folder)
    done = own.run("resolve", str(folder), f"--index-url={index.url}")
    assert done.returncode == 0, done.stdout + done.stderr
    return own


def failed(site: Site, code: int, *words: str) -> str:
    """What `kernelspec build` says that must fail."""
    done = site.run("build", str(site.folder), "--network=host", *words)
    assert done.returncode == code, done.stderr
    return done.stderr.rpartition("error: ")[2]


@pytest.fixture
def plain(registry: parts.Registry, tmp_path: Path) -> Iterator[parts.Registry]:
    """The registry without TLS: BuildKit asks loopback in no other way."""
    config = registry.folder / "config.yml"
    lines = [one for one in config.read_text().splitlines() if not one.startswith("  tls:")]
    (port,) = free_ports(1)
    text = "\n".join(lines).replace(registry.host, f"127.0.0.1:{port}")
    own = tmp_path / "registry.yml"
    own.write_text(text)
    command = [registry.daemon.command[0], "serve", str(own)]
    daemon = parts.Daemon(command=command, port=port, log=tmp_path / "registry.log")
    host = f"127.0.0.1:{port}"
    config_of = parts.docker_login(tmp_path / "docker", host)
    daemon.start()
    yield dataclasses.replace(registry, host=host, docker_config=config_of, daemon=daemon)
    daemon.stop()


def test_a_base_image_behind_a_login_says_so(
    site: Site, plain: parts.Registry, package_index: indexes.Server, tmp_path: Path
) -> None:
    own = kernel(site, tmp_path / "k", f"{plain.host}/nobody/secret:1", package_index)
    stranger = dataclasses.replace(own, environment={"DOCKER_CONFIG": str(plain.no_login)})
    assert "wants another login: `docker login` there" in failed(stranger, 3)
    told = failed(stranger, 3, "--pull")
    assert "no basic auth credentials" in told
    assert "logged in to its registry (`docker login`)" in told
    known = dataclasses.replace(own, environment={"DOCKER_CONFIG": str(plain.docker_config)})
    assert "neither on this machine nor in its registry" in failed(known, 1)


def test_a_push_without_a_login_says_so(
    site: Site,
    registry: parts.Registry,
    package_index: indexes.Server,
    tmp_path: Path,
    base_image: str,
) -> None:
    own = kernel(site, tmp_path / "k", base_image, package_index)
    stranger = {"DOCKER_CONFIG": str(registry.no_login)}
    told = failed(dataclasses.replace(own, environment=stranger), 3, "--push")
    assert "`docker login" in told


@pytest.fixture
def foreign(clean_engine: Engine) -> Iterator[str]:
    """A base image whose programs are another machine's."""
    # ELF, 64 bits, little-endian, an executable for s390 (22): no machine of ours runs that.
    program = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 22, 1) + bytes(200)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("bin/sh")
        member.size, member.mode = len(program), 0o755
        archive.addfile(member, io.BytesIO(program))
    name = f"kernelspec-foreign-{uuid.uuid4().hex[:8]}:1"
    command = [clean_engine.client, "import", f"--change=LABEL {TEST_LABEL}", "-", name]
    subprocess.run(command, input=packed.getvalue(), capture_output=True, check=True)
    yield name
    clean_engine.ask("image", "rm", "--force", name)


def test_a_base_image_for_other_machines_says_so(
    site: Site, foreign: str, package_index: indexes.Server, tmp_path: Path
) -> None:
    assert "made for other machines" in failed(
        kernel(site, tmp_path / "k", foreign, package_index), 1
    )


@pytest.mark.network
@pytest.mark.parametrize(
    ("library", "package"),
    [("psycopg2==2.9.10", "libpq-dev"), ("pycurl==7.45.3", "libcurl4-openssl-dev")],
)
def test_the_hint_of_a_failed_compile_helps(
    library: str, package: str, base_image: str, engine: Engine, tmp_path: Path
) -> None:
    with try_compiling.container(engine.client, tmp_path, TEST_LABEL) as inside:
        code, lines = inside.compile(library)
        found = system_packages.clue(lines)
        assert code != 0
        assert found is not None
        assert found.packages == (package,)
        inside.install(found.packages)
        code, lines = inside.compile(library)
        # The next thing: there is no compiler yet.
        further = system_packages.clue(lines, found.packages)
        assert further is not None
        assert further.missing != found.missing
