"""What to write in place of lines that cannot stay: what goes with all the other lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kernelspec_lib.packages.index import Index
from kernelspec_lib.packages.problems import (
    NoSuchVersion,
    NoWheel,
    OtherPython,
    Problem,
    SourceRefused,
    UnknownLib,
)
from kernelspec_lib.packages.target import Target
from kernelspec_lib.project import Lib

Mendable = NoSuchVersion | NoWheel | OtherPython | SourceRefused
"""Another version may help."""


def loosened(lib: Lib) -> Lib:
    """*lib*, with whatever version."""
    return _with(lib, "")


def pinned(lib: Lib, version: Version) -> Lib:
    """*lib*, with *version*."""
    return _with(lib, f"=={version}")


def _with(lib: Lib, specifier: str) -> Lib:
    requirement = Requirement(str(lib.requirement))
    requirement.specifier = SpecifierSet(specifier)
    return replace(lib, requirement=requirement)


def nearest(problems: Sequence[Problem]) -> Mapping[str, Version]:
    """The remedies in *problems*, those of the direct look, by the name of the library."""
    return {one.lib.name: one.remedy for one in _mendable(problems) if one.lib and one.remedy}


def mended(
    libs: Sequence[Lib], problems: Sequence[Problem], versions: Mapping[str, Version]
) -> list[Lib]:
    """*libs*, with *versions*, by name, in place of those that *problems* say cannot stay.

    Where *versions* has none, with whatever version; without those for which there is none.
    """
    unknown = {one.lib.pointer for one in problems if isinstance(one, UnknownLib)}
    remedies = {one.lib.pointer: one.remedy for one in _mendable(problems) if one.lib}
    found = []
    for lib in libs:
        if lib.pointer not in remedies | dict.fromkeys(unknown):
            found.append(lib)
        elif remedies.get(lib.pointer) is not None:
            known = versions.get(lib.name)
            found.append(pinned(lib, known) if known else loosened(lib))
    return found


def fitting(
    libs: Sequence[Lib], problems: Sequence[Problem], index: Index, target: Target
) -> Mapping[str, Version] | None:
    """Remedies for *problems*, by name, that go with the others of *libs*, as far as can be told
    at once: the nearest, and the newest for what does not fit. Raises IndexUnreachable."""
    # Files of releases are read where something is wrong only.
    from kernelspec_lib.packages import beside

    neighbours = beside.Neighbours(index=index, target=target)
    tried = dict(nearest(problems))
    clashes = neighbours.clashes(mended(libs, problems, tried), tried)
    newest = {
        one.lib.name: one.newest
        for one in _mendable(problems)
        if one.lib and one.newest and any(one.lib.name in clash for clash in clashes)
    }
    if clashes and all(not newest.keys().isdisjoint(clash) for clash in clashes):
        tried |= newest
        clashes = neighbours.clashes(mended(libs, problems, tried), tried)
    return None if clashes else tried


def told(problems: Sequence[Problem], versions: Mapping[str, Version]) -> tuple[Problem, ...]:
    """*problems*, with the remedies in *versions*, by name, and no other."""
    return tuple(
        replace(one, remedy=versions.get(one.lib.name))
        if isinstance(one, Mendable) and one.lib
        else one
        for one in problems
    )


def _mendable(problems: Sequence[Problem]) -> Iterator[Mendable]:
    return (one for one in problems if isinstance(one, Mendable) and one.lib)
