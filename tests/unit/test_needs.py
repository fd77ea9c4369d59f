"""The second look: what the releases of a lock need of each other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.version import Version

from kernelspec_lib.checks import pins
from kernelspec_lib.packages import locking, needs, pylock, resolver, solving
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.locking import Chosen
from kernelspec_lib.packages.metadata import Metadata, Trust
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.problems import Conflict
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.project import KernelProject
from tests.catalogue import CATALOGUE
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project


def told(project: KernelProject, *releases: tuple[str, Sequence[str]]) -> list[str]:
    """What is unmet among *releases*, as "name version" and what each needs."""
    versions = dict(release.split() for release, _ in releases)
    metadata = {
        release.split()[0]: Metadata(requires=tuple(requires), trust=Trust.EXACT)
        for release, requires in releases
    }
    extras = {lib.name: lib.requirement.extras for lib in project.libs}
    counted = needs.counted(metadata, extras, targets.of(project))
    packages = []
    for name, version in versions.items():
        own = next((lib for lib in project.libs if lib.name == name), None)
        packages.append(
            Chosen(
                pin=pylock.Pin(name=name, version=version),
                version=Version(version),
                page=Page(name=name),
                needs=counted[name],
                via=(),
                roots=(own,) if own else project.libs[:1],
                own=own,
            )
        )
    found = tuple(locking.unmet(packages))
    return [
        f"{one.pointer} {one.message}" for one in pins.check(project, Unresolved(problems=found))
    ]


def test_what_does_not_stand_together_is_told_at_the_lines() -> None:
    project = a_project("alpha", "beta==1", "gamma")
    found = told(project, ("alpha 2.0", ["beta>=2"]), ("beta 1", []), ("gamma 1", []))
    assert [one.split()[0] for one in found] == ["/libs/0", "/libs/1"]
    assert all("alpha 2.0 needs beta>=2, and would get 1" in one for one in found)


def test_what_is_not_there_is_told_at_who_needs_it() -> None:
    (found,) = told(a_project("alpha"), ("alpha 2.0", ["beta"]))
    assert found.startswith("/libs/0 ")
    assert "alpha 2.0 needs beta, and would get none" in found


@pytest.mark.parametrize(
    "need",
    [
        "beta>=1",
        "beta==1.0.0",
        "Beta<2",
        "missing; sys_platform == 'win32'",
        "missing; python_version < '3.8'",
        "missing; extra == 'other'",
        "missing @ https://index.example/missing.zip",
        "this is no requirement",
    ],
)
def test_what_is_met_or_does_not_count_is_no_matter(need: str) -> None:
    project = a_project("alpha[some]", "beta==1")
    assert told(project, ("alpha 2.0", [need]), ("beta 1", [])) == []


def test_extras_count_where_somebody_wants_them() -> None:
    wanting = [
        ("alpha 2.0", ["beta[more]; extra == 'some'"]),
        ("beta 1", ["gone; extra == 'more'"]),
    ]
    assert told(a_project("alpha", "beta"), *wanting) == []
    (found,) = told(a_project("alpha[some]", "beta"), *wanting)
    assert "beta 1 needs gone, and would get none" in found


def test_a_resolver_that_breaks_its_word_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = (
        pylock.Pin(name="asking", version="1.0"),
        pylock.Pin(name="common", version="1.0"),
    )
    monkeypatch.setattr(pylock, "read", lambda *_: chosen)
    files = [*CATALOGUE, sdist("asking", "1.0", requires=["common>=2"])]
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        outcome = resolver.resolve(a_project("asking"), config, environment)
    assert isinstance(outcome, Unresolved)
    (conflict,) = [one for one in outcome.problems if isinstance(one, Conflict)]
    assert [lib.name for lib in conflict.libs] == ["asking"]
    assert conflict.explanation == "asking 1.0 needs common>=2, and would get 1.0"


def test_what_was_not_read_in_the_end_is_not_called_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solving, "_ROUNDS", 1)
    between = wheel("between", "1.0", requires=["common<2"])
    deep = [sdist("deep", "2.0", requires=["between"]), sdist("deep", "1.0")]
    files = [*CATALOGUE, between, *deep]
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        outcome = resolver.resolve(a_project("deep", "common==2.0"), config, environment)
    assert isinstance(outcome, Unresolved)
    assert "uv came to no end" in str(outcome.trouble)
