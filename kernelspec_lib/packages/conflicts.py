"""Which of the user's lines cannot stand together: as few as possible, each needed for the quarrel.

uv says why in its own words, over packages that the user may never have heard of. Here its words
only say where to look first; a line is blamed where the rest of the blamed lines, resolved again
without it, do stand together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kernelspec_lib.packages import uv
from kernelspec_lib.packages.problems import Conflict, Remedy
from kernelspec_lib.packages.solving import NO_SOLUTION, Solver
from kernelspec_lib.project import Lib

_MOST_RUNS = 40
"""Of uv, a tenth of a second each once it has the pages."""
_MOST_SECONDS = 30.0
_MOST_REMEDIES = 3
_MOST_REASONS = 4
_NEEDS = re.compile(
    r"(?P<all>all versions of )?(?P<who>[A-Za-z0-9._-]+)(?P<extra>\[[^\]]*\])?"
    r"(?:\{[^}]*\})?(?P<of>[<>=!~][^\s]*)? depends? on (?P<what>[A-Za-z0-9._\[\],-]+)"
    r"(?:\{[^}]*\})?(?P<spec>[<>=!~][^\s]*)?"
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
class _Search:
    solver: Solver
    purse: _Purse
    known: dict[frozenset[str], bool] = field(default_factory=dict)

    def quarrel(self, libs: Sequence[Lib]) -> bool:
        """Whether *libs* cannot stand together. Raises _Spent."""
        key = frozenset(lib.pointer for lib in libs)
        if not key:
            return False
        if key not in self.known:
            if not self.purse.spend():
                raise _Spent
            self.known[key] = self.solver.stands([lib.requirement for lib in libs]) is None
        return self.known[key]

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
    search = _Search(solver=solver, purse=purse)
    named = [lib for lib in libs if _names(lib.name, _told(refusal))]
    try:
        within = named if search.quarrel(named) else list(libs)
        blamed = tuple(sorted(search.fewest([], within, grown=False), key=libs.index))
    except _Spent:
        blamed = tuple(named)
    answer = solver.solve([lib.requirement for lib in blamed]) if blamed else None
    text = answer.text if isinstance(answer, uv.Refused) else refusal
    remedies = tuple(_remedies(blamed, libs, solver, purse))
    return Conflict(libs=blamed, explanation=_explained(text), remedies=remedies)


def _remedies(
    blamed: Sequence[Lib], libs: Sequence[Lib], solver: Solver, purse: _Purse
) -> Iterator[Remedy]:
    """For each of *blamed* the version that all of *libs* can live with, if there is one."""
    found = 0
    for lib in blamed:
        if not lib.requirement.specifier or found == _MOST_REMEDIES or not purse.spend():
            continue
        others = [one.requirement for one in libs if one is not lib]
        compiled = solver.stands([*others, _loosened(lib.requirement)])
        for pin in compiled.pins if compiled else ():
            if pin.name == lib.name:
                found += 1
                yield Remedy(lib=lib, version=Version(pin.version))


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
        reasons.append(f"{who} needs {found['what'].rstrip(',.')}{spec.rstrip(',.;')}")
    reasons = list(dict.fromkeys(reasons))
    return "; ".join(reasons[:_MOST_REASONS]) or told
