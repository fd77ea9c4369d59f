"""The second look: what the releases of a lock need of each other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.version import Version

from kernelspec_lib.checks import pins
from kernelspec_lib.packages import locking, needs, resolver, solving, uv
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages.index import IndexConfig, open_index
from kernelspec_lib.packages.locking import Chosen
from kernelspec_lib.packages.metadata import Metadata, Trust
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.problems import Conflict
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import KernelProject
from tests.catalogue import CATALOGUE
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project


class Nowhere:
    """An index that may not be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def told(project: KernelProject, *releases: tuple[str, Sequence[str]]) -> list[str]:
    """What is unmet among *releases*, as "name version" and what each needs."""
    solver = Solver(
        index=Nowhere(),  # type: ignore[arg-type]
        config=IndexConfig(url="https://index.example/simple", origin=""),
        target=targets.of(project),
        environment={},
        cache=None,
        extras={lib.name: lib.requirement.extras for lib in project.libs},
    )
    packages = []
    for release, requires in releases:
        name, version = release.split()
        known = Metadata(requires=tuple(requires), trust=Trust.EXACT)
        solver.learnt[name] = {Version(version): known}
        own = next((lib for lib in project.libs if lib.name == name), None)
        packages.append(
            Chosen(
                pin=uv.Pin(name=name, version=version, via=()),
                version=Version(version),
                page=Page(name=name),
                roots=(own,) if own else project.libs[:1],
                own=own,
            )
        )
    found = tuple(needs.unmet(packages, solver))
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


def test_uv_s_own_cache_is_read(tmp_path: Path) -> None:
    """Breaks where another uv keeps it otherwise."""
    project = a_project("asking")
    asking = wheel("asking", "1.0", requires=["common>=2", "alpha; sys_platform == 'win32'"])
    target = targets.of(project)
    environment = {"PATH": os.environ["PATH"]}
    libs = project.libs
    with serving(tree([*CATALOGUE, asking])) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        wanted = [lib.requirement for lib in libs]
        compiled = uv.compile_pins(wanted, config, target, environment, tmp_path)
        assert isinstance(compiled, uv.Compiled)
        with open_index(config) as index:
            packages = locking.chosen(compiled, libs, index)
            solver = Solver(
                index=index, config=config, target=target, environment=environment, cache=tmp_path
            )
            assert not list(needs.unmet(packages, solver))
            alone = [one for one in packages if one.pin.name == "asking"]
            (conflict,) = needs.unmet(alone, solver)
            assert conflict.explanation == "asking 1.0 needs common>=2, and would get none"
            kept = next(tmp_path.glob("wheels-v*/**/asking/*.msgpack"))
            for garbled in (b"", b"\xc1" * 40, kept.read_bytes()[:-9], b"\x90" + bytes(40)):
                kept.write_bytes(garbled)
                assert not list(needs.unmet(alone, solver))


def test_a_resolver_that_breaks_its_word_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = (
        uv.Pin(name="asking", version="1.0", via=()),
        uv.Pin(name="common", version="1.0", via=("asking",)),
    )
    monkeypatch.setattr(uv, "compile_pins", lambda *_, **__: uv.Compiled(pins=chosen, remarks=""))
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
    files = [*CATALOGUE, sdist("deep", "2.0", requires=["common<2"]), sdist("deep", "1.0")]
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        outcome = resolver.resolve(a_project("deep", "common==2.0"), config, environment)
    assert isinstance(outcome, Unresolved)
    assert "uv came to no end" in str(outcome.trouble)
