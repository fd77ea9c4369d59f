"""Which of the user's lines cannot stand together: as few as possible, each needed for the quarrel.

uv says why in its own words, over packages that the user may never have heard of. Here its words
only say where to look first; a line is blamed where the rest of the blamed lines, resolved again
without it, do stand together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from packaging.version import Version

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import children, early, locking, uv
from kernelspec_lib.packages.children import Purse, Threads
from kernelspec_lib.packages.problems import Conflict, Problem, Remedy
from kernelspec_lib.packages.reasons import Unfit, explained, names, told
from kernelspec_lib.packages.refusals import without_extras
from kernelspec_lib.packages.remedies import bare, loosened, written
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib

_MOST_RUNS = 40
"""Of uv, a tenth of a second each once it has the pages."""
_MOST_SECONDS = 30.0
_MOST_QUARRELS = 8
_MOST_REMEDIES = 3
_FEW = 3
"""Libs whose quarrel is looked into at once, and not step by step."""
_AT_ONCE = 1 + 2 * _FEW
"""Questions: all of the few, without one of them each, and with another version of one each."""


_Asked: TypeAlias = Callable[[], tuple[uv.Compiled | uv.Refused, Solver] | KernelspecError]
"""Waits for what uv says, and for the solver of its own that knows more by then."""


class _Spent(Exception):
    pass


@dataclass(kw_only=True)
class _Answers:
    """What comes of sets of lines: each is asked about once, and many at a time.

    uv waits for the index most of its time, so what will be asked most likely is begun beforehand.
    """

    solver: Solver
    purse: Purse
    threads: Threads
    begun: dict[frozenset[str], _Asked] = field(default_factory=dict)
    unfit: list[Unfit] = field(default_factory=list)
    """What uv would have chosen, and what does not install."""

    def begin(self, libs: Sequence[Lib]) -> _Asked:
        """Raises _Spent."""
        key = frozenset(str(lib.requirement) for lib in libs)
        if key not in self.begun:
            if not self.purse.spend():
                raise _Spent
            apart = self.solver.apart(self.purse.left)
            self.begun[key] = self.threads.hand_out(partial(_settled, apart, libs))
        return self.begun[key]

    def of(self, libs: Sequence[Lib]) -> uv.Compiled | uv.Refused:
        """Raises _Spent, and what the solver raises."""
        told = self.begin(libs)()
        if isinstance(told, KernelspecError):
            # What uv was at work on when time was up says nothing of the index.
            raise told if self.purse.left() > 0 else _Spent
        answer, apart = told
        self.solver.take(apart)
        if isinstance(answer, uv.Refused):
            self.note(answer)
        return answer

    def note(self, refused: uv.Refused) -> None:
        """Remembers what uv would have chosen, if that was the trouble."""
        if refused.nearest is not None:
            with suppress(KernelspecError):
                self.unfit += _unfit(refused.nearest, self.solver)


def _settled(solver: Solver, libs: Sequence[Lib]) -> tuple[uv.Compiled | uv.Refused, Solver]:
    """What comes of *libs*, and *solver*, which knows more by then."""
    answer = solver.answer([lib.requirement for lib in libs])
    if isinstance(answer, uv.Compiled):
        answer = early.finals(solver, libs, answer)
    return answer, solver


def _unfit(nearest: uv.Compiled, solver: Solver) -> Iterator[Unfit]:
    # What is there in their place is on their pages only.
    doubted = {pin.name for pin in solver.unfit(nearest)}
    packages = locking.chosen(nearest, (), solver, doubted)
    return (one for one in locking.recheck(packages, solver) if isinstance(one, Unfit))


@dataclass(kw_only=True)
class _Search:
    answers: _Answers
    least: Sequence[Lib] = ()
    """The fewest lines of which it is known by now that they quarrel."""

    def quarrel(self, libs: Sequence[Lib]) -> bool:
        """Whether *libs* cannot stand together. Raises _Spent."""
        if not libs or not isinstance(self.answers.of(libs), uv.Refused):
            return False
        if not self.least or len(libs) < len(self.least):
            self.least = libs
        return True

    def fewest(self, fixed: Sequence[Lib], libs: Sequence[Lib], *, grown: bool) -> list[Lib]:
        """As few of *libs* as quarrel beside *fixed*.

        grown: whether *fixed* grew just now, and may suffice by itself. Source: QuickXplain,
        U. Junker, AAAI 2004.
        """
        if grown and self.quarrel(fixed):
            return []
        if len(libs) == 1:
            return list(libs)
        half = len(libs) // 2
        first, second = libs[:half], libs[half:]
        right = self.fewest([*fixed, *first], second, grown=True)
        left = self.fewest([*fixed, *right], first, grown=bool(right))
        return left + right


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Every quarrel among the lines: no line that says a version is in two of them, and without all
    of these the others stand together."""

    problems: tuple[Problem, ...]
    libs: tuple[Lib, ...]
    """The lines as they stand together, if they do: with the first remedy of each quarrel, and
    without those for which there is none."""


def explain(
    refused: uv.Refused, libs: Sequence[Lib], solver: Solver, now: Callable[[], float]
) -> Explained:
    """The quarrels among *libs*, all of which uv *refused*. now: a clock, in seconds."""
    purse = Purse(runs=_MOST_RUNS, now=now, deadline=now() + _MOST_SECONDS)
    with children.threads(_AT_ONCE) as threads:
        answers = _Answers(solver=solver, purse=purse, threads=threads)
        answers.note(refused)
        return _explain(refused.text, libs, answers)


def _explain(refusal: str, libs: Sequence[Lib], answers: _Answers) -> Explained:
    quarrels = _quarrels(refusal, libs, answers)
    standing = {lib: lib for lib in libs}
    standing |= {lib: loosened(lib) for blamed, _ in quarrels for lib in blamed}
    problems: list[Problem] = []
    # For one line alone there may be no remedy, and then none for others beside it.
    for blamed, text in sorted(quarrels, key=lambda one: len(one[0])):
        # A remedy goes with those before it, and with some for what comes after it.
        standing |= {lib: lib for lib in blamed}
        beside = list(standing.values())
        remedies = _remedies(blamed, beside, answers) or tuple(_bare(blamed, beside, answers))
        together = () if remedies else tuple(_together(blamed, beside, answers))
        taken = remedies[:1] or together
        standing |= {one.lib: written(one) for one in taken}
        if not taken:
            standing = {lib: one for lib, one in standing.items() if lib not in blamed}
        conflict = Conflict(
            libs=blamed,
            explanation=explained(text, answers.unfit),
            remedies=remedies,
            together=together,
            alone=len(quarrels) == 1,
        )
        problems.append(_for_one(conflict, text, answers.unfit) or conflict)
    return Explained(problems=tuple(problems), libs=tuple(standing.values()))


def _for_one(conflict: Conflict, text: str, unfit: Sequence[Unfit]) -> Unfit | None:
    """What a single line needs and what does not install, if that is all of *conflict*."""
    found = next((one for one in unfit if names(one.name, told(text))), None)
    without = any(one.version is None for one in conflict.remedies)
    if len(conflict.libs) != 1 or found is None or without:
        return None
    (line,) = conflict.libs
    lib = line if line.name == found.name else None
    remedy = next((one.version for one in conflict.remedies), None)
    return replace(found, lib=lib, asked_by=conflict.libs, remedy=remedy)


def _quarrels(
    refusal: str, libs: Sequence[Lib], answers: _Answers
) -> Sequence[tuple[tuple[Lib, ...], str]]:
    """Who quarrels, and uv's words over them; the next ones where those before are left out.

    Where time is up, those found by then, or the lines that uv speaks of.
    """
    found: list[tuple[tuple[Lib, ...], str]] = []
    rest, text = list(libs), refusal
    try:
        for _ in range(_MOST_QUARRELS):
            blamed = _blamed(text, rest, answers)
            if not blamed:
                break
            found.append((blamed, text))
            said = answers.of(blamed)
            if isinstance(said, uv.Refused) and said.text:
                found[-1] = (blamed, said.text)
            # A line that says no version may quarrel with more lines, and all of these are told;
            # beside another one of its package it says one.
            said_of = {lib.name for lib in blamed if lib.requirement.specifier}
            to_change = [lib for lib in blamed if lib.name in said_of] or blamed
            rest = [lib for lib in rest if lib not in to_change]
            others = answers.of(rest) if rest else None
            if not isinstance(others, uv.Refused):
                break
            text = others.text
    except _Spent:
        pass
    except KernelspecError:
        if not found:
            raise
    return found or [(tuple(_named(refusal, libs)), refusal)]


def _blamed(refusal: str, libs: Sequence[Lib], answers: _Answers) -> tuple[Lib, ...]:
    """As few of *libs*, which uv refuses with *refusal*, as quarrel; where time is up, as few as
    are known to."""
    search = _Search(answers=answers)
    named = _named(refusal, libs)
    try:
        if 1 < len(named) <= _FEW:
            _foresee(named, libs, answers)
        within = named if search.quarrel(named) else list(libs)
        blamed: Sequence[Lib] = search.fewest([], within, grown=False)
    except _Spent:
        blamed = search.least
    return tuple(sorted(blamed, key=libs.index))


def _named(refusal: str, libs: Sequence[Lib]) -> list[Lib]:
    """Those of *libs* that uv speaks of."""
    return [lib for lib in libs if names(lib.name, told(refusal))]


def _foresee(named: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> None:
    """Begins what will be asked where *named* are to blame, and all of them. Raises _Spent."""
    answers.begin(named)
    for lib in named:
        answers.begin([one for one in named if one is not lib])
    for lib in named:
        if lib.requirement.specifier:
            answers.begin(_without(lib, libs))


def _remedies(blamed: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> tuple[Remedy, ...]:
    """For each of *blamed* the version that all of *libs* can live with, if there is one; where
    some have wheels, only these.

    Where the index or uv gives out, the quarrel is told all the same.
    """
    asked = [lib for lib in blamed if lib.requirement.specifier]
    found: dict[Remedy, bool] = {}
    with suppress(_Spent, KernelspecError):
        for lib in asked[:_MOST_REMEDIES]:
            answers.begin(_without(lib, libs))
        for lib in asked:
            version = _versions(answers.of(_without(lib, libs)), [lib]).get(lib.name)
            if version is not None:
                has_wheel = answers.solver.has_wheel(lib.name, version)
                found[Remedy(lib=lib, version=version)] = has_wheel
            if len(found) == _MOST_REMEDIES:
                break
    return tuple(one for one in found if found[one] or not any(found.values()))


def _without(lib: Lib, libs: Sequence[Lib]) -> list[Lib]:
    """*libs*, with whatever version of *lib*."""
    return [loosened(one) if one is lib else one for one in libs]


def _bare(blamed: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> Iterator[Remedy]:
    """For each of *blamed* the line without its extras, if all of *libs* can live with that."""
    with suppress(_Spent, KernelspecError):
        for lib in (one for one in blamed if one.requirement.extras):
            answer = answers.of([bare(one) if one is lib else one for one in libs])
            if isinstance(answer, uv.Compiled):
                yield Remedy(lib=lib, version=None)


def _together(blamed: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> Iterator[Remedy]:
    """The versions of *blamed*, all of them changed, that all of *libs* can live with.

    Two lines may quarrel with a third each, and with each other: to change one is not enough.
    """
    loose = [lib for lib in blamed if lib.requirement.specifier]
    if len(loose) < 2:
        return
    with suppress(_Spent, KernelspecError):
        answer = answers.of([loosened(one) if one in loose else one for one in libs])
        versions = _versions(answer, loose)
        for lib in loose if len(versions) == len({lib.name for lib in loose}) else ():
            yield Remedy(lib=lib, version=versions[lib.name])


def _versions(answer: uv.Compiled | uv.Refused, libs: Sequence[Lib]) -> Mapping[str, Version]:
    """What *answer* has for *libs*, by name, but for pre-releases that none of them speaks of, and
    what has not the extras that they want."""
    if isinstance(answer, uv.Refused):
        return {}
    lacking = {name for name, _ in without_extras(answer.remarks)}
    pins, named = answer.pins, {lib.name for lib in libs} - lacking
    found = {pin.name: Version(pin.version) for pin in pins if pin.name in named}
    meant = {lib.name for lib in libs if lib.requirement.specifier.prereleases}
    return {name: one for name, one in found.items() if name in meant or not one.is_prerelease}
