"""Newer releases than uv chose, where it went back to old ones so that less has to be built.

pip takes the newest release whose needs can be met, and builds what has only sources. uv is told of
each package that may be built, learns of it only when it comes to it, and takes an old release
instead: one without the extra that is wanted, or one that needs nothing since nobody says what.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages import early, extras, uv
from kernelspec_lib.packages.refusals import NO_EXTRA
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib


def settled(
    compiled: uv.Compiled, libs: Sequence[Lib], solver: Solver, without_finals: Collection[str]
) -> uv.Compiled:
    """*compiled*, or an answer with newer releases in it, if there is one.

    Arguments: as of `early.settled`. Raises as `Solver.solve`.
    """
    old = dict(_lacking(compiled, libs, solver)) | dict(_built(compiled, libs, solver))
    if not old:
        return compiled
    asked = solver.apart()
    asked.constraints.update({f"{name}>{version}": None for name, version in old.items()})
    answer = early.settled(asked, libs, without_finals)
    if isinstance(answer, uv.Refused) or asked.unfit(answer):
        return compiled
    solver.take(asked)
    return answer


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
    """Names and versions of what is built, though nothing is seen to speak against a newer one."""
    chosen = {pin.name: Version(pin.version) for pin in compiled.pins if pin.name in solver.learnt}
    wanted = [lib.requirement for lib in libs]
    bounds = {name: SpecifierSet() for name in chosen}
    for need in [*wanted, *early.needed(compiled, solver)]:
        if (name := str(canonicalize_name(need.name))) in bounds:
            bounds[name] &= need.specifier
    pages = solver.pages(chosen)
    for name, version in chosen.items():
        page = pages[name]
        newest = extras.newest(page, bounds[name], solver.target)
        built = not page.usable(version, solver.target, built=False)
        if not built or newest is None or newest <= version:
            continue
        told = solver.reader.glance(page, newest)
        if told and not solver.against(told, {"", *solver.extras.get(name, ())}, wanted):
            yield name, version
