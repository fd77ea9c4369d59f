"""Which lines are blamed for what has to be built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.version import Version

from kernelspec_lib.checks import pins
from kernelspec_lib.packages import resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.problems import SourceOnly, SourceRefused
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.project import KernelProject
from tests.catalogue import CATALOGUE
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project

FILES = [
    *CATALOGUE,
    sdist("old", "1.0"),
    wheel("late", "0.1"),
    sdist("late", "1.2"),
    wheel("old", "2.0"),
    sdist("older", "1.0"),
    wheel("framework", "2.0", requires=["old>=2"]),
    wheel("framework", "1.0", requires=["old<2", "helper"]),
    wheel("stubborn", "1.0", requires=["helper"]),
    sdist("helper", "1.0"),
    wheel("antique", "1.0", requires=["old<2"]),
    wheel("second-antique", "1.0", requires=["old<2"]),
    wheel("sharing", "1.0", requires=["old"]),
    wheel("sharing", "2.0", requires=["old", "typing<2"]),
    wheel("moving", "1.0"),
    wheel("moving", "2.0", requires=["typing>=2"]),
    wheel("curbing", "1.0", requires=["old<2", "moving<2"]),
    wheel("plots", "1.0", requires=["older==1.0", "drawing"]),
    wheel("drawing", "2.0", requires=["old>=2"]),
    sdist("drawing", "1.0", requires=["old"]),
    wheel("typing", "1.0"),
    wheel("typing", "2.0"),
    sdist("orm", "1.0"),
    wheel("orm", "2.0", requires=["typing>=2"]),
    wheel("model", "1.0", requires=["orm"]),
    wheel("cautious", "1.0", requires=["typing<2"]),
    wheel("old", "3.0", requires=["typing>=2"]),
    wheel("flow", "1.0", extras={"ldap": ["helper"]}, requires=["provider"]),
    wheel("provider", "1.0", requires=["flow"]),
    wheel("pipeline", "1.0", requires=["stubborn"]),
    wheel("pinning", "1.0", requires=["orm==1.0"]),
    wheel("profiling", "1.0", requires=["visions>=2"]),
    wheel("profiling", "2.0", requires=["visions<2", "orm>=2"]),
    wheel("visions", "1.0", requires=["orm"]),
    wheel("visions", "2.0", requires=["orm"]),
    sdist("hive", "2.0", extras={"http": []}),
    wheel("hive", "3.0", requires=["typing>=2"], extras={"http": []}),
    wheel("hive", "1.0"),
    sdist("bridge", "1.0"),
    wheel("bridge", "2.0", requires=["helper"]),
]


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


def locked(environment: Mapping[str, str], project: KernelProject) -> Lock:
    with serving(tree(FILES)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(project, config, environment)
    assert isinstance(outcome, Lock), outcome
    return outcome


def hints(environment: Mapping[str, str], *libs: str) -> list[str]:
    """What is to be done about what has to be built."""
    project = a_project(*libs)
    return [one.hint for one in pins.check(project, locked(environment, project))]


def told(environment: Mapping[str, str], *libs: str) -> tuple[list[tuple[str, str]], list[str]]:
    """What has to be built with the line that is blamed for it, and the messages."""
    project = a_project(*libs)
    outcome = locked(environment, project)
    built = [one for one in outcome.warnings if isinstance(one, SourceOnly)]
    assert len(built) == len(outcome.warnings)
    blamed = [
        (one.name, str(lib.requirement))
        for one in built
        for lib in one.held_by or ((one.lib,) if one.lib else one.asked_by)
    ]
    messages = [one.message for one in pins.check(project, outcome)]
    return sorted(blamed), messages


def test_a_pin_is_blamed_for_whom_it_holds_back(environment: Mapping[str, str]) -> None:
    blamed, messages = told(environment, "older==1.0", "old==1.0", "framework")
    assert blamed == [("helper", "old==1.0"), ("old", "old==1.0"), ("older", "older==1.0")]
    assert (
        "beside old==1.0, framework needs helper 1.0, which has no wheel for Python 3.11, "
        "only sources"
    ) in messages


def test_a_line_that_another_one_makes_build_too_is_held_back_by_its_own_pin_alone(
    environment: Mapping[str, str],
) -> None:
    # Without old==1.0, plots still has something built for it, and that is another matter.
    blamed, _ = told(environment, "old==1.0", "older==1.0", "plots")
    assert blamed == [("drawing", "old==1.0"), ("old", "old==1.0"), ("older", "older==1.0")]


def test_a_line_that_brings_a_build_by_itself_is_blamed(environment: Mapping[str, str]) -> None:
    blamed, _ = told(environment, "old==1.0", "stubborn")
    assert blamed == [("helper", "stubborn"), ("old", "old==1.0")]


def test_both_are_blamed_where_one_of_them_would_do(environment: Mapping[str, str]) -> None:
    blamed, _ = told(environment, "old==1.0", "framework", "stubborn")
    assert ("helper", "stubborn") in blamed


def test_a_pin_that_has_wheels_is_blamed_for_whom_it_holds_back(
    environment: Mapping[str, str],
) -> None:
    blamed, messages = told(environment, "orm", "typing==1.0")
    assert blamed == [("orm", "typing==1.0")]
    assert messages[0].startswith("beside typing==1.0, orm 1.0 has no wheel for Python 3.11")


@pytest.mark.parametrize("holder", ["typing==1.0", "cautious"])
def test_whom_it_holds_back_may_be_no_line(environment: Mapping[str, str], holder: str) -> None:
    blamed, _ = told(environment, "model", holder)
    assert blamed == [("orm", holder)]


def test_what_comes_between_may_be_older_where_nothing_holds_it_back(
    environment: Mapping[str, str],
) -> None:
    blamed, _ = told(environment, "profiling", "pinning")
    assert blamed == [("orm", "pinning")]


def test_the_nearest_line_is_blamed_and_not_those_behind_it(
    environment: Mapping[str, str],
) -> None:
    blamed, messages = told(environment, "pipeline", "stubborn")
    assert blamed == [("helper", "stubborn")]
    assert messages[0].startswith("stubborn needs helper 1.0, which has no wheel")


def test_of_what_an_extra_brings_the_line_that_wants_it_is_blamed(
    environment: Mapping[str, str],
) -> None:
    blamed, _ = told(environment, "flow[ldap]", "provider")
    assert blamed == [("helper", "flow[ldap]")]


@pytest.mark.parametrize(
    ("libs", "remedies"),
    [
        (("old==1.0",), ["write old==2.0"]),
        (("old==1.0", "typing==1.0"), ["write old==2.0"]),
        (("orm==1.0", "typing==1.0"), []),
        (("orm==1.0", "typing==1.0", "old==1.0"), ["write old==2.0"]),
        (("old==1.0", "orm==1.0"), ["write old==2.0", "write orm==2.0"]),
        (("hive[http]==2.0", "typing==1.0"), []),
        (("late==1.2",), ["write late==0.1"]),
        (("late>=1.0",), []),
        (("bridge==1.0",), []),
    ],
    ids=[
        "alone",
        "beside another",
        "none",
        "one of two",
        "two",
        "none with its extra",
        "an older one",
        "none below its bound",
        "none that has something else built",
    ],
)
def test_a_version_is_offered_if_it_resolves_with_the_other_lines(
    environment: Mapping[str, str], libs: tuple[str, ...], remedies: list[str]
) -> None:
    offered = [one.partition("; ")[2] for one in hints(environment, *libs)]
    assert [one for one in offered if one] == remedies


@pytest.mark.parametrize(
    ("libs", "blamed", "message"),
    [
        (("sharing", "antique"), ["antique"], "antique needs old 1.0, which has no wheel"),
        (("old", "antique"), ["antique"], "beside antique, old 1.0 has no wheel"),
        (("second-antique", "antique"), ["antique", "second-antique"], "second-antique, antique"),
        (
            ("moving", "sharing", "curbing"),
            ["curbing"],
            "curbing needs old 1.0, which has no wheel",
        ),
    ],
    ids=["of two that need it", "beside the line itself", "both", "though the other one was newer"],
)
def test_of_the_lines_behind_a_build_the_one_that_wants_it_old_is_blamed(
    environment: Mapping[str, str], libs: tuple[str, ...], blamed: list[str], message: str
) -> None:
    found, messages = told(environment, "ipykernel", *libs)
    assert found == [("old", one) for one in blamed]
    assert messages[0].startswith(message)


def test_a_site_that_builds_nothing_is_told_of_the_pin(environment: Mapping[str, str]) -> None:
    lines = a_project("old==1.0", "framework").libs
    problem = SourceRefused(
        lib=None, name="helper", version=Version("1.0"),
        newest=None, asked_by=lines[1:], held_by=lines[:1],
    )  # fmt: skip
    project = a_project("old==1.0", "framework")
    (finding,) = pins.check(project, Unresolved(problems=(problem,)))
    assert finding.pointer == project.libs[0].pointer
    assert finding.message.startswith("beside old==1.0, framework needs helper 1.0, which has no")
