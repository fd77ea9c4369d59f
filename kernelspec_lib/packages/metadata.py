"""What a release needs, and how far that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """PEP 508; those that cannot be read are left out."""
    extras: tuple[str, ...] = ()
    requires_python: str = ""
    trust: Trust = Trust.UNKNOWN


NOTHING = Metadata()
