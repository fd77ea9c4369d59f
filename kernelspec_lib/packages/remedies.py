"""What to write in place of lines that cannot stay: what goes with all the other lines."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import early, uv
from kernelspec_lib.packages.beside import Neighbours
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.problems import (
    NoSuchVersion,
    NoWheel,
    OtherPython,
    Problem,
    Remedy,
    SourceOnly,
    SourceRefused,
    UnknownLib,
    Yanked,
    is_error,
)
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib

Mendable = NoSuchVersion | NoWheel | OtherPython | SourceOnly | SourceRefused | Yanked
"""Another version may help."""
_MOST_SECONDS = 30.0
"""For which uv is waited for, to say which."""


def loosened(lib: Lib) -> Lib:
    """*lib*, with whatever version."""
    return _with(lib, "")


def pinned(lib: Lib, version: Version) -> Lib:
    """*lib*, with *version*."""
    return _with(lib, f"=={version}")


def bare(lib: Lib) -> Lib:
    """*lib*, without extras."""
    requirement = Requirement(str(lib.requirement))
    requirement.extras = set()
    return replace(lib, requirement=requirement)


def written(remedy: Remedy) -> Lib:
    """The line as *remedy* has it."""
    return bare(remedy.lib) if remedy.version is None else pinned(remedy.lib, remedy.version)


def _with(lib: Lib, specifier: str) -> Lib:
    requirement = Requirement(str(lib.requirement))
    requirement.specifier = SpecifierSet(specifier)
    return replace(lib, requirement=requirement)


def nearest(problems: Sequence[Problem]) -> Mapping[str, Version]:
    """The remedies in *problems*, each looked up by itself, by the name of the library."""
    return {one.lib.name: one.remedy for one in _mendable(problems) if one.lib and one.remedy}


def mended(
    libs: Sequence[Lib], problems: Sequence[Problem], versions: Mapping[str, Version]
) -> list[Lib]:
    """*libs*, with *versions*, by name, in place of those that *problems* say cannot stay.

    Where *versions* has none, with whatever version; without those for which there is none.
    """
    unknown = {one.lib.pointer for one in problems if isinstance(one, UnknownLib)}
    remedies = {one.lib.pointer: one.remedy for one in _mendable(problems) if one.lib}
    found = []
    for lib in libs:
        if lib.pointer not in remedies | dict.fromkeys(unknown):
            found.append(lib)
        elif remedies.get(lib.pointer) is not None:
            known = versions.get(lib.name)
            found.append(pinned(lib, known) if known else loosened(lib))
    return found


def foresee(problem: Problem, page: Page, threads: Executor, neighbours: Neighbours) -> None:
    """Has *threads* read what the remedy of *problem*, of a package with *page*, needs."""
    if is_error(problem) and isinstance(problem, Mendable) and problem.remedy:
        neighbours.foresee(page, problem.remedy, threads)


def fitting(
    libs: Sequence[Lib], problems: Sequence[Problem], neighbours: Neighbours
) -> Mapping[str, Version] | None:
    """Remedies for the errors among *problems*, by name, that go with the others of *libs*, as far
    as can be told at once: the nearest, and the newest for what does not fit.

    None: there are none. Raises IndexUnreachable.
    """
    wrong = [one for one in problems if is_error(one)]
    tried, old = dict(nearest(wrong)), _old(problems)
    clashes = neighbours.clashes(mended(libs, wrong, tried), tried, old)
    newest = {
        name: one for name, one in _newest(wrong).items() if any(name in clash for clash in clashes)
    }
    if clashes and all(not newest.keys().isdisjoint(clash) for clash in clashes):
        tried |= newest
        clashes = neighbours.clashes(mended(libs, wrong, tried), tried, old)
    return None if clashes else tried


def with_warnings(
    libs: Sequence[Lib],
    problems: Sequence[Problem],
    taken: Mapping[str, Version],
    neighbours: Neighbours,
) -> Mapping[str, Version]:
    """*taken*, the remedies for the errors among *problems*, and for the warnings those that go
    with them, and in place of sources have nothing built: the nearest, or the newest.

    Arguments and exceptions: as of `fitting`.
    """
    mild = [one for one in problems if not is_error(one)]
    built = {one.name for one in mild if isinstance(one, SourceOnly)}
    found = dict(nearest(mild))
    for others in (_newest(mild), {}) if found else ():
        every = {**found, **taken}
        clashes = neighbours.clashes(mended(libs, problems, every), every, _old(problems))
        doubted = found.keys() & {name for clash in clashes for name in clash}
        doubted |= {one for one in built & found.keys() if neighbours.builds(one, found[one])}
        if not doubted:
            break
        fitting = {name: one for name, one in found.items() if name not in doubted}
        found = fitting | {name: others[name] for name in doubted & others.keys()}
    return {**found, **taken}


def replacing(
    problems: Sequence[Problem], libs: Sequence[Lib], solver: Solver
) -> tuple[Problem, ...]:
    """*problems* that keep nobody from a lock; for what was withdrawn with remedies that go with
    the others of *libs*."""
    withdrawn = [one for one in problems if isinstance(one, Yanked) and one.lib and one.remedy]
    if not withdrawn:
        return tuple(problems)
    try:
        asked = preferring(nearest(withdrawn), solver)
        versions = chosen(early.settled(asked, mended(libs, withdrawn, {})), asked)
    except KernelspecError:
        versions = {}  # the lock is good all the same
    return tuple(
        replace(one, remedy=versions.get(one.name))
        if isinstance(one, Yanked) and one in withdrawn
        else one
        for one in problems
    )


def preferring(versions: Mapping[str, Version], solver: Solver) -> Solver:
    """*solver*, that takes *versions* where it can, and of their names no pre-release, and nothing
    that has to be built if there is anything else. It waits for uv for some seconds only."""
    learnt = {name: one for name, one in solver.learnt.items() if name not in versions}
    early = {
        f"{name}!={version}": None
        for name, page in solver.pages(versions).items()
        for version in page.releases
        if version.is_prerelease
    }
    deadline = time.monotonic() + _MOST_SECONDS
    return replace(
        solver,
        preferred=versions,
        learnt=learnt,
        constraints={**solver.barred, **early},
        ahead=[],
        left=lambda: deadline - time.monotonic(),
    )


def chosen(answer: uv.Compiled | uv.Refused, asked: Solver) -> Mapping[str, Version]:
    """What *answer* has of what *asked* prefers, by name; nothing where it does not install."""
    if isinstance(answer, uv.Refused) or asked.unfit(answer):
        return {}
    return {pin.name: Version(pin.version) for pin in answer.pins if pin.name in asked.preferred}


def told(problems: Sequence[Problem], versions: Mapping[str, Version]) -> tuple[Problem, ...]:
    """*problems*, with the remedies in *versions*, by name, and no other ones."""
    return tuple(
        replace(one, remedy=versions.get(one.lib.name))
        if isinstance(one, Mendable) and one.lib
        else one
        for one in problems
    )


def _old(problems: Sequence[Problem]) -> Collection[str]:
    """The libraries whose lines name releases that are older than the target's Python."""
    return {
        one.lib.name
        for one in _mendable(problems)
        if one.lib and not isinstance(one, NoSuchVersion | Yanked)
    }


def _newest(problems: Sequence[Problem]) -> Mapping[str, Version]:
    """The newest releases that *problems* name, by the name of the library."""
    return {one.lib.name: one.newest for one in _mendable(problems) if one.lib and one.newest}


def _mendable(problems: Sequence[Problem]) -> Iterator[Mendable]:
    return (one for one in problems if isinstance(one, Mendable) and one.lib)
