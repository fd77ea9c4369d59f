"""How much is read of releases that have to be built."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from kernelspec_lib.packages import resolver
from kernelspec_lib.packages.archives import Archives
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.metadata import Metadata, Trust
from kernelspec_lib.packages.pages import File, version
from tests.package_index import PackageFile, sdist, serving, tree, wheel
from tests.projects import a_project

TYPING = [wheel("typing", "1.0"), wheel("typing", "2.0")]
RELEASES = 60
LONG_AGO = 25
"""The last release that needs nothing."""


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


def read(
    environment: Mapping[str, str], files: Sequence[PackageFile], *libs: str
) -> tuple[dict[str, str], list[str]]:
    """The lock of *libs*, and the archives that were asked for, in order."""
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(a_project(*libs), config, environment)
    assert isinstance(outcome, Lock), outcome
    locked = {one.name: one.version for one in outcome.packages}
    return locked, [path for path in server.requests if path.endswith(".tar.gz")]


def test_an_archive_is_read_once_however_often_it_is_looked_at(
    environment: Mapping[str, str],
) -> None:
    files = [
        sdist("held", "1.0"), wheel("held", "2.0", requires=["typing>=2"]),
        sdist("pinned", "1.0"), wheel("pinned", "2.0"), *TYPING,
    ]  # fmt: skip
    _, archives = read(environment, files, "held", "pinned==1.0", "typing==1.0")
    assert sorted(archives) == ["/files/held-1.0.tar.gz", "/files/pinned-1.0.tar.gz"]


def test_what_was_read_of_an_archive_is_kept_for_the_next_run(
    environment: Mapping[str, str],
) -> None:
    files = [sdist("pinned", "1.0", requires=["typing"]), *TYPING]
    first, archives = read(environment, files, "pinned==1.0")
    again, later = read(environment, files, "pinned==1.0")
    assert (len(archives), later) == (1, [])
    assert first == again == {"pinned": "1.0", "typing": "2.0"}


def test_releases_that_another_line_leaves_out_are_read_in_one_go_and_no_further(
    environment: Mapping[str, str],
) -> None:
    new = [sdist("deep", f"{one}", requires=["typing>=2"]) for one in range(LONG_AGO + 1, RELEASES)]
    old = [sdist("deep", f"{one}") for one in range(LONG_AGO + 1)]
    locked, archives = read(environment, [*new, *old, *TYPING], "deep", "typing==1.0")
    assert locked["deep"] == f"{LONG_AGO}"
    unread = {f"/files/deep-{one}.tar.gz" for one in range(LONG_AGO - 11)}
    assert unread.isdisjoint(archives)
    assert len(archives) == len(set(archives))


def a_file(sha256: str | None = "a" * 64) -> File:
    told = version("1.0")
    assert told is not None
    return File(filename="a-1.0.tar.gz", version=told, url="", tags=None, sha256=sha256)


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    told = Metadata(
        requires=("b>=1",),
        unreadable=("c (>dev)",),
        extras=("c",),
        requires_python=">=3",
        trust=Trust.EXACT,
    )
    archives = Archives(tmp_path)
    archives.put([a_file()], told)
    assert archives.get([a_file()]) == told
    assert archives.get([a_file("b" * 64)]) is None
    assert archives.get([a_file(), a_file("b" * 64)]) is None


def test_what_says_nothing_or_has_no_digest_is_not_kept(tmp_path: Path) -> None:
    archives = Archives(tmp_path)
    archives.put([a_file()], Metadata())
    archives.put([a_file(None)], Metadata(trust=Trust.EXACT))
    Archives(None).put([a_file()], Metadata(trust=Trust.EXACT))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_metadata_is_not_believed(tmp_path: Path) -> None:
    archives = Archives(tmp_path)
    archives.put([a_file()], Metadata(trust=Trust.EXACT))
    (kept,) = (tmp_path / "kernelspec-needs").iterdir()
    kept.write_bytes(b"something else")
    assert archives.get([a_file()]) is None
