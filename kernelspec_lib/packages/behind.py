"""Which of the user's lines are behind what has to be built, and what to write in their place.

A line may hold others back: beside an old numpy, a library that has wheels for everything falls to
a release that has to be built, or needs one. Then the old numpy is the line to change, and not the
library; that is tried before it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import children, early, locking, look, needs, remedies, uv
from kernelspec_lib.packages.askers import Askers
from kernelspec_lib.packages.children import Purse, Threads
from kernelspec_lib.packages.locking import Chosen
from kernelspec_lib.packages.problems import OfRelease, SourceOnly
from kernelspec_lib.packages.refusals import without_extras
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.packages.suspects import Suspects
from kernelspec_lib.project import Lib
from kernelspec_lib.requirement import is_pinned

_MOST_TRIALS, _THREADS = 10, 2
"""Sets of libs that are resolved to see who is behind what, and how many at once."""
_MOST_SECONDS = 6.0
_MOST_SINGLE = 5
"""Lines that are left out, one by one, where without all of them nothing would be built."""

_NONE: Mapping[str, Version] = {}


@dataclass(kw_only=True)
class _Trials:
    """What comes of the libs where some of them are otherwise: each is tried once."""

    solver: Solver
    libs: Sequence[Lib]
    pinned: Sequence[Lib]
    """Those of them that have to be built themselves."""
    threads: Threads
    purse: Purse
    begun: dict[frozenset[str], Callable[[], Sequence[Chosen] | None]] = field(default_factory=dict)

    def without(self, left_out: Sequence[Lib]) -> Mapping[str, Chosen] | None:
        """What comes of the libs without the lines *left_out*, by name. None: nobody can tell."""
        packages = self.begin(left_out)()
        return None if packages is None else {one.pin.name: one for one in packages}

    def begin(self, left_out: Sequence[Lib]) -> Callable[[], Sequence[Chosen] | None]:
        """Begins to resolve the libs without *left_out*, unless too much was tried already."""
        key = frozenset(lib.pointer for lib in left_out)
        if key not in self.begun:
            rest = [lib for lib in self.libs if lib.pointer not in key]
            can_be = rest and self.purse.spend()
            self.begun[key] = self.hand_out(rest) if can_be else lambda: None
        return self.begun[key]

    def hand_out(
        self, libs: Sequence[Lib], preferred: Mapping[str, Version] = _NONE
    ) -> Callable[[], Sequence[Chosen] | None]:
        """Begins to resolve *libs*. None: that cannot be; the lock is good all the same.

        preferred: as of the solver, where that can be.
        """
        answer = self.threads.hand_out(partial(self._resolved, libs, preferred))

        def told() -> Sequence[Chosen] | None:
            packages = answer()
            return None if isinstance(packages, KernelspecError) else packages

        return told

    def _resolved(
        self, libs: Sequence[Lib], preferred: Mapping[str, Version]
    ) -> Sequence[Chosen] | None:
        if self.purse.left() <= 0:
            return None
        free = self._free(libs, preferred)
        answer = early.settled(free, libs)
        if isinstance(answer, uv.Refused) and preferred:
            return self._resolved(libs, _NONE)
        if isinstance(answer, uv.Refused) or free.unfit(answer):
            return None
        lacking = {name for name, _ in without_extras(answer.remarks)}
        if not lacking.isdisjoint(lib.name for lib in self.pinned):
            return None  # an old release without an extra that is wanted is no remedy
        return locking.chosen(answer, libs, free)

    def _free(self, libs: Sequence[Lib], preferred: Mapping[str, Version]) -> Solver:
        """A solver that may build nothing beforehand but what of *libs* has no wheel anyway."""
        solver = self.solver
        free = replace(
            solver, learnt={}, constraints={}, foreseen=set(), ahead=[],
            preferred=preferred, left=self.purse.left,
        )  # fmt: skip
        pages = solver.pages(solver.learnt)
        named = [lib.name for lib in libs if lib in self.pinned]
        never = [name for name in pages if pages[name].newest_for(solver.target) is None]
        free.let_build(list(dict.fromkeys([*named, *never])))
        return free


def traced(
    found: Sequence[OfRelease],
    pinned: Sequence[Lib],
    askers: Askers,
    now: Callable[[], float],
) -> tuple[OfRelease, ...]:
    """*found*, where the lines to change are named of what only they make a build.

    pinned: those lines that have to be built themselves, whatever the others say. now: a clock, in
    seconds.
    """
    built = {one.name: one for one in found if isinstance(one, SourceOnly)}
    libs, solver = askers.libs, askers.solver
    with children.threads(_THREADS) as threads:
        purse = Purse(runs=_MOST_TRIALS, now=now, deadline=now() + _MOST_SECONDS)
        trials = _Trials(solver=solver, libs=libs, pinned=pinned, threads=threads, purse=purse)
        offered = any(one.lib and one.newest for one in built.values())
        # Side by side with the others.
        loosened = _loosened(trials) if offered else None
        suspects = Suspects(askers=askers)
        told = built | _blamed(built, suspects, askers, trials)
        told |= _remedied(told, loosened() if loosened else None, solver)
    return tuple(told[one.name] if isinstance(one, SourceOnly) else one for one in found)


def _blamed(
    built: Mapping[str, SourceOnly], suspects: Suspects, askers: Askers, trials: _Trials
) -> dict[str, SourceOnly]:
    """Those of *built*, by name, for which lines are to blame that only hold others back."""
    waiting = [one for one in built.values() if _others(one, trials.pinned)]
    tried = {one.name: list(_tried(one, suspects, askers, trials.pinned)) for one in waiting}
    for some in tried.values():
        for holders in some[:1]:
            trials.begin(holders)
    found = {}
    for one in waiting:
        is_gone = partial(_is_gone, one, built, askers.chosen, trials)
        held = (_holding(holders, is_gone) for holders in tried[one.name])
        if lines := next(filter(None, held), None):
            found[one.name] = _on(one, lines)
    return found


def _tried(
    problem: SourceOnly, suspects: Suspects, askers: Askers, pinned: Sequence[Lib]
) -> Iterator[Sequence[Lib]]:
    """Lines without which *problem* may not be there, though somebody still asks for it.

    First who may keep it back itself; where there is nobody, what needs it.
    """
    is_old = False
    with suppress(KernelspecError):
        for names in chain([[problem.name]], (names for names, _ in askers.levels(problem.name))):
            if lines := suspects.of(names):
                yield from _left_out(problem, lines)
                return
            is_old = is_old or any(map(suspects.is_old, names))
    if is_old and pinned:
        yield pinned


def _left_out(problem: SourceOnly, lines: Sequence[Lib]) -> Iterator[Sequence[Lib]]:
    """*lines*, without some or all that ask for *problem*: else it would be gone for nothing."""
    asking = [lib for lib in lines if lib in problem.asked_by]
    others = [lib for lib in lines if lib not in problem.asked_by]
    if others:
        yield others
    if asking and len(asking) < len(problem.asked_by):
        yield asking
        if others:
            yield lines


def _holding(holders: Sequence[Lib], is_gone: Callable[[Sequence[Lib]], bool]) -> Sequence[Lib]:
    """Those of *holders* without which it *is_gone*: one, or all, or none of them."""
    if not is_gone(holders):
        return ()
    several = holders[:_MOST_SINGLE] if len(holders) > 1 else ()
    return next(([lib] for lib in several if is_gone([lib])), holders)


def _is_gone(
    problem: SourceOnly,
    built: Mapping[str, SourceOnly],
    chosen: Mapping[str, Chosen],
    trials: _Trials,
    left_out: Sequence[Lib],
) -> bool:
    """Whether *problem* is not there without the lines *left_out*, and nothing in its place."""
    packages = trials.without(left_out)
    if packages is None:
        return False
    building = _built(packages.values(), trials.solver)
    if problem.name in building:
        return False
    # What is built now and was not before may be built in place of what is looked at.
    instead = {lib for name, lines in building.items() if name not in built for lib in lines}
    if not instead.isdisjoint(_others(problem, trials.pinned)):
        return False
    # An older release that has a wheel, or needs nothing of it, was always there to be taken.
    near = {problem.name, *(lib.name for lib in problem.asked_by)} & packages.keys()
    older = [name for name in near if packages[name].version < chosen[name].version]
    newer = packages.get(problem.name)
    return all(newer is not None and _needs(chosen[name], newer) for name in older)


def _needs(asking: Chosen, other: Chosen) -> bool:
    """Whether *asking* needs the package of *other* itself, and admits that release."""
    name = other.pin.name
    needed = [need for need in asking.needs if canonicalize_name(need.name) == name]
    return bool(needed) and not any(needs.forbids(need, name, other.version) for need in needed)


def _on(problem: SourceOnly, holders: Sequence[Lib]) -> SourceOnly:
    """*problem*, laid on *holders*."""
    lines = tuple(holders)
    if all(lib in problem.asked_by for lib in lines):
        itself = problem.lib is None or problem.lib in lines
        return replace(problem, asked_by=lines, held_by=() if itself else lines)
    return replace(problem, held_by=lines)


def _loosened(trials: _Trials) -> Callable[[], Sequence[Chosen] | None]:
    """Begins to resolve the libs with any version of the pinned ones, the nearest where it can."""
    pages = trials.solver.pages(lib.name for lib in trials.pinned)
    near = {
        lib.name: look.nearest(lib, pages[lib.name], trials.solver.target) for lib in trials.pinned
    }
    preferred = {name: version for name, version in near.items() if version is not None}
    libs = [remedies.loosened(lib) if lib in trials.pinned else lib for lib in trials.libs]
    return trials.hand_out(libs, preferred)


def _remedied(
    told: Mapping[str, SourceOnly], packages: Sequence[Chosen] | None, solver: Solver
) -> dict[str, SourceOnly]:
    """Those of *told* that a line names itself, with the version to write: all together resolve.

    packages: what comes of the libs where those that have to be built may have any version.
    """
    known = {one.pin.name: one.version for one in packages or ()}
    building = _built(packages or (), solver)
    # Where something else is built in its place, nothing is won.
    lost = {lib.name for name, lines in building.items() if name not in told for lib in lines}
    found = {}
    for name, one in told.items():
        if one.lib is not None:
            remedy = None if name in building or name in lost else known.get(name)
            # A line that bounds it from below does not mean an older one.
            bound = not is_pinned(one.lib.requirement) and bool(one.lib.requirement.specifier)
            older = remedy is not None and remedy < one.version
            found[name] = replace(one, remedy=None if bound and older else remedy)
    return found


def _others(problem: SourceOnly, pinned: Sequence[Lib]) -> list[Lib]:
    """The lines that it is there for, and that have wheels themselves."""
    behind = (problem.lib,) if problem.lib else problem.asked_by
    return [lib for lib in behind if lib not in pinned]


def _built(packages: Iterable[Chosen], solver: Solver) -> Mapping[str, Sequence[Lib]]:
    """What of *packages* has to be built, by name, with the lines behind it."""
    return {
        one.pin.name: one.roots
        for one in packages
        if all(file.tags is None for file in one.files(solver.target))
    }
