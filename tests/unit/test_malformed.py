"""Releases whose own needs pip cannot read: uv mends them, and pip takes none of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.problems import Malformed, SourceOnly
from kernelspec_lib.packages.resolver import Unresolved
from tests.package_index import Answer, PackageFile, Server, sdist, serving, tree, wheel
from tests.projects import a_project

OLD, YOUNG = "2021-06-01T00:00:00Z", "2024-07-02T00:00:00Z"
COMMON = wheel("common", "1.0")
FILES = [
    COMMON,
    wheel("dev", "1.0", requires=["common (>dev)"]),
    wheel("dev", "0.9", requires=["common (>=0.1)"]),
    wheel("star", "1.2", requires=["common (>=0.*)"]),
    wheel("star", "1.1", requires=["common (>=0.*)"]),
    wheel("star", "1.0", requires=["common"]),
    wheel("extra", "1.0", extras={"more": ["common (>=0.*)"]}),
    wheel("over-dev", "1.0", requires=["dev==1.0"]),
    wheel("over-star", "1.0", requires=["star"]),
    wheel("lost", "1.0", requires=["common (>=0.*)"]),
    wheel("glued", "1.0", requires=["common (>=0.19pygraphviz>=1.5)"]),
    wheel("glued", "0.9", requires=["common"]),
    wheel("told", "1.0", requires=["common (>=0.*)"], requires_python=">=3.8"),
    wheel("told", "0.9", requires=["common"], requires_python=">=3.8"),
]


def resolved(
    home: Path, files: Iterable[PackageFile], *libs: str, python: str = "3.11"
) -> tuple[Lock | Unresolved, Server]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        project = a_project(*libs, python_version=python)
        return resolver.resolve(project, config, environment), server


def locked(outcome: Lock | Unresolved) -> Mapping[str, str]:
    assert isinstance(outcome, Lock), outcome
    return {one.name: one.version for one in outcome.packages}


def refused(outcome: Lock | Unresolved) -> Sequence[Malformed]:
    assert isinstance(outcome, Unresolved), outcome
    return [one for one in outcome.problems if isinstance(one, Malformed)]


@pytest.mark.parametrize(
    ("line", "text", "newest"),
    [
        ("dev==1.0", "common (>dev)", Version("0.9")),
        ("star==1.1", "common (>=0.*)", Version("1.0")),
        ("extra==1.0", 'common (>=0.*); extra == "more"', None),
        ("lost", "common (>=0.*)", None),
        ("glued==1.0", "common (>=0.19pygraphviz>=1.5)", Version("0.9")),
        ("told==1.0", "common (>=0.*)", Version("0.9")),
    ],
    ids=[
        "pinned",
        "as are those beside it",
        "in an extra that nobody wants",
        "there is no other",
        "uv cannot mend it either",
        "it says for which Pythons it is",
    ],
)
def test_what_pip_cannot_read_is_told_with_a_release_that_it_can(
    tmp_path: Path, line: str, text: str, newest: Version | None
) -> None:
    (found,) = refused(resolved(tmp_path, FILES, line)[0])
    assert found.lib is not None
    assert (found.lib.pointer, found.text, found.newest) == ("/libs/0", text, newest)


def test_what_brings_it_is_blamed(tmp_path: Path) -> None:
    (found,) = refused(resolved(tmp_path, FILES, "common", "over-dev")[0])
    assert (found.lib, found.name, found.version) == (None, "dev", Version("1.0"))
    assert [lib.name for lib in found.asked_by] == ["over-dev"]


@pytest.mark.parametrize("lib", ["star", "over-star"])
def test_a_line_that_admits_another_release_gets_it(tmp_path: Path, lib: str) -> None:
    outcome, server = resolved(tmp_path, FILES, lib)
    assert locked(outcome)["star"] == "1.0"
    # Each release is read once, however often it is looked at.
    read = [path for path in server.requests if path.endswith("star-1.1-py3-none-any.whl.metadata")]
    assert len(read) <= 2  # uv may look at it, too


def test_pip_of_python_3_7_still_takes_it(tmp_path: Path) -> None:
    assert locked(resolved(tmp_path, FILES, "dev==1.0", python="3.7")[0])["dev"] == "1.0"


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(("uploaded", "caught"), [(OLD, True), (None, True), (YOUNG, False)])
def test_wheels_of_a_time_when_nobody_minded_are_read(
    tmp_path: Path, *, beside: bool, uploaded: str | None, caught: bool
) -> None:
    files = [COMMON, replace(FILES[1], uploaded=uploaded, beside=beside)]
    outcome, _ = resolved(tmp_path, files, "dev==1.0")
    assert isinstance(outcome, Unresolved) is caught


def test_what_names_no_version_is_not_read(tmp_path: Path) -> None:
    outcome, server = resolved(tmp_path, FILES, "star==1.0", "common")
    assert locked(outcome) == {"common": "1.0", "star": "1.0"}
    read = [path for path in server.requests if path.endswith(".metadata")]
    assert len(read) == len(set(read))


def test_where_it_cannot_be_read_nothing_is_called_good(tmp_path: Path) -> None:
    respond, asked = tree(FILES), [0]

    def failing(path: str, headers: Mapping[str, str]) -> Answer:
        if path.endswith("dev-0.9-py3-none-any.whl.metadata"):
            asked[0] += 1
            if asked[0] > 1:
                return Answer(status=401)
        return respond(path, headers)

    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with serving(failing) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        with pytest.raises(IndexUnreachable):
            resolver.resolve(a_project("dev==0.9"), config, environment)


@pytest.mark.parametrize(("python", "told"), [("3.11", "common (>=2011k)"), ("3.7", "")])
def test_of_sources_it_is_said_before_they_are_built(
    tmp_path: Path, python: str, told: str
) -> None:
    files = [COMMON, sdist("old", "1.0", requires=["common (>=2011k)"])]
    outcome, _ = resolved(tmp_path, files, "old", python=python)
    assert locked(outcome) == {"common": "1.0", "old": "1.0"}
    assert isinstance(outcome, Lock)
    (found,) = outcome.warnings
    assert isinstance(found, SourceOnly)
    assert found.unreadable == told
