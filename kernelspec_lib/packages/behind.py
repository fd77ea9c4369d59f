"""Which of the user's lines are behind what has to be built.

A pin without a wheel may hold others back: beside an old numpy, a library that has wheels for
everything falls to a release that has to be built, or needs one. Then the old pin is the line to
change, and not the library; that is tried before it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import early, locking, uv
from kernelspec_lib.packages.problems import Problem, SourceOnly
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib

_MOST = 5
"""Lines that are left out, one by one, to see who is held back by them."""
_MOST_ALONE, _THREADS = 12, 2
"""Lines that are looked at each by itself, and how many at once."""


def traced(
    found: Sequence[Problem], pinned: Sequence[Lib], libs: Sequence[Lib], solver: Solver
) -> tuple[Problem, ...]:
    """*found*, where the lines to change are named of what only they make a build.

    pinned: those of *libs* that have to be built themselves, whatever the others say.
    """
    named = {one.name for one in found if isinstance(one, SourceOnly)}
    told = {id(one): one for one in found if isinstance(one, SourceOnly) and _others(one, pinned)}
    for holders in _tried(pinned) if told else ():
        waiting = [key for key, one in told.items() if not one.held_by]
        if not waiting:
            break
        rest = [lib for lib in libs if lib not in holders]
        building = _building(rest, solver) if rest else None
        if building is None:
            continue
        # What is built now and was not before may be built in place of what is looked at.
        instead = {lib for name, behind in building.items() if name not in named for lib in behind}
        for key in waiting:
            if told[key].name not in building and instead.isdisjoint(_others(told[key], pinned)):
                told[key] = replace(told[key], held_by=tuple(holders))
    told |= _narrowed({key: one for key, one in told.items() if not one.held_by}, libs, solver)
    return tuple(told.get(id(one), one) for one in found)


def _narrowed(
    shared: Mapping[int, SourceOnly], libs: Sequence[Lib], solver: Solver
) -> Mapping[int, SourceOnly]:
    """Those of *shared* that only some of their lines are behind, with these.

    A line that brings a build where it stands alone is the one to change, if without it the
    others bring none.
    """
    several = {key: one for key, one in shared.items() if len(one.asked_by) > 1}
    asked = list(dict.fromkeys(lib for one in several.values() for lib in one.asked_by))
    if not asked or len(asked) > _MOST_ALONE:
        return {}
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        alone = threads.map(lambda lib: _building([lib], solver), asked)
        culprits = [lib for lib, built in zip(asked, alone, strict=True) if built]
    rest = [lib for lib in libs if lib not in culprits]
    if not culprits or len(culprits) == len(asked) or not rest:
        return {}
    building = _building(rest, solver)
    if building is None:
        return {}
    still = {lib for behind in building.values() for lib in behind}
    found = {}
    for key, one in several.items():
        mine = tuple(lib for lib in one.asked_by if lib in culprits)
        if mine and still.isdisjoint(one.asked_by):
            itself = one.lib is None or one.lib in mine
            found[key] = replace(one, asked_by=mine, held_by=() if itself else mine)
    return found


def _others(problem: SourceOnly, pinned: Sequence[Lib]) -> list[Lib]:
    """The lines that it is there for, and that have wheels themselves."""
    behind = (problem.lib,) if problem.lib else problem.asked_by
    return [lib for lib in behind if lib not in pinned]


def _tried(pinned: Sequence[Lib]) -> Iterator[Sequence[Lib]]:
    for lib in pinned[:_MOST]:
        yield (lib,)
    if len(pinned) > 1:
        yield pinned


def _building(libs: Sequence[Lib], solver: Solver) -> Mapping[str, Sequence[Lib]] | None:
    """What *libs* bring to build, by name, each with those behind it; None: nobody can tell."""
    free = replace(solver, learnt={}, constraints={}, foreseen=set(), ahead=[])
    try:
        answer = early.settled(free, libs)
        if isinstance(answer, uv.Refused) or free.unfit(answer):
            return None
        packages = locking.chosen(answer, libs, free, free.index.recent())
    except KernelspecError:
        return None  # the lock is good all the same
    return {
        one.pin.name: one.roots
        for one in packages
        if all(file.tags is None for file in one.files(solver.target))
    }
