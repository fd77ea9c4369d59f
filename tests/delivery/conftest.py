"""A registry and a hub for the tests that deliver, beside the engine of tests/docker."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from tests import package_index as indexes
from tests.delivery import parts, pipelines
from tests.delivery.kernels import Site, locked
from tests.docker.conftest import (  # noqa: F401 - fixtures, found by name
    RUN,
    base_image,
    churn,
    clean_engine,
    engine,
    index_url,
)


@pytest.fixture(scope="session")
def registry() -> Iterator[parts.Registry]:
    """An empty registry with TLS and a password. Its storage is gone afterwards."""
    temporary = tempfile.TemporaryDirectory(prefix="kernelspec-registry-")
    with temporary as folder, parts.registry(Path(folder)) as running:
        yield running


@pytest.fixture(scope="session")
def deployer() -> Iterator[parts.Account]:
    """A real user that may talk to Docker, and is not root."""
    with parts.account(f"ks{RUN}", "docker") as one:
        yield one


@pytest.fixture(scope="session")
def ssh_hub(deployer: parts.Account, registry: parts.Registry) -> Iterator[parts.SshHub]:
    """sshd, at which the deployer logs in; its docker is logged in to the registry."""
    temporary = tempfile.TemporaryDirectory(prefix="kernelspec-sshd-")
    with temporary as folder:
        variables = {"DOCKER_CONFIG": str(registry.docker_config)}
        registry.folder.chmod(0o755)
        with parts.ssh_hub(Path(folder), deployer, **variables) as running:
            yield running


@pytest.fixture(scope="session")
def owner() -> Iterator[parts.Account]:
    """A user of the hub, for whom others install."""
    with parts.account(f"ka{RUN}") as one:
        (one.home / "work").mkdir()
        yield one


@pytest.fixture(scope="session")
def kernel_folder(tmp_path_factory: pytest.TempPathFactory, package_index: indexes.Server) -> Path:
    """The folder of a kernel, locked."""
    return locked(tmp_path_factory.mktemp("kernel") / "churn", package_index.url)


@pytest.fixture
def site(
    tmp_path: Path,
    kernel_folder: Path,
    owner: parts.Account,
    clean_engine: Engine,  # noqa: F811 - the fixture above
    registry: parts.Registry,
) -> Site:
    """The owner's kernel, at a site with a registry: nothing of it is built yet."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"registry": f"{registry.host}/kernels"}))
    return Site(
        folder=kernel_folder,
        policy=policy,
        login=owner.login,
        engine=clean_engine,
        environment={"DOCKER_CONFIG": str(registry.docker_config)},
    )


@pytest.fixture(scope="module")
def ci(
    registry: parts.Registry,
    clean_engine: Engine,  # noqa: F811 - the fixtures above
    base_image: str,  # noqa: F811
    index_url: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[pipelines.Ci]:
    """A registry, an index and a hub for pipelines, and who runs them."""
    shutil.which("npm") or pytest.fail("npm is needed for gitlab-ci-local")
    login = f"ci.{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("site")
    with parts.account(login) as account:
        (folder / login).mkdir()
        os.chown(folder / login, account.uid, account.gid)
        yield pipelines.Ci(
            folder=folder,
            account=account,
            login=login.replace("ci.", "Ci."),
            index_url=index_url,
            registry=registry,
            engine=clean_engine,
        )
    images = clean_engine.ask(
        "image", "ls", "--quiet", f"--filter=label=kernelspec.owner={login}"
    ).stdout.split()
    clean_engine.ask("image", "rm", "--force", *dict.fromkeys(images))
