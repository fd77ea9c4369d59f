"""Which pre-releases that no line asks for are taken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kernelspec_lib.packages import resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.problems import Conflict
from kernelspec_lib.packages.resolver import Unresolved
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project

FILES = [
    wheel("telemetry", "1.0"),
    wheel("telemetry", "2.0", requires=["conventions==0.66b2"]),
    wheel("conventions", "0.65b0"),
    wheel("conventions", "0.66b2"),
    wheel("pinning", "1.0"),
    wheel("pinning", "2.0", requires=["finished==1.1rc1"]),
    wheel("finished", "1.0"),
    wheel("finished", "1.1rc1"),
    wheel("over-early", "1.0", requires=["early"]),
    wheel("early", "0.6a1"),
    sdist("early", "1.0"),
    wheel("over-base", "1.0", requires=["base>=2"]),
    wheel("over-base", "1.1a1"),
    wheel("base", "1.0"),
    wheel("base", "2.0"),
    wheel("going-on", "1.0", requires=["telemetry"]),
]


def resolved(home: Path, *libs: str) -> Lock | Unresolved:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with serving(tree(FILES)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        return resolver.resolve(a_project(*libs), config, environment)


def locked(home: Path, *libs: str) -> Mapping[str, str]:
    outcome = resolved(home, *libs)
    assert isinstance(outcome, Lock), outcome
    return {one.name: one.version for one in outcome.packages}


@pytest.mark.parametrize(
    ("lib", "early"),
    [("telemetry", {"conventions": "0.66b2"}), ("pinning", {"finished": "1.1rc1"})],
    ids=["of which there is no final release", "that what needs it names"],
)
def test_a_pre_release_that_pip_takes_holds_nobody_back(
    tmp_path: Path, lib: str, early: Mapping[str, str]
) -> None:
    assert locked(tmp_path, lib) == {lib: "2.0", **early}


def test_beside_one_that_nobody_meant_it_stays(tmp_path: Path) -> None:
    found = locked(tmp_path, "over-early", "telemetry")
    assert found["early"] == "1.0"
    assert (found["telemetry"], found["conventions"]) == ("2.0", "0.66b2")


def test_a_pre_release_that_nobody_meant_is_no_way_out(tmp_path: Path) -> None:
    outcome = resolved(tmp_path, "over-base", "base==1.0")
    assert isinstance(outcome, Unresolved)
    (found,) = outcome.problems
    assert isinstance(found, Conflict)
    assert [lib.name for lib in found.libs] == ["over-base", "base"]
    assert [(one.lib.name, str(one.version)) for one in found.remedies] == [("base", "2.0")]


def test_where_one_that_nobody_meant_is_kept_out_the_others_are_taken(tmp_path: Path) -> None:
    # Who needs the newest telemetry is looked at with all pre-releases kept out at first.
    found = locked(tmp_path, "over-early", "going-on")
    assert (found["early"], found["telemetry"], found["conventions"]) == ("1.0", "2.0", "0.66b2")
