"""Which of the user's lines ask for a package: the nearest ones, who can do something about it.

Beside airflow, each of its providers asks for all that airflow needs; but airflow is a line itself,
and the one to change. Only a line that wants its extra asks for what an extra brings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from kernelspec_lib.packages import needs
from kernelspec_lib.packages.locking import Chosen
from kernelspec_lib.packages.metadata import NOTHING, Metadata
from kernelspec_lib.packages.problems import OfRelease, SourceOnly
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib


@dataclass(frozen=True, slots=True)
class _Part:
    """A package, and the extra of it that needs something; empty: it needs it anyway."""

    name: str
    extra: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Askers:
    """Who of *libs* asks for the *chosen* packages."""

    chosen: Mapping[str, Chosen]
    """By name."""
    libs: Sequence[Lib]
    solver: Solver
    told: Mapping[str, Metadata]
    """What they say of themselves, by name."""
    extras: Mapping[str, Collection[str]]
    """Which of their extras are wanted, by name; "" stands for none."""

    def blamed(self, problem: OfRelease) -> OfRelease:
        """*problem*, with the nearest lines in place of all that ask for the release."""
        if problem.lib is not None and not isinstance(problem, SourceOnly):
            return problem
        own, above = self._own(problem.name), self._above(problem.name)
        found = tuple(lib for lib in self.libs if lib in own or lib in above)
        return replace(problem, asked_by=found or problem.asked_by)

    def nearest(self, name: str) -> Sequence[Lib]:
        """The lines that name *name*; where there are none, the nearest ones that need it."""
        return self._own(name) or self._above(name)

    def _own(self, name: str) -> list[Lib]:
        return [lib for lib in self.libs if lib.name == name]

    def _above(self, name: str) -> list[Lib]:
        return [lib for _, lines in self.levels(name) for lib in lines]

    def levels(self, name: str) -> Iterator[tuple[Sequence[str], Sequence[Lib]]]:
        """The packages that need *name*, by name, with the lines that are among them; and then
        those that need the other ones of them.

        Beyond a line there is nobody who need do anything.
        """
        level = [_Part(name, "")]
        seen = set(level)
        while level:
            above = dict.fromkeys(one for part in level for one in self._needing(part))
            new = [one for one in above if one not in seen]
            seen.update(new)
            lines = {part: [lib for lib in self.libs if _asks(lib, part)] for part in new}
            level = [part for part in new if not lines[part]]
            names = dict.fromkeys(part.name for part in new)
            yield list(names), [lib for some in lines.values() for lib in some]

    def _needing(self, part: _Part) -> Iterator[_Part]:
        """What needs *part*; where an extra does, that extra."""
        for name in self.chosen[part.name].via:
            if self._needs(name, "", part):
                yield _Part(name, "")
                continue
            for extra in sorted(self.extras[name]):
                if self._needs(name, extra, part):
                    yield _Part(name, extra)

    def _needs(self, name: str, extra: str, part: _Part) -> bool:
        needed = needs.holding(self.told[name].requires, {"", extra}, self.solver.target)
        return any(
            canonicalize_name(need.name) == part.name
            and (not part.extra or part.extra in need.extras)
            for need in needed
        )


def of(packages: Sequence[Chosen], libs: Sequence[Lib], solver: Solver) -> Askers:
    """The askers among *libs*, of which uv chose *packages*."""
    told = {one.pin.name: solver.said(one.pin) or NOTHING for one in packages}
    return Askers(
        chosen={one.pin.name: one for one in packages},
        libs=libs,
        solver=solver,
        told=told,
        extras=needs.wanted(told, solver.extras, solver.target),
    )


def _asks(lib: Lib, part: _Part) -> bool:
    return lib.name == part.name and (not part.extra or part.extra in lib.requirement.extras)
