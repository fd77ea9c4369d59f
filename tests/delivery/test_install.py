"""`install`, `rollback`, `uninstall` and `list` here, with a real engine and a real registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib.delivery.image import lock_digest
from tests.delivery import parts
from tests.delivery.kernels import Site, seen

pytestmark = pytest.mark.docker

USERS = ".local/share/jupyter/kernels"


def listed(site: Site, *words: str) -> list[dict[str, Any]]:
    """What `list --json` says of the site's owner."""
    done = site.run("list", "--json", f"--login={site.login}", *words)
    assert done.returncode == 0, done.stderr
    kernels: list[dict[str, Any]] = json.loads(done.stdout)["kernels"]
    return kernels


def held(site: Site, image: str) -> list[str]:
    """The tags of ours that hold *image*."""
    told = site.engine.ask("image", "ls", "--format={{.Repository}}:{{.Tag}} {{.ID}}", "--no-trunc")
    rows = [line.split() for line in told.stdout.splitlines()]
    return [tag for tag, one in rows if tag.startswith("kernelspec-installed/") and one == image]


def test_the_kernel_is_its_owners_and_pins_the_digest_that_was_pulled(
    site: Site, owner: parts.Account
) -> None:
    pinned = site.published("1")
    done = site.install()
    assert done.returncode == 0, done.stderr
    kernels = owner.home / USERS
    assert done.stdout == f"{kernels}/churn\n"
    made = seen(kernels)["churn"]
    assert (made["owner"], made["image"]) == (owner.login, pinned)
    text = json.loads((kernels / "churn" / "kernel.json").read_text())
    assert pinned in text["argv"]
    assert f"--user={owner.uid}:{owner.gid}" in text["argv"]
    assert (kernels / "churn" / "kernel.json").stat().st_uid == owner.uid
    assert kernels.stat().st_uid == owner.uid
    assert site.engine.ask("image", "inspect", pinned).returncode == 0
    assert site.run("uninstall", "churn").returncode == 0


def test_a_newer_image_takes_its_place_and_rollback_goes_back(
    site: Site, owner: parts.Account
) -> None:
    kernels = owner.home / USERS
    first = site.published("1")
    assert site.install().returncode == 0
    second = site.published("2")
    (row,) = listed(site)
    assert (row["stale"], row["reason"]) == (True, "there is a newer image")
    assert site.install().returncode == 0
    assert seen(kernels)["churn"]["image"] == second
    (row,) = listed(site)
    assert (row["stale"], row["rollback"]) == (False, first)
    assert row["commit"] == f"{'2':0>40}"
    assert site.run("rollback", "churn").returncode == 0
    assert seen(kernels)["churn"]["image"] == first
    assert site.run("rollback", str(site.folder)).returncode == 0
    assert seen(kernels)["churn"]["image"] == second
    work = owner.home / "work"
    assert site.run("uninstall", "churn").returncode == 0
    assert seen(kernels) == {}
    assert [path.name for path in (kernels / ".kernelspec").iterdir()] == ["lock"]
    assert work.is_dir()


def test_the_images_of_a_kernel_and_its_rollback_outlive_image_prune(
    site: Site, tmp_path: Path
) -> None:
    site.set_policy(registry=None)
    prefix = f"--prefix={tmp_path}"
    images = []
    for version in ("p1", "p2", "p3"):
        images.append(site.image(version, site.reference))
        done = site.install(prefix)
        assert done.returncode == 0, done.stderr
    assert [len(held(site, image)) for image in images] == [0, 1, 1]
    assert site.engine.ask("image", "inspect", images[0]).returncode != 0
    made = seen(tmp_path / "share/jupyter/kernels")["churn"]
    assert (made["image"], made["image_id"]) == (images[2], images[2])
    assert site.run("rollback", "churn", prefix).returncode == 0
    assert seen(tmp_path / "share/jupyter/kernels")["churn"]["image"] == images[1]
    assert site.run("uninstall", "churn", prefix).returncode == 0
    assert [len(held(site, image)) for image in images] == [0, 0, 0]


def test_installing_the_same_again_changes_nothing(site: Site, tmp_path: Path) -> None:
    site.published("1")
    prefix = f"--prefix={tmp_path}"
    assert site.install(prefix).returncode == 0
    site.published("2")
    assert site.install(prefix).returncode == 0
    kernels = tmp_path / "share/jupyter/kernels"
    before = sorted(str(path) for path in kernels.rglob("*"))
    assert site.install(prefix).returncode == 0
    assert sorted(str(path) for path in kernels.rglob("*")) == before
    assert listed(site, prefix)[0]["rollback"] is not None


def test_the_registry_may_be_gone_where_the_image_is_there_already(
    site: Site, registry: parts.Registry, tmp_path: Path
) -> None:
    pinned = site.published("1")
    assert site.engine.ask("version").returncode == 0
    words = (f"--prefix={tmp_path}", f"--image={pinned}")
    assert site.install(*words).returncode == 0
    with registry.daemon.stopped():
        assert site.install(*words).returncode == 0
        done = site.run("list", f"--prefix={tmp_path}", "--json")
    assert json.loads(done.stdout)["kernels"][0]["stale"] is None
    assert f"cannot use the registry {registry.host}" in done.stderr


def test_the_registry_gone_between_push_and_pull(
    site: Site, registry: parts.Registry, tmp_path: Path
) -> None:
    site.published("1")
    with registry.daemon.stopped():
        done = site.install(f"--prefix={tmp_path}")
    assert done.returncode == 3
    assert "the hub does not reach the registry" in done.stderr
    assert not (tmp_path / "share").exists()


def test_a_password_that_has_expired(site: Site, registry: parts.Registry, tmp_path: Path) -> None:
    site.published("1")
    registry.set_password("another one")
    try:
        done = site.install(f"--prefix={tmp_path}")
    finally:
        registry.set_password(parts.LOGIN[1])
    assert done.returncode == 3
    assert "logged in to the registry: `docker login`" in done.stderr
    assert not (tmp_path / "share").exists()


def test_an_image_that_nobody_has_pushed(site: Site, tmp_path: Path) -> None:
    site.set_policy(registry=f"{site.reference.split('/')[0]}/empty")
    done = site.install(f"--prefix={tmp_path}")
    assert done.returncode == 3
    assert "`kernelspec build --push` brings it there" in done.stderr


def test_an_image_of_another_owner_is_refused(site: Site, tmp_path: Path) -> None:
    site.published("1", **{"kernelspec.owner": "somebody"})
    done = site.install(f"--prefix={tmp_path}")
    assert done.returncode == 2
    assert "its label kernelspec.owner is somebody" in done.stderr
    assert not (tmp_path / "share").exists()


def test_an_image_without_labels_is_refused(site: Site, tmp_path: Path) -> None:
    site.set_policy(registry=None)
    site.image("1", site.reference, **{"kernelspec.kernel": ""})
    done = site.install(f"--prefix={tmp_path}")
    assert done.returncode == 2
    assert "its label kernelspec.kernel is missing" in done.stderr


def test_an_owner_whom_the_hub_does_not_know_is_refused(site: Site) -> None:
    done = site.install("--login=no.such.user")
    assert done.returncode == 2
    assert "it does not know the user no.such.user" in done.stderr


def test_an_image_from_another_lock_is_noted_and_stale(site: Site, tmp_path: Path) -> None:
    site.published("1", **{"kernelspec.lock": "sha256:" + "0" * 64})
    done = site.install(f"--prefix={tmp_path}")
    assert done.returncode == 0
    assert "was built from another lock" in done.stderr
    told = site.run("list", str(site.folder), f"--prefix={tmp_path}", "--json")
    (row,) = json.loads(told.stdout)["kernels"]
    assert (row["stale"], row["reason"]) == (True, "its image was built from another lock")
    site.published("2")
    assert site.install(f"--prefix={tmp_path}").returncode == 0
    told = site.run("list", str(site.folder), f"--prefix={tmp_path}", "--json")
    (row,) = json.loads(told.stdout)["kernels"]
    assert (row["stale"], row["lock"]) == (False, lock_digest(site.folder))


def test_an_image_that_is_gone_is_stale_and_rollback_brings_it_back(
    site: Site, tmp_path: Path
) -> None:
    prefix = f"--prefix={tmp_path}"
    first = site.published("1")
    assert site.install(prefix).returncode == 0
    site.published("2")
    assert site.install(prefix).returncode == 0
    told = site.engine.ask("image", "inspect", "--format={{.Id}}", first).stdout.strip()
    assert site.engine.ask("image", "rm", "--force", told).returncode == 0
    assert site.run("rollback", "churn", prefix).returncode == 0
    (row,) = listed(site, prefix)
    assert row["image"] == site.reference
    assert site.engine.ask("image", "inspect", first).returncode == 0
    assert site.engine.ask("image", "rm", "--force", told).returncode == 0
    (row,) = listed(site, prefix)
    assert (row["stale"], row["reason"]) == (True, "its image is not on the hub")


def test_a_rollback_without_its_image_changes_nothing(site: Site, tmp_path: Path) -> None:
    site.set_policy(registry=None)
    prefix = f"--prefix={tmp_path}"
    images = []
    for version in ("q1", "q2"):
        images.append(site.image(version, site.reference))
        assert site.install(prefix).returncode == 0
    assert site.engine.ask("image", "rm", "--force", images[0]).returncode == 0
    done = site.run("rollback", "churn", prefix)
    assert done.returncode == 3
    assert f"the image {images[0]} of the kernel before is gone" in done.stderr
    assert seen(tmp_path / "share/jupyter/kernels")["churn"]["image"] == images[1]


def test_a_table_for_people(site: Site, tmp_path: Path) -> None:
    pinned = site.published("1")
    assert site.install(f"--prefix={tmp_path}").returncode == 0
    done = site.run("list", f"--prefix={tmp_path}")
    header, row = done.stdout.splitlines()
    assert " ".join(header.split()) == "KERNEL OWNER USER IMAGE DIGEST BUILT COMMIT STATE"
    assert row.split()[:4] == ["churn", site.login, site.login, site.reference]
    assert pinned.partition("@sha256:")[2][:12] in row
    assert row.endswith("current")


def test_another_owners_kernel_of_the_same_name_is_left_alone(
    site: Site, owner: parts.Account, tmp_path: Path
) -> None:
    site.published("1")
    kernels = tmp_path / "all"
    site.set_policy(hub={"kernels": str(kernels)})
    assert site.install().returncode == 0
    other = Site(
        folder=site.folder,
        policy=site.policy,
        login="nobody",
        engine=site.engine,
        environment=site.environment,
    )
    other.published("1")
    done = other.install()
    assert done.returncode == 2
    assert "is not the kernel churn of nobody" in done.stderr
    done = other.run("uninstall", "churn")
    assert done.returncode == 2
    assert seen(kernels)["churn"]["owner"] == owner.login
