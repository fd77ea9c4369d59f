"""An image on its way to a real registry: its version is set in one step, never by a stranger."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from kernelspec_lib.delivery import push as pushing
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.delivery.registry import Registry, RegistryUnreachable
from kernelspec_lib.errors import CommandFailed, UsageError
from tests import package_index as indexes
from tests.delivery import parts
from tests.docker.conftest import TEST_LABEL

pytestmark = pytest.mark.docker

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A registry, an engine that is logged in there, and a repository of its own."""

    engine: Engine
    registry: parts.Registry
    repository: str

    def to(self, version: str = "latest") -> pushing.Destination:
        reference = f"{self.registry.host}/{self.repository}:{version}"
        return pushing.destination(reference, self.engine.environment)

    def made(self, content: str, **labels: str) -> tuple[str, dict[str, str]]:
        """A tiny image that says *content*, and its labels."""
        own = {
            "kernelspec.owner": "ada",
            "kernelspec.kernel": "churn",
            "kernelspec.lock": "sha256:1",
            "kernelspec.stage": "development",
            "org.opencontainers.image.revision": "c0ffee",
            **labels,
        }
        tag = f"kernelspec-push-{uuid.uuid4().hex[:8]}"
        said = " ".join(f"{name}={value}" for name, value in own.items())
        text = f"FROM scratch\nLABEL {TEST_LABEL} {said} content={content}\n"
        subprocess.run(
            [self.engine.client, "build", "--quiet", f"--tag={tag}", "-"],
            input=text,
            env=dict(self.engine.environment),
            capture_output=True,
            text=True,
            check=True,
        )
        return tag, own

    def push(self, content: str, version: str = "latest", **labels: str) -> str:
        image, own = self.made(content, **labels)
        return pushing.push(self.engine, image, self.to(version), own, NOW, lambda line: None)

    def tags(self) -> list[str]:
        answer = self.client().request(
            "GET", f"/v2/{self.repository}/tags/list", self.repository, {}
        )
        found: list[str] = answer.json()["tags"]
        return sorted(found)

    def client(self) -> Registry:
        return self.to().registry


@pytest.fixture
def shop(registry: parts.Registry, clean_engine: Engine) -> Shop:
    environment = {
        **clean_engine.environment,
        "DOCKER_CONFIG": str(registry.docker_config),
    }
    engine = dataclasses.replace(clean_engine, environment=environment)
    return Shop(engine=engine, registry=registry, repository=f"team/ada_{uuid.uuid4().hex[:8]}")


def test_the_version_stands_for_what_was_pushed(shop: Shop) -> None:
    digest = shop.push("one")
    assert shop.client().digest(shop.repository, "latest") == digest
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert shop.to().pinned(digest) == f"{shop.registry.host}/{shop.repository}@{digest}"


def test_what_latest_leaves_behind_keeps_a_tag(shop: Shop) -> None:
    before, after = shop.push("one"), shop.push("two")
    assert before != after
    builds = [tag for tag in shop.tags() if tag.startswith("build-20260301T123000-")]
    held = {shop.client().digest(shop.repository, tag) for tag in builds}
    assert held == {before, after}
    assert shop.client().digest(shop.repository, "latest") == after


def test_the_engine_keeps_no_tag_of_the_push(shop: Shop) -> None:
    shop.push("one")
    listed = shop.engine.ask("image", "ls", "--format={{.Repository}}:{{.Tag}}").stdout
    assert f"{shop.repository}:build-" not in listed


def test_the_name_of_a_push_that_was_killed_goes_with_a_later_one(shop: Shop) -> None:
    image, _ = shop.made("one")
    where = f"{shop.registry.host}/{shop.repository}"
    old, young = f"{where}:build-20260301T080000-aa", f"{where}:build-20260301T122900-aa"
    for name in (old, young):
        assert shop.engine.ask("tag", image, name).returncode == 0
    shop.push("two")
    listed = shop.engine.ask("image", "ls", "--format={{.Repository}}:{{.Tag}}").stdout.split()
    assert old not in listed
    assert young in listed  # it may be on its way


def test_a_production_version_never_changes(shop: Shop) -> None:
    stage = {"kernelspec.stage": "production"}
    first = shop.push("one", "1.0", **stage)
    with pytest.raises(pushing.VersionTaken, match=r"Raise image_version") as caught:
        shop.push("two", "1.0", **stage, **{"kernelspec.lock": "sha256:2"})
    assert caught.value.exit_code == 1
    with pytest.raises(pushing.VersionTaken):
        shop.push("three", "1.0")  # development does not replace it either
    assert shop.client().digest(shop.repository, "1.0") == first


def test_a_production_version_from_the_same_commit_is_the_one_that_is_there(shop: Shop) -> None:
    stage = {"kernelspec.stage": "production"}
    first = shop.push("one", "1.0", **stage)
    # Built again, on another day: other bytes from the same files.
    assert shop.push("two", "1.0", **stage) == first
    assert shop.client().digest(shop.repository, "1.0") == first


def test_without_a_commit_nobody_can_say_that_it_is_the_same(shop: Shop) -> None:
    labels = {"kernelspec.stage": "production", "org.opencontainers.image.revision": ""}
    shop.push("one", "1.0", **labels)
    with pytest.raises(pushing.VersionTaken):
        shop.push("one", "1.0", **labels)


def test_an_image_of_somebody_else_is_not_replaced(shop: Shop) -> None:
    theirs = shop.push("one", **{"kernelspec.owner": "grace"})
    with pytest.raises(UsageError, match="belongs to grace, and is not ada's"):
        shop.push("two")
    assert shop.client().digest(shop.repository, "latest") == theirs


def test_a_push_without_a_login_says_what_to_do(shop: Shop) -> None:
    environment = {**shop.engine.environment, "DOCKER_CONFIG": str(shop.registry.no_login)}
    engine = dataclasses.replace(shop.engine, environment=environment)
    stranger = dataclasses.replace(shop, engine=engine)
    with pytest.raises(RegistryUnreachable, match=r"it wants a login; `docker login"):
        pushing.standing(stranger.to(), {"kernelspec.owner": "ada"})
    with pytest.raises(CommandFailed, match="docker login"):
        stranger.push("one")


def test_a_registry_that_is_down_is_no_fault_of_the_kernel(shop: Shop) -> None:
    with shop.registry.daemon.stopped(), pytest.raises(RegistryUnreachable) as caught:
        pushing.standing(shop.to(), {"kernelspec.owner": "ada"})
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("reference", ["ada_churn:latest", "team/ada_churn:1.0"])
def test_without_a_registry_there_is_nowhere_to_push(reference: str) -> None:
    with pytest.raises(UsageError, match="the policy's `registry` says which"):
        pushing.destination(reference, os.environ)


def test_a_registry_of_this_machine_may_do_without_tls() -> None:
    def respond(path: str, headers: Mapping[str, str]) -> indexes.Answer:
        return indexes.Answer(status=404)

    with indexes.serving(respond) as server:
        host = server.url.removeprefix("http://").removesuffix("/simple")
        assert Registry(host, {}).labels("ada_churn", "latest") is None
        assert server.requests == ["/v2/ada_churn/manifests/latest"]
