"""What the words mean with which uv refuses or warns: its exit code is the same for all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from packaging.utils import canonicalize_name

NO_SOLUTION = "No solution found"
NO_EXTRA = "does not have an extra named"
_NO_WHEELS = re.compile(
    r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:[<>=!~]=?\S*)? ha(?:s|ve) no usable wheels"
)
_YANKED = re.compile(r"([A-Za-z0-9._-]+)==(\S+) was yanked")
_PINNED = re.compile(
    r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:==(\S+))? depends? on ([A-Za-z0-9._-]+==[^\s,]+)"
)
_NO_EXTRA = re.compile(rf"`([^`=]+)==[^`]*` {NO_EXTRA} `([^`]+)`")
_EARLY = re.compile(r"[Pp]re-releases are available for `([A-Za-z0-9._-]+)`")
_EARLY_NAMED = re.compile(r"`?([A-Za-z0-9._-]+)`? was requested with a pre-release marker")
_WHEELS_REQUIRED = re.compile(r"Wheels are required for `([^`]+)`")


def is_quarrel(refusal: str) -> bool:
    """Whether uv saw every page before it found that nothing stands together."""
    return NO_SOLUTION in refusal and "not found" not in refusal


def without_wheels(refusal: str) -> list[str]:
    """The packages, each once and normalised, that uv missed wheels of."""
    found = [*_WHEELS_REQUIRED.findall(refusal), *_NO_WHEELS.findall(refusal)]
    return list(dict.fromkeys(str(canonicalize_name(one)) for one in found))


def withdrawn(refusal: str) -> Mapping[str, Sequence[tuple[str, str]]]:
    """As "name==version", releases that were withdrawn and that packages seem to pin; and which.

    Of each package its name and its version, empty where uv speaks of several. A range that has
    one release in it looks the same to uv.
    """
    told = " ".join(refusal.split())
    withdrawn_ = {f"{name}=={version}" for name, version in gone(refusal)}
    found: dict[str, list[tuple[str, str]]] = {}
    for who, version, what in _PINNED.findall(told):
        if what in withdrawn_:
            found.setdefault(what, []).append((str(canonicalize_name(who)), version))
    return found


def gone(refusal: str) -> Sequence[tuple[str, str]]:
    """Name and version of each withdrawn release that uv speaks of."""
    return list(dict.fromkeys(_YANKED.findall(" ".join(refusal.split()))))


def without_extras(remarks: str) -> set[tuple[str, str]]:
    """The packages of which uv chose releases without an extra that is wanted, and these extras,
    all normalised. uv only remarks upon it."""
    return {
        (str(canonicalize_name(name)), str(canonicalize_name(extra)))
        for name, extra in _NO_EXTRA.findall(remarks)
    }


def early(refusal: str) -> Mapping[str, bool]:
    """The packages, normalised, of which uv was not allowed to take pre-releases; and whether what
    needs them names one."""
    told = " ".join(refusal.split())
    found = {str(canonicalize_name(name)): False for name in _EARLY.findall(told)}
    return found | {str(canonicalize_name(name)): True for name in _EARLY_NAMED.findall(told)}
