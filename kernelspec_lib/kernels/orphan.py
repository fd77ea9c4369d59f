"""Whether anything still holds a container, as this machine's processes and files tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path


def reason(connection_file: str, parent: str, commands: Callable[[], Sequence[bytes]]) -> str:
    """Why nobody needs a container any more; empty: somebody does.

    parent: the process that it ends with, as PID:STARTTICKS; empty where a plain `docker run`
    started it. commands: of all processes, asked for in that case alone.
    """
    if connection_file and is_gone(connection_file):
        return "its connection file is gone"
    pid, _, ticks = parent.partition(":")
    if pid:
        held = pid.isdecimal() and ticks.isdecimal() and started(int(pid)) == int(ticks)
        return "" if held else "the server that started it is gone"
    wanted = connection_file.encode()
    if any(wanted in words for words in commands()):
        return ""
    return "the docker run that started it is gone"


def is_gone(path: str) -> bool:
    """Whether there is surely no *path*: one that cannot be looked at may well be there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def processes() -> list[int]:
    """The pid of each process."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def commands() -> list[bytes]:
    """The words of each process, as `command` has them."""
    return [command(pid) for pid in processes()]


def command(pid: int) -> bytes:
    """The words of process *pid*, each with a zero byte behind it; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def started(pid: int) -> int:
    """When process *pid* started, in clock ticks; -1 where there is none. Source: proc(5)."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return -1
