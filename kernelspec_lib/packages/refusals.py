"""What the words mean with which uv refuses or warns: its exit code is the same for all."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

NO_SOLUTION = "No solution found"
NO_EXTRA = "does not have an extra named"
_NO_WHEELS = re.compile(
    r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:[<>=!~]=?\S*)? ha(?:s|ve) no usable wheels"
)
_YANKED = re.compile(r"([A-Za-z0-9._-]+)==(\S+) was yanked")
_PINNED = re.compile(r"depends? on ([A-Za-z0-9._-]+==[^\s,]+)")
_NO_EXTRA = re.compile(rf"`([^`=]+)==[^`]*` {NO_EXTRA} `([^`]+)`")
_WHEELS_REQUIRED = re.compile(r"Wheels are required for `([^`]+)`")


def is_quarrel(refusal: str) -> bool:
    """Whether uv saw every page before it found that nothing stands together."""
    return NO_SOLUTION in refusal and "not found" not in refusal


def without_wheels(refusal: str) -> list[str]:
    """The packages, each once and normalised, that uv missed wheels of."""
    found = [*_WHEELS_REQUIRED.findall(refusal), *_NO_WHEELS.findall(refusal)]
    return list(dict.fromkeys(str(canonicalize_name(one)) for one in found))


def withdrawn(refusal: str) -> set[str]:
    """As "name==version", releases that were withdrawn and that packages pin all the same."""
    told = " ".join(refusal.split())
    gone = {f"{name}=={version}" for name, version in _YANKED.findall(told)}
    return gone & set(_PINNED.findall(told))


def without_extras(remarks: str) -> set[tuple[str, str]]:
    """The packages of which uv chose releases without an extra that is wanted, and these extras,
    all normalised. uv only remarks upon it."""
    return {
        (str(canonicalize_name(name)), str(canonicalize_name(extra)))
        for name, extra in _NO_EXTRA.findall(remarks)
    }
