"""What a release needs, and how far that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from threading import Lock

from packaging.requirements import InvalidRequirement, Requirement

_PARSING = Lock()


class Trust(StrEnum):
    """How far what a release needs is known."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    """From what setup.py left in the archive on its author's machine."""
    UNKNOWN = "unknown"
    """There is nothing in it that could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What one release needs."""

    requires: tuple[str, ...] = ()
    """PEP 508; one whose version cannot be read is without it."""
    unreadable: tuple[str, ...] = ()
    """What it says that it needs, in words that are no requirement."""
    extras: tuple[str, ...] = ()
    requires_python: str = ""
    trust: Trust = Trust.UNKNOWN


NOTHING = Metadata()


@lru_cache(maxsize=2048)
def parsed(text: str) -> Requirement | None:
    """The requirement in *text*; None: it is none. Many kernels have the same ones."""
    try:
        # CPython up to 3.11 counts the depth of what threads parse together (gh-106905), and breaks
        # off with a SystemError.
        with _PARSING:
            return Requirement(text)
    except (InvalidRequirement, RecursionError, ValueError):
        return None
