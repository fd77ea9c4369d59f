"""What a container uses at this moment, read where the machine's kernel keeps the account.

Source: admin-guide/cgroup-v1 and cgroup-v2.rst of the Linux kernel; proc(5) for /proc/PID/cgroup.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Of one container. None: the machine does not tell us."""

    cpu: float | None = None
    """Seconds of processor time since it started."""
    memory: int | None = None
    """Bytes, without what the kernel would give up at once: files that were read long ago."""
    pids: int | None = None


def of(pid: int, proc: Path = PROC, root: Path = ROOT) -> Usage:
    """What the container uses whose first process is *pid*. proc, root: where those are mounted."""
    groups = _groups(proc / str(pid) / "cgroup")
    if not pid or not groups:
        return Usage()
    if (root / "cgroup.controllers").exists():
        return _unified(root / groups.get("", "").lstrip("/"))
    at = {name: root / name / path.lstrip("/") for name, path in groups.items()}
    nothing = Path("/nonexistent")
    spent = _number(at.get("cpuacct", nothing) / "cpuacct.usage")
    memory = at.get("memory", nothing)
    return Usage(
        cpu=None if spent is None else spent / 10**9,
        memory=_memory(memory / "memory.usage_in_bytes", memory, "total_inactive_file"),
        pids=_number(at.get("pids", nothing) / "pids.current"),
    )


def _unified(group: Path) -> Usage:
    spent = _table(group / "cpu.stat").get("usage_usec")
    return Usage(
        cpu=None if spent is None else spent / 10**6,
        memory=_memory(group / "memory.current", group, "inactive_file"),
        pids=_number(group / "pids.current"),
    )


def _memory(used: Path, group: Path, spare: str) -> int | None:
    count = _number(used)
    if count is None:
        return None
    return max(count - _table(group / "memory.stat").get(spare, 0), 0)


def _groups(path: Path) -> dict[str, str]:
    """The group of a process by each controller; by the empty name in version 2."""
    found = {}
    for line in _text(path).splitlines():
        _, _, rest = line.partition(":")
        names, _, group = rest.partition(":")
        for name in names.split(","):
            found[name] = group
    return found


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""  # It has ended, or is not ours to see.
