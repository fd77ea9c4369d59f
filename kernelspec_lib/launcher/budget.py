"""What all kernels of one user may have together, at the moment of a launch."""

from __future__ import annotations

import os
import time

from kernelspec_lib.launcher import cgroups, notes
from kernelspec_lib.launcher.engine import Engine, EngineRefused
from kernelspec_lib.launcher.notes import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from kernelspec_lib.launcher.terms import Terms

_OVER = ("exited", "dead", "removing", "stopped")
"""The last one is podman's."""


def check(engine: Engine, terms: Terms, others: Sequence[Any]) -> None:
    """Raise Refused where this kernel does not fit beside *others*, the owner's containers.

    A kernel without a limit of its own counts for nothing here: the user's group holds it.
    """
    budget = terms.budget
    holders = [one for one in others if one.get("State") not in _OVER]
    if len(holders) + 1 > budget.get("kernels", len(holders) + 1):
        held = "; ".join(_named(one, "") for one in holders)
        raise Refused(
            f"You may have {_count(int(budget['kernels']))} at once on this site, and "
            f"{_verb(len(holders))}: {held}. {_REMEDY}"
        )
    limits = [_limits(engine, one) for one in holders] if {"memory", "cpus"} & set(budget) else []
    for name, told in (("memory", notes.size), ("cpus", _cpus)):
        mine = terms.limits.get(name, 0)
        spent = sum(one[name] for one in limits)
        if name in budget and mine + spent > budget[name]:
            held = "; ".join(
                _named(one, told(limit[name]))
                for one, limit in zip(holders, limits, strict=True)
                if limit[name]
            )
            raise Refused(
                f"Your kernels may have {told(budget[name])} together on this site; this one wants "
                f"{told(mine)}, and {_verb(len(holders))}: {held}. {_REMEDY}"
            )


def group(engine: Engine, login: str, terms: Terms) -> str | None:
    """The parent group of the container; None where no budget is to be held.

    Where this process is root and the driver is cgroupfs, the group's limits are written, too.
    """
    if not {"memory", "cpus"} & set(terms.budget):
        return None
    driver = str(engine.ask("GET", "/info").get("CgroupDriver", "cgroupfs"))
    if driver != "systemd" and os.geteuid() == 0:
        cgroups.hold(login, terms.budget)
    return cgroups.parent(driver, login)


_REMEDY = (
    "Shut one of them down (in JupyterLab: Running Terminals and Kernels), then restart this one."
)


def _limits(engine: Engine, container: Any) -> dict[str, float]:
    try:
        host = engine.ask("GET", f"/containers/{container['Id']}/json")["HostConfig"]
    except EngineRefused:
        return {"memory": 0, "cpus": 0}  # It has just ended.
    return {"memory": host.get("Memory") or 0, "cpus": (host.get("NanoCpus") or 0) / 10**9}


def _named(container: Any, what: str) -> str:
    begun = time.localtime(container["Created"])
    today = begun[:3] == time.localtime()[:3]
    since = time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", begun)
    kernel = container["Labels"].get("kernelspec.kernel", "a kernel")
    return f"{kernel} ({what}{', ' if what else ''}since {since})"


def _count(kernels: int) -> str:
    return "1 kernel" if kernels == 1 else f"{kernels} kernels"


def _verb(count: int) -> str:
    return "this one holds it" if count == 1 else "these hold it"


def _cpus(count: float) -> str:
    return f"{count:.4g} processors"
