"""Which of the user's lines cannot stand together: as few as possible, each needed for the quarrel.

uv says why in its own words, over packages that the user may never have heard of. Here its words
only say where to look first; a line is blamed where the rest of the blamed lines, resolved again
without it, do stand together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import children, uv
from kernelspec_lib.packages.children import Threads
from kernelspec_lib.packages.problems import Conflict, Remedy
from kernelspec_lib.packages.refusals import NO_SOLUTION
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib

_MOST_RUNS = 40
"""Of uv, a tenth of a second each once it has the pages."""
_MOST_SECONDS = 30.0
_MOST_REMEDIES = 3
_FEW = 3
"""Libs whose quarrel is looked into at once, and not step by step."""
_AT_ONCE = 1 + 2 * _FEW
"""Questions: all of the few, without one of them each, and with another version of one each."""
_MOST_REASONS = 4
_ONE = r"[A-Za-z0-9._-]+(?:\[[^\]]*\])?(?:\{[^}]*\})?"
_MARKER = re.compile(r"\{[^}]*\}")
_NEEDS = re.compile(
    r"(?P<all>all versions of )?(?P<who>[A-Za-z0-9._-]+)(?P<extra>\[[^\]]*\])?"
    r"(?:\{[^}]*\})?(?P<of>[<>=!~][^\s]*)? depends? on "
    rf"(?:one of:(?P<some>(?: {_ONE}[<>=!~][^\s]*)+)"
    rf"|(?!one of:)(?P<what>{_ONE})(?P<spec>[<>=!~][^\s]*)?)"
)


@dataclass(kw_only=True)
class _Purse:
    """How many runs, and until when, are left to spend."""

    now: Callable[[], float]
    deadline: float
    runs: int = _MOST_RUNS

    def spend(self) -> bool:
        self.runs -= 1
        return self.runs >= 0 and self.now() < self.deadline


class _Spent(Exception):
    pass


@dataclass(kw_only=True)
class _Answers:
    """What comes of sets of requirements: each is asked about once, and many at a time.

    uv waits for the index most of its time, so what will be asked most likely is begun beforehand.
    """

    solver: Solver
    purse: _Purse
    threads: Threads
    begun: dict[frozenset[str], _Asked] = field(default_factory=dict)

    def begin(self, wanted: Sequence[Requirement]) -> _Asked:
        """Raises _Spent."""
        key = frozenset(map(str, wanted))
        if key not in self.begun:
            if not self.purse.spend():
                raise _Spent
            apart = self.solver.apart()
            answer = self.threads.hand_out(partial(apart.answer, wanted))
            self.begun[key] = _Asked(solver=apart, answer=answer)
        return self.begun[key]

    def of(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        """Raises _Spent, and what the solver raises."""
        asked = self.begin(wanted)
        answer = asked.answer()
        if isinstance(answer, KernelspecError):
            raise answer
        self.solver.take(asked.solver)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question that a solver of its own is at work on."""

    solver: Solver
    answer: Callable[[], uv.Compiled | uv.Refused | KernelspecError]


@dataclass(kw_only=True)
class _Search:
    answers: _Answers

    def quarrel(self, libs: Sequence[Lib]) -> bool:
        """Whether *libs* cannot stand together. Raises _Spent."""
        return bool(libs) and isinstance(self.answers.of(_lines(libs)), uv.Refused)

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


def explain(
    refusal: str, libs: Sequence[Lib], solver: Solver, now: Callable[[], float]
) -> Conflict:
    """The quarrel behind *refusal*, uv's words over all *libs*. now: a clock, in seconds."""
    purse = _Purse(now=now, deadline=now() + _MOST_SECONDS)
    with children.threads(_AT_ONCE) as threads:
        return _explain(refusal, libs, _Answers(solver=solver, purse=purse, threads=threads))


def _explain(refusal: str, libs: Sequence[Lib], answers: _Answers) -> Conflict:
    search = _Search(answers=answers)
    named = [lib for lib in libs if _names(lib.name, _told(refusal))]
    text = refusal
    try:
        if 1 < len(named) <= _FEW:
            _foresee(named, libs, answers)
        within = named if search.quarrel(named) else list(libs)
        blamed = tuple(sorted(search.fewest([], within, grown=False), key=libs.index))
        if isinstance(answer := answers.of(_lines(blamed)), uv.Refused):
            text = answer.text or refusal
    except _Spent:
        blamed = tuple(named)
    remedies = tuple(_remedies(blamed, libs, answers))
    together = () if remedies else tuple(_together(blamed, libs, answers))
    return Conflict(libs=blamed, explanation=_explained(text), remedies=remedies, together=together)


def _foresee(named: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> None:
    """Begins what will be asked where *named* are to blame, and all of them. Raises _Spent."""
    answers.begin(_lines(named))
    for lib in named:
        answers.begin(_lines([one for one in named if one is not lib]))
    for lib in named:
        if lib.requirement.specifier:
            answers.begin(_without(lib, libs))


def _remedies(blamed: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> Iterator[Remedy]:
    """For each of *blamed* the version that all of *libs* can live with, if there is one.

    Where the index or uv gives out, the quarrel is told all the same.
    """
    asked = [lib for lib in blamed if lib.requirement.specifier]
    found = 0
    with suppress(_Spent, KernelspecError):
        for lib in asked[:_MOST_REMEDIES]:
            answers.begin(_without(lib, libs))
        for lib in asked:
            answer = answers.of(_without(lib, libs))
            version = _versions(answer, [lib]).get(lib.name)
            if version is not None:
                found += 1
                yield Remedy(lib=lib, version=version)
            if found == _MOST_REMEDIES:
                return


def _lines(libs: Sequence[Lib]) -> list[Requirement]:
    return [lib.requirement for lib in libs]


def _without(lib: Lib, libs: Sequence[Lib]) -> list[Requirement]:
    """What *libs* want, but for the version of *lib*."""
    return [*(one.requirement for one in libs if one is not lib), _loosened(lib.requirement)]


def _together(blamed: Sequence[Lib], libs: Sequence[Lib], answers: _Answers) -> Iterator[Remedy]:
    """The versions of *blamed*, all of them changed, that all of *libs* can live with.

    Two lines may quarrel with a third each, and with each other: to change one is not enough.
    """
    loose = [lib for lib in blamed if lib.requirement.specifier]
    if len(loose) < 2:
        return
    others = [one.requirement for one in libs if one not in loose]
    with suppress(_Spent, KernelspecError):
        answer = answers.of([*others, *(_loosened(lib.requirement) for lib in loose)])
        versions = _versions(answer, loose)
        for lib in loose if len(versions) == len({lib.name for lib in loose}) else ():
            yield Remedy(lib=lib, version=versions[lib.name])


def _versions(answer: uv.Compiled | uv.Refused, libs: Sequence[Lib]) -> Mapping[str, Version]:
    """What *answer* has for *libs*, by name, but for pre-releases that none of them speaks of."""
    pins = answer.pins if isinstance(answer, uv.Compiled) else ()
    named = {lib.name for lib in libs}
    found = {pin.name: Version(pin.version) for pin in pins if pin.name in named}
    early = {lib.name for lib in libs if lib.requirement.specifier.prereleases}
    return {name: one for name, one in found.items() if name in early or not one.is_prerelease}


def _loosened(requirement: Requirement) -> Requirement:
    loose = Requirement(str(requirement))
    loose.specifier = SpecifierSet()
    return loose


def _names(name: str, explanation: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", explanation) is not None


def _told(text: str) -> str:
    """uv's explanation, without its hints about options that nobody here has."""
    told = text.partition(NO_SOLUTION)[2].partition("\n\nhint")[0].partition(":")[2]
    told = told or text.partition("cause:")[2].partition("\n\nhint")[0]
    words = " ".join(told.replace("cause:", " ").replace("╰─▶", " ").split())
    return words.removesuffix(".")


def _explained(text: str) -> str:
    """Who needs what, in short; uv's own words where they cannot be taken apart."""
    told = _told(text)
    reasons = []
    for found in _NEEDS.finditer(told):
        spec, extra = found["spec"] or "", found["extra"] or ""
        version = (found["of"] or "").rstrip(",.;")
        if version.startswith("=="):
            who = f"{found['who']}{extra} {version[2:]}"
        else:
            who = f"{'every ' if found['all'] else ''}{found['who']}{extra}{version}"
        needed = [one.rstrip(",.;") for one in _MARKER.sub("", found["some"] or "").split()]
        needed = needed or [f"{_MARKER.sub('', found['what']).rstrip(',.')}{spec.rstrip(',.;')}"]
        reasons.append(f"{who} needs {' or '.join(needed)}")
    reasons = list(dict.fromkeys(reasons))
    return "; ".join(reasons[:_MOST_REASONS]) or told
