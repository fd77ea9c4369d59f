"""What one user's kernels may have together, what they have, and what holds them to it.

The launcher checks a budget at each start. Between two starts the machine holds it, by one group
of processes for each user: see `kernelspec_lib.launcher.cgroups`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelspec_lib.kernels.container import KERNEL_LABEL, OWNER_LABEL
from kernelspec_lib.launcher import cgroups, terms
from kernelspec_lib.policy import Budget, Policy

SYSTEMD = Path("/etc/systemd/system")
DROP_IN = "50-kernelspec.conf"
_EVERY_USER = f"kernelspec-.slice.d/{DROP_IN}"
"""Limits each slice whose name begins so. Source: systemd.unit(5), drop-ins of a prefix."""
_MADE = "# Written by `kernelspec budget --write`, from the site policy.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One user's budget, and what of it is in use."""

    login: str
    kernels: tuple[str, ...]
    """Names of those that run."""
    memory: int | None
    """Bytes in use by all of them; None where the machine does not tell."""
    memory_limits: int
    """Bytes: the sum of their own limits."""
    cpus_limits: float
    budget: Mapping[str, float]
    """memory in bytes, cpus, kernels; each where the site bounds it."""


def of(policy: Policy, login: str | None) -> Mapping[str, float]:
    """The budget of *login*: that of all users, or the largest that one of their groups gives."""
    more = [_plain(group.per_user) for group in policy.groups_of(login)]
    return terms.widened(_plain(policy.per_user), more)


def maximum(policy: Policy, login: str) -> Mapping[str, float]:
    """The most that one kernel of *login* may have, in the same way."""
    more = [group.maximum_resources for group in policy.groups_of(login)]
    return terms.widened(policy.maximum_resources, more)


def room(policy: Policy, login: str, asked: Mapping[str, Any]) -> int | None:
    """How many kernels that ask for *asked* the user may have at once; None: any number."""
    budget, most = of(policy, login), maximum(policy, login)
    counts = [int(budget["kernels"])] if "kernels" in budget else []
    given = {**policy.default_resources, **asked}
    for name in {"memory", "cpus"} & set(given) & set(budget):
        one = min(terms.number(name, given[name]), most.get(name, math.inf), budget[name])
        counts.append(int(budget[name] // one))
    return min(counts, default=None)


def shares(policy: Policy, containers: Iterable[Any], root: Path) -> list[Share]:
    """Each user with a kernel, by login.

    containers: as `docker inspect` tells them. root: of all groups, such as /sys/fs/cgroup.
    """
    owned: dict[str, list[Any]] = {}
    for one in containers:
        if (login := one["Config"]["Labels"].get(OWNER_LABEL)) and one["State"]["Running"]:
            owned.setdefault(login, []).append(one)
    return [_share(policy, login, found, root) for login, found in sorted(owned.items())]


def _share(policy: Policy, login: str, containers: Sequence[Any], root: Path) -> Share:
    hosts = [one["HostConfig"] for one in containers]
    return Share(
        login=login,
        kernels=tuple(sorted(one["Config"]["Labels"].get(KERNEL_LABEL, "") for one in containers)),
        memory=_in_use(login, root),
        memory_limits=sum(host["Memory"] or 0 for host in hosts),
        cpus_limits=sum(host["NanoCpus"] or 0 for host in hosts) / 10**9,
        budget=of(policy, login),
    )


def _in_use(login: str, root: Path) -> int | None:
    slices = f"kernelspec.slice/{cgroups.slice_of(login)}"
    for name in (
        f"kernelspec/{login}/memory.current",
        f"{slices}/memory.current",
        f"memory/kernelspec/{login}/memory.usage_in_bytes",
        f"memory/{slices}/memory.usage_in_bytes",
    ):
        try:
            return int((root / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return None


def drop_ins(policy: Policy) -> dict[str, str]:
    """The drop-ins of systemd that hold *policy*, by their paths below /etc/systemd/system.

    One for every user's slice, and one more for each whom a group gives more.
    """
    found = {_EVERY_USER: _drop_in(of(policy, None))}
    for login in _members(policy):
        if (budget := of(policy, login)) != of(policy, None):
            found[f"{cgroups.slice_of(login)}.d/{DROP_IN}"] = _drop_in(budget)
    return found


def stale(folder: Path, wanted: Iterable[str]) -> Iterator[Path]:
    """Drop-ins below *folder* that were written for what the policy says no more."""
    kept = set(wanted)
    for path in sorted(folder.glob(f"kernelspec-*.slice.d/{DROP_IN}")):
        if str(path.relative_to(folder)) not in kept:
            yield path


def logins(policy: Policy, running: Iterable[Share]) -> list[str]:
    """Those whose groups of processes are to be limited where no drop-in can do it for all."""
    return sorted({*_members(policy), *(share.login for share in running)})


def to_json(found: Iterable[Share]) -> str:
    """Each user's use, for other programs."""
    users = [
        {
            "login": one.login,
            "kernels": list(one.kernels),
            "memory": one.memory,
            "memory_limits": one.memory_limits,
            "cpus_limits": one.cpus_limits,
            "budget": dict(one.budget),
        }
        for one in found
    ]
    return json.dumps({"version": 1, "users": users}, indent=2) + "\n"


def _members(policy: Policy) -> list[str]:
    return sorted({login for group in policy.groups for login in group.members})


def _plain(budget: Budget) -> dict[str, Any]:
    named = {"memory": budget.memory, "cpus": budget.cpus, "kernels": budget.kernels}
    return {key: value for key, value in named.items() if value is not None}


def _drop_in(budget: Mapping[str, float]) -> str:
    lines = [_MADE + "[Slice]"]
    if "memory" in budget:
        lines += [f"MemoryMax={budget['memory']:.0f}", "MemorySwapMax=0"]
    if "cpus" in budget:
        lines.append(f"CPUQuota={budget['cpus'] * 100:.0f}%")
    return "\n".join(lines) + "\n"
