"""A registry and a hub for the tests that deliver, beside the engine of tests/docker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery import parts
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
