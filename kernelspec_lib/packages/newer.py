"""Newer releases than uv chose, where it went back to old ones so that less has to be built.

pip takes the newest release whose needs can be met, and builds what has only sources. uv is told of
each package that may be built, learns of it only when it comes to it, and takes an old release
instead: one without the extra that is wanted, or one that needs nothing since nobody says what.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import early, extras, needs, uv
from kernelspec_lib.packages.refusals import NO_EXTRA
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib


def settled(
    compiled: uv.Compiled, libs: Sequence[Lib], solver: Solver, without_finals: Collection[str]
) -> uv.Compiled:
    """*compiled*, or an answer with newer releases in it, if there is one.

    Arguments: as of `early.settled`. Raises IndexUnreachable where *compiled* cannot be looked at.
    """
    lacking = dict(_lacking(compiled, libs, solver))
    old = lacking | dict(_built(compiled, libs, solver))
    if not old:
        return compiled
    asked = solver.apart(solver.left)
    asked.constraints.update({f"{name}>{version}": None for name, version in old.items()})
    try:
        answer = early.settled(asked, libs, without_finals)
        if isinstance(answer, uv.Refused) or asked.unfit(answer):
            return compiled
    except KernelspecError:
        return compiled  # which is good all the same
    named = {lib.name for lib in libs}
    before, after = _versions(compiled), _versions(answer)
    if not lacking and any(after[name] < before[name] for name in named):
        return compiled
    solver.take(asked)
    return answer


def _versions(compiled: uv.Compiled) -> Mapping[str, Version]:
    return {pin.name: Version(pin.version) for pin in compiled.pins}


def _lacking(
    compiled: uv.Compiled, libs: Sequence[Lib], solver: Solver
) -> Iterator[tuple[str, Version]]:
    """Names and versions of what has no extra that is wanted, and had it if it were newer."""
    if NO_EXTRA in compiled.remarks:
        for one in extras.unknown(compiled, libs, solver):
            if one.version is not None and one.newer is not None and not one.held_by:
                yield one.lib.name, one.version


def _built(
    compiled: uv.Compiled, libs: Sequence[Lib], solver: Solver
) -> Iterator[tuple[str, Version]]:
    """Names and versions of what is built, though a newer one would go with what was chosen."""
    chosen = _versions(compiled)
    built = chosen.keys() & solver.learnt.keys()
    bounds = {name: SpecifierSet() for name in built}
    for need in [*(lib.requirement for lib in libs), *early.needed(compiled, solver)]:
        if (name := str(canonicalize_name(need.name))) in bounds:
            bounds[name] &= need.specifier
    for name, page in solver.pages(sorted(built)).items():
        newest = page.newest_usable(bounds[name], solver.target)
        if newest is None or newest <= chosen[name]:
            continue
        if not page.usable(chosen[name], solver.target, built=False):
            told = solver.reader.glance(page, newest)
            wanted = {"", *solver.extras.get(name, ())}
            if told and not any(needs.forbidden(told, wanted, chosen, solver.target)):
                yield name, chosen[name]
