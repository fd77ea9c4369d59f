"""Locks kept on disk, and everything that can befall them there."""

from __future__ import annotations

import hashlib
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from kernelspec_lib import keeping
from kernelspec_lib.packages import lock as locks
from kernelspec_lib.packages import target, verdicts
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.packages.problems import OnlyPrereleases
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.packages.verdicts import FORMAT, KEPT_FOR, Verdicts
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject
from tests.projects import a_project

PROJECT = a_project("ipykernel", "alpha==1.0")
CONFIG = IndexConfig(url="https://index.example/simple", origin="--index-url")
KEY = "f" * 64


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(tmp_path: Path, clock: Clock) -> Verdicts:
    return Verdicts(folder=tmp_path / "verdicts", now=clock)


@pytest.fixture
def lock() -> Lock:
    alpha = LockedPackage(
        name="alpha", version="1.0", hashes=(f"sha256:{'0' * 64}",), asked_by=("alpha==1.0",)
    )
    return Lock(python_version="3.11", fingerprint=locks.fingerprint(PROJECT), packages=(alpha,))


def key(
    project: KernelProject = PROJECT, config: IndexConfig = CONFIG, policy: Policy | None = None
) -> str:
    return verdicts.key(project, target.of(project), config, policy or Policy(), os.__file__)


def test_what_was_put_is_got_back_for_ten_minutes(
    shelf: Verdicts, lock: Lock, clock: Clock
) -> None:
    shelf.put(KEY, replace(lock, download_size=61))
    clock.time += keeping.GOOD_FOR
    found = shelf.get(KEY)
    assert found == lock
    assert found is not None
    assert found.download_size == 61
    clock.time += 1
    assert shelf.get(KEY) is None


def test_a_lock_from_the_future_is_not_used(shelf: Verdicts, lock: Lock, clock: Clock) -> None:
    shelf.put(KEY, lock)
    clock.time -= 1
    assert shelf.get(KEY) is None


def test_a_lock_with_a_warning_is_not_kept(shelf: Verdicts, lock: Lock) -> None:
    from packaging.version import Version

    warning = OnlyPrereleases(lib=PROJECT.libs[1], version=Version("1.0rc1"))
    shelf.put(KEY, replace(lock, warnings=(warning,)))
    assert shelf.get(KEY) is None


def test_an_entry_cut_at_any_length_is_thrown_away(shelf: Verdicts, lock: Lock) -> None:
    shelf.put(KEY, lock)
    whole = (shelf.folder / KEY).read_bytes()
    for length in range(len(whole)):
        (shelf.folder / KEY).write_bytes(whole[:length])
        assert shelf.get(KEY) is None
        assert not (shelf.folder / KEY).exists()


def test_an_entry_with_any_byte_changed_is_thrown_away(shelf: Verdicts, lock: Lock) -> None:
    shelf.put(KEY, lock)
    whole = (shelf.folder / KEY).read_bytes()
    chance = random.Random(3)  # noqa: S311 - no secret
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= chance.randrange(1, 256)
        (shelf.folder / KEY).write_bytes(broken)
        assert shelf.get(KEY) is None
    for size in (0, 1, 64, 65, 66, 10_000):
        (shelf.folder / KEY).write_bytes(chance.randbytes(size))
        assert shelf.get(KEY) is None


@pytest.mark.parametrize(
    "told",
    [
        b"", b"[]", b"null", b"{}", b"[" * 100_000,
        json.dumps({"format": FORMAT, "key": KEY}).encode(),
        json.dumps({"format": FORMAT, "key": KEY, "lock": 1, "made": 1, "download_size": 1}).encode(),  # noqa: E501
        json.dumps({"format": FORMAT, "key": KEY, "lock": "", "made": {}, "download_size": 1}).encode(),  # noqa: E501
        json.dumps({"format": FORMAT, "key": KEY, "lock": "", "made": 1, "download_size": 1}).encode(),  # noqa: E501
        json.dumps({"format": FORMAT + 1, "key": KEY}).encode(),
    ],
)  # fmt: skip
def test_an_entry_of_another_program_is_thrown_away(told: bytes, shelf: Verdicts) -> None:
    shelf.folder.mkdir()
    digest = hashlib.sha256(told).hexdigest().encode()
    (shelf.folder / KEY).write_bytes(digest + b"\n" + told)
    assert shelf.get(KEY) is None
    assert not (shelf.folder / KEY).exists()


def test_an_entry_under_another_key_is_thrown_away(shelf: Verdicts, lock: Lock) -> None:
    shelf.put(KEY, lock)
    (shelf.folder / KEY).rename(shelf.folder / ("e" * 64))
    assert shelf.get("e" * 64) is None


def test_a_folder_that_cannot_be_made_keeps_nothing(
    tmp_path: Path, lock: Lock, clock: Clock
) -> None:
    (tmp_path / "file").write_text("")
    shelf = Verdicts(folder=tmp_path / "file" / "verdicts", now=clock)
    shelf.put(KEY, lock)
    shelf.prune()
    assert shelf.get(KEY) is None


def test_an_entry_that_is_a_folder_is_none(shelf: Verdicts, lock: Lock) -> None:
    (shelf.folder / KEY).mkdir(parents=True)
    shelf.put(KEY, lock)
    assert shelf.get(KEY) is None
    assert [path.name for path in shelf.folder.iterdir()] == [KEY]


def test_prune_takes_what_is_older_than_a_month(shelf: Verdicts, lock: Lock, clock: Clock) -> None:
    for name, age in (("old", KEPT_FOR + 1), ("young", KEPT_FOR - 1)):
        shelf.put(name, lock)
        os.utime(shelf.folder / name, (clock.time - age,) * 2)
    shelf.prune()
    assert [path.name for path in shelf.folder.iterdir()] == ["young"]


def test_the_key_holds_all_that_the_verdict_depends_on() -> None:
    others = [
        key(a_project("ipykernel", "alpha==1.1")),
        key(a_project("alpha==1.0", "ipykernel")),
        key(a_project("ipykernel", "alpha==1.0", python_version="3.12")),
        key(a_project("ipykernel", "alpha==1.0", base_image="python:3.11-slim-bullseye")),
        key(config=replace(CONFIG, url="https://other.example/simple")),
        key(config=replace(CONFIG, username="ada")),
        key(policy=Policy(index_url="https://index.example/simple")),
        verdicts.key(PROJECT, target.of(PROJECT), CONFIG, Policy(), random.__file__),
    ]
    assert len({key(), *others}) == len(others) + 1
    assert key() == key(a_project("ipykernel", "alpha==1.0", display_name="Another"))


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"KERNELSPEC_CACHE": "/k", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/k"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/kernelspec"),
        ({"HOME": "/h"}, "/h/.cache/kernelspec"),
    ],
)
def test_home(environment: dict[str, str], home: str) -> None:
    assert verdicts.home(environment) == Path(home)
    assert verdicts.home({}) is None
