"""What pip would build is not gone around with an old release."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import early, resolver, uv
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.problems import Malformed, SourceOnly, UnknownExtra
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.policy import Policy
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project

FILES = [
    # Its extra has not always been there, and needs what has to be built.
    wheel("sheets", "1.0"),
    wheel("sheets", "2.0", extras={"excel": ["odf"]}),
    wheel("sheets", "3.0", extras={"excel": ["odf>=1"]}),
    sdist("odf", "1.0", requires=["xml"]),
    sdist("xml", "1.0"),
    # The old release has only sources, which do not say what they need.
    sdist("forecast", "1.0"),
    wheel("forecast", "2.0", requires=["prophet==0.7"]),
    sdist("prophet", "0.7", requires=["calendars"]),
    wheel("calendars", "1.0", requires=["moons"]),
    sdist("moons", "0.5"),
    wheel("sky", "1.0", requires=["forecast"]),
    sdist("withdrawn", "1.0"),
    wheel("withdrawn", "2.0", requires=["moons"], yanked="it breaks"),
    sdist("garbled", "0.9"),
    wheel("garbled", "1.0", requires=["moons", "numbers (>=1.8.*)"]),
    wheel("numbers", "1.0"),
    wheel("numbers", "2.0"),
    sdist("moody", "1.0"),
    sdist("moody", "2.0", requires=["numbers>=2"]),
    sdist("plots", "1.0"),
    sdist("plots", "2.0", requires=["numbers<2"]),
    # A newer gym, for which something more is built, leaves no new agents.
    wheel("agents", "0.3", requires=["gym"]),
    sdist("agents", "0.4", requires=["gym", "drawing<2"]),
    sdist("gym", "0.1"),
    wheel("gym", "0.2", requires=["windows"]),
    wheel("windows", "1.0", requires=["drawing>=2", "moons"]),
    wheel("drawing", "1.0"),
    wheel("drawing", "2.0"),
    sdist("deep", "1.0"),
    sdist("deep", "2.0", requires=["deeper"]),
    wheel("deeper", "1.0", requires=["numbers>=2"]),
]


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


def locked(environment: Mapping[str, str], *libs: str, policy: Policy = Policy()) -> Lock:  # noqa: B008
    with serving(tree(FILES)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(a_project(*libs), config, environment, policy=policy)
    assert isinstance(outcome, Lock), outcome
    return outcome


@pytest.mark.parametrize(
    ("libs", "expected"),
    [
        (["sheets[excel]"], {"sheets": "3.0", "odf": "1.0", "xml": "1.0"}),
        (["sheets[excel]<3"], {"sheets": "2.0", "odf": "1.0", "xml": "1.0"}),
        (
            ["forecast"],
            {"forecast": "2.0", "prophet": "0.7", "calendars": "1.0", "moons": "0.5"},
        ),
        (
            ["sky"],
            {"sky": "1.0", "forecast": "2.0", "prophet": "0.7", "calendars": "1.0", "moons": "0.5"},
        ),
        (["withdrawn"], {"withdrawn": "1.0"}),
        # pip cannot read what the newer one needs.
        (["garbled"], {"garbled": "0.9"}),
        # Another line leaves no newer one, or what that one needs does.
        (["moody", "numbers<2"], {"moody": "1.0", "numbers": "1.0"}),
        (["deep", "numbers<2"], {"deep": "1.0", "numbers": "1.0"}),
        # pip has chosen the newest of the others when it comes to it.
        (["numbers", "plots"], {"numbers": "2.0", "plots": "1.0"}),
        (["agents"], {"agents": "0.4", "gym": "0.1", "drawing": "1.0"}),
        (["deep==1.0"], {"deep": "1.0"}),
        (["sheets[excel]==1.0"], {"sheets": "1.0"}),
    ],
)
def test_the_newest_release_is_taken_though_something_is_built_for_it(
    libs: Sequence[str], expected: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    lock = locked(environment, *libs)
    assert {one.name: str(one.version) for one in lock.packages} == expected
    built = {one.name for one in lock.warnings if isinstance(one, SourceOnly)}
    assert built == {one.name for one in lock.packages if one.source_only}


def test_what_pip_cannot_read_is_told_of_what_might_be_built_too(
    environment: Mapping[str, str],
) -> None:
    with serving(tree(FILES)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(a_project("garbled==1.0"), config, environment)
    assert isinstance(outcome, resolver.Unresolved), outcome
    assert [type(one) for one in outcome.problems] == [Malformed]


def test_where_nothing_may_be_built_the_old_one_is_taken_and_the_extra_is_missed(
    environment: Mapping[str, str],
) -> None:
    lock = locked(environment, "sheets[excel]", policy=Policy(source_only=False))
    assert {one.name: str(one.version) for one in lock.packages} == {"sheets": "1.0"}
    (missed,) = lock.warnings
    assert isinstance(missed, UnknownExtra)
    assert str(missed.newer) == "3.0"


def test_a_lock_stays_good_where_no_newer_one_can_be_looked_for(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled, asked = early.settled, []

    def failing(solver: Solver, *arguments: Any) -> uv.Compiled | uv.Refused:
        asked.append(solver)
        if any(">" in one for one in solver.constraints):
            raise IndexUnreachable("https://index.example/simple", "uv came to no end in 120 s")
        return settled(solver, *arguments)

    monkeypatch.setattr(early, "settled", failing)
    lock = locked(environment, "sheets[excel]")
    assert {one.name: str(one.version) for one in lock.packages} == {"sheets": "1.0"}
    assert len(asked) == 2
