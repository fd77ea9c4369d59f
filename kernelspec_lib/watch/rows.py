"""Who uses what: each kernel with its use, its limits, its age and its idle time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelspec_lib.kernels import orphan
from kernelspec_lib.launcher.notes import size
from kernelspec_lib.watch import history
from kernelspec_lib.watch.containers import Kernel
from kernelspec_lib.watch.history import Trace
from kernelspec_lib.watch.usage import Usage
from kernelspec_lib.wording import columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kernel, looked at."""

    kernel: Kernel
    usage: Usage
    cpus: float | None
    """Processors in use, between two looks; None: there was one look only."""
    age: float
    """Seconds."""
    idle: float | None
    """Seconds since it last worked, as far as anybody looked; None: it cannot be known."""
    orphan: str
    """Why nobody needs it any more; empty: somebody does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All kernels at one moment."""

    now: float
    """Seconds since the epoch."""
    kernels: tuple[Kernel, ...]
    usage: Mapping[str, Usage]
    """By container."""


def rows(look: Look, before: Look | None, traces: Mapping[str, Trace]) -> list[Row]:
    """A row for each kernel of *look*. before: an earlier look. traces: what is known by now."""
    commands = _Once()
    return [
        Row(
            kernel=one,
            usage=look.usage[one.id],
            cpus=_cpus(look, before, one.id),
            age=max(look.now - one.created, 0),
            idle=max(look.now - traces[one.id].active, 0)
            if one.runs and one.id in traces
            else None,
            orphan=orphan.reason(one.connection_file, one.parent, commands),
        )
        for one in look.kernels
    ]


class _Once:
    """The words of all processes, gathered when first asked for."""

    def __init__(self) -> None:
        self._found: Sequence[bytes] | None = None

    def __call__(self) -> Sequence[bytes]:
        if self._found is None:
            self._found = orphan.commands()
        return self._found


def seen(look: Look, known: Mapping[str, Trace]) -> dict[str, Trace]:
    """What is known of each kernel that runs, with *look*."""
    found = {}
    for one in look.kernels:
        trace = history.after(known.get(one.id), look.usage[one.id].cpu, look.now)
        if one.runs and trace is not None:
            found[one.id] = trace
    return found


def _cpus(look: Look, before: Look | None, container: str) -> float | None:
    now, then = look.usage[container].cpu, (before.usage if before else {}).get(container)
    if before is None or then is None or then.cpu is None or now is None or look.now <= before.now:
        return None
    return max(now - then.cpu, 0) / (look.now - before.now)


COLUMNS = ("USER", "KERNEL", "CPU", "MEMORY", "OF", "PIDS", "AGE", "IDLE", "CONTAINER")


def cells(row: Row) -> tuple[str, ...]:
    """*row* for people, below COLUMNS."""
    one = row.kernel
    return (
        one.login,
        one.kernel,
        "-" if row.cpus is None else f"{row.cpus * 100:.0f} %",
        "-" if row.usage.memory is None else size(row.usage.memory),
        "no limit" if one.memory_limit is None else size(one.memory_limit),
        "-" if row.usage.pids is None else str(row.usage.pids),
        span(row.age),
        "-" if row.idle is None else span(row.idle),
        one.id[:12] + _remark(row),
    )


def _remark(row: Row) -> str:
    if row.orphan:
        return f"  orphan: {row.orphan}"
    return "" if row.kernel.runs else f"  {row.kernel.state}"


def span(seconds: float) -> str:
    """*seconds* for people: the two largest units."""
    left = int(seconds)
    parts: list[str] = []
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= unit or (name == "s" and not parts):
            parts.append(f"{left // unit} {name}")
            left %= unit
        elif parts:
            break
    return " ".join(parts[:2])


def table(found: Iterable[Row]) -> list[str]:
    """The rows in columns, a header above them."""
    return columns([COLUMNS, *map(cells, found)])


def value(row: Row) -> dict[str, Any]:
    """*row* for programs."""
    one = row.kernel
    return {
        "user": one.login,
        "kernel": one.kernel,
        "container": one.id,
        "name": one.name,
        "image": one.image,
        "launcher": one.launcher,
        "state": one.state,
        "cpus": None if row.cpus is None else round(row.cpus, 4),
        "cpu_seconds": row.usage.cpu,
        "cpus_limit": one.cpus_limit,
        "memory": row.usage.memory,
        "memory_limit": one.memory_limit,
        "pids": row.usage.pids,
        "pids_limit": one.pids_limit,
        "age": round(row.age),
        "idle": None if row.idle is None else round(row.idle),
        "orphan": row.orphan or None,
    }
