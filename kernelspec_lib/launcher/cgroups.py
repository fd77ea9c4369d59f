"""One group of processes for each user, which holds all their kernels to the budget.

With Docker's driver cgroupfs the group is /kernelspec/LOGIN, and its limits are files of the
kernel, which root writes; with systemd it is kernelspec-LOGIN.slice, limited by drop-ins. Source:
admin-guide/cgroup-v1 and cgroup-v2.rst of the Linux kernel; systemd.resource-control(5).
"""

from __future__ import annotations

import contextlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = "/sys/fs/cgroup"
_PERIOD = 100_000
"""Microseconds: the kernel's own, within which a group may use its time."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.")


def parent(driver: str, login: str) -> str:
    """What Docker is told as the parent of the kernels of *login*."""
    return slice_of(login) if driver == "systemd" else f"/kernelspec/{login}"


def slice_of(login: str) -> str:
    """The user's slice: a hyphen in a login would be read as one more level."""
    escaped = "".join(one if one in _PLAIN else f"\\x{ord(one):02x}" for one in login)
    if escaped.startswith("."):
        escaped = f"\\x2e{escaped[1:]}"
    return f"kernelspec-{escaped}.slice"


def files(login: str, budget: Mapping[str, float], *, unified: bool) -> Iterator[tuple[str, str]]:
    """Paths below the root of all groups, in order, and what to write into them.

    budget: memory in bytes, cpus; what it lacks has no limit. unified: version 2.
    """
    memory, cpus = budget.get("memory"), budget.get("cpus")
    quota = None if cpus is None else max(int(cpus * _PERIOD), 1000)
    if unified:
        for above in ("", "kernelspec/"):
            yield f"{above}cgroup.subtree_control", "+memory +cpu +pids"
        group = f"kernelspec/{login}"
        yield f"{group}/memory.max", "max" if memory is None else f"{memory:.0f}"
        yield f"{group}/memory.swap.max", "max" if memory is None else "0"
        yield f"{group}/cpu.max", f"{'max' if quota is None else quota} {_PERIOD}"
        return
    size = "-1" if memory is None else f"{memory:.0f}"
    group = f"memory/kernelspec/{login}"
    # Memory with swap may never be below memory: one of the two comes first, as it was before.
    for name in ("limit_in_bytes", "memsw.limit_in_bytes", "limit_in_bytes"):
        yield f"{group}/memory.{name}", size
    group = f"cpu/kernelspec/{login}"
    yield f"{group}/cpu.cfs_period_us", str(_PERIOD)
    yield f"{group}/cpu.cfs_quota_us", "-1" if quota is None else str(quota)


def hold(login: str, budget: Mapping[str, float], root: str = ROOT) -> bool:
    """Write the limits of *login*, as root. False: the machine does not take all of them."""
    unified = is_unified(root)
    taken: dict[str, bool] = {}
    for name, text in files(login, budget, unified=unified):
        path = os.path.join(root, name)
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        taken[path] = _written(path, text)
    # Swap is not counted on every machine.
    return all(done for path, done in taken.items() if ".memsw." not in path and "swap" not in path)


def is_unified(root: str = ROOT) -> bool:
    """Whether the machine has version 2."""
    return os.path.exists(os.path.join(root, "cgroup.controllers"))


def strained(login: str, root: str = ROOT) -> int:
    """How often the kernels of *login* have come upon their memory limit together."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        if is_unified(root):
            with open(f"{root}/kernelspec/{login}/memory.events.local", encoding="ascii") as file:
                return int(dict(line.split() for line in file)["oom"])
        with open(f"{root}/memory/kernelspec/{login}/memory.failcnt", encoding="ascii") as file:
            return int(file.read())
    return 0


def _written(path: str, text: str) -> bool:
    try:
        with open(path, "r+", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return False  # Below what is in use, or not a part of this machine's kernel.
    return True
