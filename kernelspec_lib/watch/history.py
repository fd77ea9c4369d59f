"""Since when a kernel has been idle, as far as somebody looked.

A container does not tell when it last worked. So `top` and `reap` keep what they saw of each: how
much processor time it had spent, and when it last spent more than an idle kernel does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kernelspec_lib import atomic, keeping

IDLES = 0.01
"""Processors: an idle ipykernel takes a third of it for its heartbeat and its threads."""
_BEAT = 0.2
"""Seconds of processor time more, so that a single beat within a short look is no work."""
_STEP = 60.0
"""Seconds over which an idle kernel is looked at before the count starts anew."""
_VERSION = 1
_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What was seen of one container. Times are seconds since the epoch."""

    at: float
    """When *cpu* was read."""
    cpu: float
    """Seconds of processor time spent by then."""
    active: float
    """When it last worked; when it was first seen, if it has not since."""
    warned: float | None = None
    """When its user was told that it would be ended."""


def after(trace: Trace | None, cpu: float | None, now: float) -> Trace | None:
    """What is known once *cpu* was read at *now*; None: nothing is."""
    if cpu is None:
        return trace
    if trace is None or trace.at > now or cpu < trace.cpu:
        # The clock was set back, or this is another container: nothing is known of the past.
        return Trace(at=now, cpu=cpu, active=now)
    span = now - trace.at
    if cpu - trace.cpu > IDLES * span + _BEAT:
        return Trace(at=now, cpu=cpu, active=now)
    return replace(trace, at=now, cpu=cpu) if span >= _STEP else trace


def place(environment: Mapping[str, str]) -> Path | None:
    """The file that keeps it; None where the environment names no folder for such things."""
    home = keeping.home(environment)
    return Path(home, "watch.json") if home else None


def read(path: Path | None) -> dict[str, Trace]:
    """What is kept in *path*, by container; nothing where it cannot be read."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_MAX))
        if value["version"] != _VERSION:
            return {}
        return {str(key): _trace(one) for key, one in value["kernels"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def write(path: Path | None, traces: Mapping[str, Trace], known: Iterable[str] | None) -> None:
    """Keep *traces*, and what else is kept there of containers that are *known*; None: of all.

    A folder that cannot be written to is no reason to fail.
    """
    if path is None:
        return
    kept = {**read(path), **traces}
    alive = set(kept if known is None else known)
    kernels = {key: asdict(one) for key, one in kept.items() if key in alive}
    text = json.dumps({"version": _VERSION, "kernels": kernels})
    try:
        atomic.write(path, text.encode(), 0o600)
    except OSError:
        return


def _trace(value: Any) -> Trace:
    warned = value.get("warned")
    return Trace(
        at=float(value["at"]),
        cpu=float(value["cpu"]),
        active=float(value["active"]),
        warned=None if warned is None else float(warned),
    )
