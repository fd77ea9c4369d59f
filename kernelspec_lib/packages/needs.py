"""What releases need of each other on the target."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages.metadata import NOTHING, Metadata, parsed
from kernelspec_lib.packages.target import Target

if TYPE_CHECKING:
    from kernelspec_lib.packages.index import Index
    from kernelspec_lib.packages.pylock import Pin

_THREADS = 8
_OF_EXTRA = re.compile(r";(?!.*\bor\b).*\bextra\s*==")


def read(
    pins: Sequence[Pin],
    known: Callable[[Pin], Metadata | None],
    index: Index,
) -> Mapping[str, Metadata]:
    """What the releases that *pins* name say of themselves, by name. Raises IndexUnreachable.

    known: what has been read of one already, by uv or here; mostly *index* is asked for nothing.
    """
    found = {pin.name: known(pin) for pin in pins}
    unread = [pin for pin in pins if found[pin.name] is None and pin.files]
    if unread:
        from kernelspec_lib.packages import sources

        with ThreadPoolExecutor(max_workers=_THREADS) as threads:
            told = threads.map(lambda pin: sources.read(index, pin.name, pin.files), unread)
            found.update(zip((pin.name for pin in unread), told, strict=True))
    return {name: told or NOTHING for name, told in found.items()}


def counted(
    told: Mapping[str, Metadata], extras: Mapping[str, Collection[str]], target: Target
) -> Mapping[str, Sequence[Requirement]]:
    """What each of the packages in *told*, by name, needs on *target*.

    extras: what somebody wants of them besides. What they want of each other is found out.
    """
    return _settled(told, extras, target)[0]


def wanted(
    told: Mapping[str, Metadata], extras: Mapping[str, Collection[str]], target: Target
) -> Mapping[str, Collection[str]]:
    """Which extras of each package are wanted; "" stands for none. Arguments: as of `counted`."""
    return _settled(told, extras, target)[1]


def _settled(
    told: Mapping[str, Metadata], extras: Mapping[str, Collection[str]], target: Target
) -> tuple[Mapping[str, Sequence[Requirement]], Mapping[str, Collection[str]]]:
    """What is needed, and which extras are wanted, by name."""
    wanted = {name: {"", *extras.get(name, ())} for name in told}
    waiting = list(told)
    found: dict[str, Sequence[Requirement]] = {}
    while waiting:
        name = waiting.pop()
        found[name] = list(holding(told[name].requires, wanted[name], target))
        for need in found[name]:
            other = str(canonicalize_name(need.name))
            if other in wanted and not need.extras <= wanted[other]:
                wanted[other] |= need.extras
                waiting.append(other)
    return found, wanted


def holding(needs: Sequence[str], extras: set[str], target: Target) -> Iterator[Requirement]:
    """Those of *needs* that hold on *target*, with one of *extras*; "" stands for none."""
    seen = [{**target.marker_environment, "extra": one} for one in sorted(extras)]
    for text in needs:
        # Most are for extras that nobody wants, and reading them takes longer than all else.
        if len(extras) == 1 and _OF_EXTRA.search(text):
            continue
        need = parsed(text)
        if need is None or need.url is not None:
            continue
        if need.marker is None or any(map(need.marker.evaluate, seen)):
            yield need


def forbids(need: Requirement, name: str, version: Version) -> bool:
    """Whether *need* is of the package *name*, and does not admit *version*."""
    of_it = canonicalize_name(need.name) == name
    return of_it and not need.specifier.contains(version, prereleases=True)


def forbidden(
    told: Metadata, extras: set[str], chosen: Mapping[str, Version], target: Target
) -> Iterator[str]:
    """The names of what was *chosen* that a release with *told* needs otherwise.

    extras: those that are wanted of it; "" stands for none.
    """
    for need in holding(told.requires, extras, target):
        name = str(canonicalize_name(need.name))
        if name in chosen and forbids(need, name, chosen[name]):
            yield name


def foresee(told: Metadata) -> None:
    """Takes *told* apart: when `counted` comes to it, most of the work is done."""
    for text in told.requires:
        if not _OF_EXTRA.search(text):
            parsed(text)
