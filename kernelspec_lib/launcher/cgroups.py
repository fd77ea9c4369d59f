"""One group of processes for each user, which holds all their kernels to the budget.

With Docker's driver cgroupfs the group is /kernelspec/LOGIN, and its limits are files of the
kernel, which root writes; with systemd it is kernelspec-LOGIN.slice, limited by drop-ins. Source:
admin-guide/cgroup-v1 and cgroup-v2.rst of the Linux kernel; systemd.resource-control(5).
"""

from __future__ import annotations

import contextlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = "/sys/fs/cgroup"
_PERIOD = 100_000
"""Microseconds: the kernel's own, within which a group may use its time."""
_LATELY = 10.0
"""Seconds from the moment at which a kernel was killed to that at which its end is seen."""
_NO_LIMIT = 2**62
"""Bytes: version 1 writes nearly 2^63 where there is none."""
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


def _written(path: str, text: str) -> bool:
    try:
        with open(path, "r+", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return False  # Below what is in use, or not a part of this machine's kernel.
    return True


def of(pid: int, proc: str = "/proc") -> str | None:
    """The group that counts the memory of the process *pid*; None: nothing tells."""
    with contextlib.suppress(OSError), open(f"{proc}/{pid}/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, group = line.rstrip("\n").split(":", 2)
            if "memory" in controllers.split(",") or not controllers:
                # The root of all is nobody's own, and what lies above it is out of sight.
                return None if group == "/" or ".." in group else group
    return None


class Strain:
    """Tells whether a group has come upon its memory limit: a kernel, or all of one user together.

    The machine then kills one of those in it, which need not be the one that asked for more.
    Docker says "out of memory" of each, and not whose limit it was; podman's monitor is often too
    late to see it, as the group is gone with the kernel.
    """

    def __init__(self, group: str | None, root: str = ROOT) -> None:
        """group: of a container that runs, or what Docker was told as its parent; None: nothing."""
        self.reads: list[int] = []
        self.urgent: list[int] = []
        """Descriptors to wait on, before `look`: for what can be read; for what is urgent."""
        self._at = float("-inf")
        self._then: float | None = None
        self._folder = self._limit = ""
        self._count = self._events = 0
        if group is None:
            return
        below = group.strip("/") if "/" in group else f"kernelspec.slice/{group}"
        unified = is_unified(root)
        self._folder = f"{root}/{below}" if unified else f"{root}/memory/{below}"
        self._limit = f"{self._folder}/memory.{'max' if unified else 'limit_in_bytes'}"
        with contextlib.suppress(OSError):
            if unified:
                self.urgent = [os.open(f"{self._folder}/memory.events.local", os.O_RDONLY)]
            else:
                self.reads = [self._event()]
        self._count = self._counted()

    def look(self) -> None:
        """Take notice of what has come."""
        if self.reads:
            with contextlib.suppress(BlockingIOError):
                self._events += os.eventfd_read(self.reads[0])
                # The end of the group is told as one, too.
                if self._events > 1 or os.path.exists(self._folder):
                    self._happened()
        elif (count := self._counted()) > self._count:
            self._count = count
            self._happened()

    def _happened(self) -> None:
        self._at = time.monotonic()
        self._then = self.limit()

    def lately(self) -> bool:
        """Whether it has happened a moment ago."""
        self.look()
        return time.monotonic() - self._at < _LATELY

    def surely(self) -> bool:
        """The same, where it was not told by what page cache can raise, too."""
        return bool(self.reads or self.urgent) and self.lately()

    def limit(self) -> float | None:
        """Bytes: what the group may have at this moment; where it is gone, what it had when it last
        came upon that. None where nothing tells, or where there is no limit.
        """
        try:
            with open(self._limit, encoding="ascii") as file:
                limit = int(file.read())
        except (OSError, ValueError):
            return self._then
        return float(limit) if limit < _NO_LIMIT else None

    def _event(self) -> int:
        """A descriptor that can be read each time it happens: version 1, as root."""
        event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            control = os.open(f"{self._folder}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
            try:
                with open(f"{self._folder}/cgroup.event_control", "w", encoding="ascii") as file:
                    file.write(f"{event} {control}")
            finally:
                os.close(control)
        except OSError:
            os.close(event)
            raise
        return event

    def _counted(self) -> int:
        with contextlib.suppress(OSError, ValueError, LookupError):
            if self.urgent:
                told = os.pread(self.urgent[0], 4096, 0).decode()
                return int(dict(line.split() for line in told.splitlines())["oom"])
            # Also counts what could be made room for, so it is for those alone who are not root.
            with open(f"{self._folder}/memory.failcnt", encoding="ascii") as file:
                return int(file.read())
        return 0
