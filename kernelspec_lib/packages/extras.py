"""Extras that lines want and that the chosen releases do not have: uv only remarks upon them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages import uv
from kernelspec_lib.packages.metadata import NOTHING
from kernelspec_lib.packages.problems import UnknownExtra
from kernelspec_lib.packages.refusals import without_extras
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.project import Lib


def unknown(compiled: uv.Compiled, libs: Sequence[Lib], solver: Solver) -> Iterator[UnknownExtra]:
    """What *libs* want besides, and *compiled* says is not there. Raises IndexUnreachable."""
    versions = {pin.name: Version(pin.version) for pin in compiled.pins}
    lacking = without_extras(compiled.remarks)
    for lib in libs:
        for extra in sorted(lib.requirement.extras):
            if (lib.name, canonicalize_name(extra)) in lacking:
                yield _unknown(lib, extra, versions[lib.name], libs, solver)


def _unknown(
    lib: Lib, extra: str, version: Version, libs: Sequence[Lib], solver: Solver
) -> UnknownExtra:
    """The *extra* of *lib*, of which *version* was chosen; uv may have gone back to one without."""
    page = solver.pages([lib.name])[lib.name]
    known = (solver.reader.glance(page, version) or NOTHING).extras
    problem = UnknownExtra(lib=lib, extra=extra, version=version, known=tuple(sorted(known)))
    newest = page.newest_usable(lib.requirement.specifier, solver.target)
    if newest is None or newest <= version:
        return problem
    told = solver.reader.glance(page, newest) or NOTHING
    if canonicalize_name(extra) not in map(canonicalize_name, told.extras):
        return problem
    against = solver.against(told, {"", extra}, [one.requirement for one in libs])
    held_by = tuple(one for one in libs if one.requirement in against)
    return replace(problem, newer=newest, held_by=held_by)
