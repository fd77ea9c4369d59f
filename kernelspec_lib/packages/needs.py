"""What releases need of each other on the target."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages.metadata import NOTHING, Metadata, parsed
from kernelspec_lib.packages.target import Target

if TYPE_CHECKING:
    from kernelspec_lib.packages.pylock import Pin
    from kernelspec_lib.packages.solving import Solver

_THREADS = 8
_OF_EXTRA = re.compile(r";(?!.*\bor\b).*\bextra\s*==")


def read(pins: Sequence[Pin], solver: Solver) -> Mapping[str, Metadata]:
    """What the releases that *pins* name say of themselves, by name. Raises IndexUnreachable.

    Mostly uv has read it, or *solver* has, and nothing is asked of the index.
    """
    found = {pin.name: known(pin, solver) for pin in pins}
    unread = [pin for pin in pins if found[pin.name] is None and pin.files]
    if unread:
        from kernelspec_lib.packages import sources

        with ThreadPoolExecutor(max_workers=_THREADS) as threads:
            told = threads.map(lambda pin: sources.read(solver.index, pin.name, pin.files), unread)
            found.update(zip((pin.name for pin in unread), told, strict=True))
    return {name: told or NOTHING for name, told in found.items()}


def known(pin: Pin, solver: Solver) -> Metadata | None:
    """What the release of *pin* says of itself, where *solver* or uv has read it."""
    return solver.learnt.get(pin.name, {}).get(Version(pin.version)) or solver.readings.of(pin)


def counted(
    told: Mapping[str, Metadata], extras: Mapping[str, Collection[str]], target: Target
) -> Mapping[str, Sequence[Requirement]]:
    """What each of the packages in *told*, by name, needs on *target*.

    extras: what somebody wants of them besides. What they want of each other is found out.
    """
    return _settled(told, extras, target)[0]


def wanted(
    pins: Sequence[Pin], solver: Solver, extras: Mapping[str, Collection[str]]
) -> Mapping[str, Collection[str]]:
    """Which extras of the releases that *pins* name are wanted, as far as their needs are known.

    By name; "" stands for none. extras: those that somebody wants besides.
    """
    told = {pin.name: known(pin, solver) or NOTHING for pin in pins}
    return _settled(told, extras, solver.target)[1]


def _settled(
    told: Mapping[str, Metadata], extras: Mapping[str, Collection[str]], target: Target
) -> tuple[Mapping[str, Sequence[Requirement]], Mapping[str, Collection[str]]]:
    """What is needed, and which extras are wanted, by name."""
    wanted = {name: {"", *extras.get(name, ())} for name in told}
    waiting = list(told)
    found: dict[str, Sequence[Requirement]] = {}
    while waiting:
        name = waiting.pop()
        found[name] = list(_holding(told[name].requires, wanted[name], target))
        for need in found[name]:
            other = str(canonicalize_name(need.name))
            if other in wanted and not need.extras <= wanted[other]:
                wanted[other] |= need.extras
                waiting.append(other)
    return found, wanted


def _holding(needs: Sequence[str], extras: set[str], target: Target) -> Iterator[Requirement]:
    """Those of *needs* that hold on *target*, with one of *extras*."""
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


def foresee(told: Metadata) -> None:
    """Takes *told* apart: when `counted` comes to it, most of the work is done."""
    for text in told.requires:
        if not _OF_EXTRA.search(text):
            parsed(text)
