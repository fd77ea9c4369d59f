"""Pre-releases that no line asks for: taken where pip would take them, and nowhere else.

Where no final release has a wheel, uv goes back to an old pre-release that has one; pip builds the
final one. What is needed as "==0.66b2", or has had no final release yet, both take.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages import needs, refusals, uv
from kernelspec_lib.packages.refusals import NO_SOLUTION
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib

_ROUNDS = 4


def settled(
    solver: Solver, libs: Sequence[Lib], without_finals: Collection[str] = ()
) -> uv.Compiled | uv.Refused:
    """What uv says of *libs*; without pre-releases that nobody meant, if that can be.

    without_finals: those of which there is no other release. Raises as `Solver.solve`.
    """
    answer = solver.solve([lib.requirement for lib in libs])
    if isinstance(answer, uv.Refused):
        return answer
    return finals(solver, libs, answer, without_finals)


def finals(
    solver: Solver, libs: Sequence[Lib], answer: uv.Compiled, without_finals: Collection[str] = ()
) -> uv.Compiled | uv.Refused:
    """*answer*, or another one for *libs* without pre-releases that nobody meant; refused, if pip
    would find none without them.

    Arguments and exceptions: as of `settled`.
    """
    wanted = [lib.requirement for lib in libs]
    asked = {lib.name for lib in libs if lib.requirement.specifier.prereleases}
    asked.update(without_finals)
    early = [
        pin for pin in answer.pins if Version(pin.version).is_prerelease and pin.name not in asked
    ]
    bounds = [*wanted, *needed(answer, solver)] if early else []
    meant = {pin.name for pin in early if _is_meant(pin.name, bounds, solver)}
    if len(meant) == len(early):
        return answer
    firm: uv.Compiled | uv.Refused = answer
    for _ in range(_ROUNDS):
        # To uv a bound that names a pre-release admits all of them.
        allowed = {f"{name}>=0.dev0": None for name in sorted(meant)}
        strict = replace(solver, finals_only=True, constraints={**solver.constraints, **allowed})
        strict.let_build([pin.name for pin in early])
        firm = strict.answer(wanted)
        more = _missed(firm, strict) - meant if isinstance(firm, uv.Refused) else None
        if not more:
            break
        meant |= more
    # A refusal without uv's words is of something else.
    unclear = isinstance(firm, uv.Refused) and NO_SOLUTION not in firm.text
    return answer if unclear else firm


def _missed(refused: uv.Refused, solver: Solver) -> set[str]:
    """The packages of which uv missed pre-releases that pip takes: what needs one names it, or
    there is nothing else."""
    told = refusals.early(refused.text)
    return {name for name, named in told.items() if named or _is_meant(name, (), solver)}


def needed(answer: uv.Compiled, solver: Solver) -> Iterator[Requirement]:
    """What the releases in *answer* need of each other."""
    told = needs.read(answer.pins, solver.said, solver.index)
    for some in needs.counted(told, solver.extras, solver.target).values():
        yield from some


def _is_meant(name: str, needed: Sequence[Requirement], solver: Solver) -> bool:
    """Whether pip would take a pre-release of *name*, of which so much is *needed*.

    Source: `SpecifierSet.filter` of packaging, which pip asks.
    """
    page = solver.pages([name])[name]
    finals = [
        one
        for one in page.releases
        if not one.is_prerelease and page.usable(one, solver.target, built=True)
    ]
    if not finals:
        return True
    wanted = SpecifierSet()
    for requirement in needed:
        if canonicalize_name(requirement.name) == name:
            wanted &= requirement.specifier
    return bool(wanted.prereleases) or not any(one in wanted for one in finals)
