"""What is to be removed, told or ended: planned first, then done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kernelspec_lib.kernels import orphan
from kernelspec_lib.launcher.ends import REAPED
from kernelspec_lib.launcher.engine import Engine, EngineDown, EngineRefused
from kernelspec_lib.launcher.watchdog import remove
from kernelspec_lib.policy import Idle
from kernelspec_lib.watch import asking
from kernelspec_lib.watch.asking import Answer, CannotAsk
from kernelspec_lib.watch.containers import EngineSilent, Kernel
from kernelspec_lib.watch.history import Trace
from kernelspec_lib.watch.rows import Row, span

_GRACE = 10.0
"""Seconds in which an idle kernel ends by itself."""
_PAUSE = 0.2

Deed = Literal["remove", "end", "warn", "spare"]
"""`remove` an orphan; `end` an idle kernel; `warn` its user; `spare` one that may be idle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to become of one container, and why."""

    kernel: Kernel
    deed: Deed
    why: str


def orphans(rows: Iterable[Row]) -> list[Step]:
    """The containers that nobody needs any more."""
    return [Step(kernel=row.kernel, deed="remove", why=row.orphan) for row in rows if row.orphan]


def idlers(
    rows: Iterable[Row],
    traces: Mapping[str, Trace],
    limit_of: Callable[[str], Idle | None],
    now: float,
    ask: Callable[[str], Answer] = asking.ask,
) -> tuple[list[Step], dict[str, Trace]]:
    """What becomes of kernels that were idle for long; and what is known of them by now.

    traces: what was known. limit_of: what the policy allows a login. now: seconds since the
    epoch. ask: asks the kernel of a connection file.
    """
    steps, learnt = [], {}
    for row in rows:
        trace, limit = traces.get(row.kernel.id), limit_of(row.kernel.login)
        if row.orphan or not row.kernel.runs or trace is None or limit is None:
            continue
        if now - trace.active < limit.after - limit.warn:
            continue
        step, learnt[row.kernel.id] = _judged(row.kernel, trace, limit, now, ask)
        if step is not None:
            steps.append(step)
    return steps, learnt


def _judged(
    kernel: Kernel, trace: Trace, limit: Idle, now: float, ask: Callable[[str], Answer]
) -> tuple[Step | None, Trace]:
    try:
        answer = ask(kernel.connection_file)
    except CannotAsk as error:
        why = f"whether it is idle cannot be asked: {error}"
        return Step(kernel=kernel, deed="spare", why=why), trace
    if answer.busy:
        # It may wait for a cluster or a database, and use no processor at all.
        why = "it does not answer, so a cell may be running"
        return Step(kernel=kernel, deed="spare", why=why), replace(trace, active=now, warned=None)
    last = now - answer.idle if answer.idle is not None else trace.active
    if last > trace.active:
        fresh = trace.warned if trace.warned is not None and last < trace.warned else None
        trace = replace(trace, active=last, warned=fresh)
    idle = now - trace.active
    if idle < limit.after - limit.warn:
        return None, trace
    why = f"idle for {span(idle)}"
    if trace.warned is None:
        return Step(kernel=kernel, deed="warn", why=why), trace
    if now - trace.warned >= limit.warn and idle >= limit.after:
        return Step(kernel=kernel, deed="end", why=why), trace
    return Step(kernel=kernel, deed="spare", why=f"{why}, and its user has been told"), trace


def carry_out(socket: str, step: Step, limit: Idle | None, now: float) -> str:
    """Do *step*; what was done, in words. Raises EngineSilent."""
    kernel, name = step.kernel, f"{step.kernel.kernel} of {step.kernel.login}"
    if step.deed == "warn" and limit is not None:
        shown = _warn(kernel, limit, now)
        return f"{name}: {step.why}; {shown}"
    if step.deed == "end":
        done = _end(socket, kernel)
        return f"{name}: {step.why}; {done}"
    if step.deed == "remove":
        if not orphan.reason(kernel.connection_file, kernel.parent, orphan.commands):
            return f"{name}: somebody holds it again, it stays"
        return f"{name}: {step.why}; {_removed(socket, kernel)}"
    return f"{name}: {step.why}; it stays"


def _warn(kernel: Kernel, limit: Idle, now: float) -> str:
    end = time.strftime("%H:%M", time.localtime(now + limit.warn))
    text = (
        "\nNote: no cell has run in this kernel for long. This site ends kernels that are idle for "
        f"{span(limit.after)}: this one at {end} or a little later, with all its variables. Run "
        "any cell to keep it; the files in the work folder are kept in any case.\n"
    )
    try:
        told = asking.tell(kernel.connection_file, text)
    except CannotAsk:
        told = False
    where = "its notebook says so" if told else "no notebook could be told"
    return f"it ends at {end} unless a cell runs; {where}"


def _end(socket: str, kernel: Kernel) -> str:
    if kernel.launcher == "direct":
        return f"{_removed(socket, kernel)}; Jupyter starts an empty one in its place"
    engine = Engine(socket)
    try:
        engine.ask("POST", f"/containers/{kernel.id}/kill?signal={REAPED.name}")
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            state = engine.ask("GET", f"/containers/{kernel.id}/json")["State"]
            if not state.get("Running"):
                return "ended"
            time.sleep(_PAUSE)
    except EngineRefused:
        return "ended"  # Its launcher has removed it.
    except EngineDown as error:
        raise EngineSilent(socket, str(error)) from error
    finally:
        engine.close()
    return _removed(socket, kernel)


def _removed(socket: str, kernel: Kernel) -> str:
    engine = Engine(socket)
    try:
        remove(engine, kernel.id)
    except EngineRefused as error:
        return f"the engine would not remove it: {error}"
    except EngineDown as error:
        raise EngineSilent(socket, str(error)) from error
    finally:
        engine.close()
    return "removed"


def planned(step: Step) -> str:
    """What `carry_out` would do, in words."""
    deed = {
        "remove": "would be removed",
        "end": "would be ended",
        "warn": "its user would be told",
        "spare": "stays",
    }[step.deed]
    one = step.kernel
    return f"{one.kernel} of {one.login} ({one.id[:12]}): {step.why}; {deed}"


def values(steps: Sequence[Step]) -> list[dict[str, str]]:
    """*steps* for programs."""
    return [
        {
            "user": one.kernel.login,
            "kernel": one.kernel.kernel,
            "container": one.kernel.id,
            "deed": one.deed,
            "why": one.why,
        }
        for one in steps
    ]
