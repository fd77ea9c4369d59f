"""What one look of `doctor` found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kernelspec_lib.errors import KernelspecError

State = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One part of the machine, and how it is."""

    name: str
    state: State
    """`fail`: something does not work. `skip`: there is nothing to see, or it cannot be seen."""
    said: str
    remedy: str = ""


def guarded(name: str, check: Callable[[], Verdict]) -> Verdict:
    """The verdict of *check*; that it cannot be looked at is a verdict as well."""
    try:
        return check()
    except KernelspecError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return Verdict(name=name, state="fail", said="; ".join(lines))


def text(found: Iterable[Verdict]) -> list[str]:
    """A line for each, its remedy below."""
    lines = []
    for one in found:
        lines.append(f"{one.state:<5} {one.name:<10} {one.said}")
        if one.remedy:
            lines.append(f"{'':<16} -> {one.remedy}")
    return lines


def value(found: Iterable[Verdict]) -> dict[str, Any]:
    """The same for programs."""
    checks = [
        {"name": one.name, "verdict": one.state, "message": one.said, "remedy": one.remedy}
        for one in found
    ]
    return {"version": 1, "checks": checks}


def few(names: Iterable[str], most: int = 5) -> str:
    """*names* in a sentence; of many the first ones."""
    found = sorted(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
