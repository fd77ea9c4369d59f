"""The parts that the other tests of this folder stand on do what they are there for."""

from __future__ import annotations

import os
import subprocess

import pytest

from kernelspec_lib.delivery.engine import Engine
from tests.delivery import parts
from tests.docker.conftest import TEST_LABEL

pytestmark = pytest.mark.docker


def docker(
    engine: Engine, config: os.PathLike[str], *words: str
) -> subprocess.CompletedProcess[str]:
    environment = {**engine.environment, "DOCKER_CONFIG": str(config)}
    command = [engine.client, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_registry_takes_an_image_from_who_is_logged_in_only(
    registry: parts.Registry, clean_engine: Engine
) -> None:
    reference = f"{registry.host}/parts/one:latest"
    text = f"FROM scratch\nLABEL kernelspec.test=1 {TEST_LABEL}\n"
    command = [clean_engine.client, "build", "-q", "-t", reference, "-"]
    environment = dict(clean_engine.environment)
    subprocess.run(command, input=text, text=True, env=environment, check=True, timeout=120)
    refused = docker(clean_engine, registry.no_login, "push", reference)
    assert refused.returncode != 0
    assert "no basic auth credentials" in refused.stderr
    taken = docker(clean_engine, registry.docker_config, "push", reference)
    assert taken.returncode == 0, taken.stderr


def test_the_hub_lets_its_account_in(ssh_hub: parts.SshHub) -> None:
    command = ["ssh", "-F", str(ssh_hub.config), "-oBatchMode=yes", ssh_hub.name, "id", "-un"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stdout == f"{ssh_hub.account.login}\n", told.stderr
