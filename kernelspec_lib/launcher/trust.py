"""Which files are root's alone, and what of a caller of sudo may be believed."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import stat

from kernelspec_lib.launcher.notes import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_LINKS = 40
_MAX_FILE = 4 * 1024 * 1024
_OPEN = stat.S_IWGRP | stat.S_IWOTH


def roots_own(path: str) -> str | None:
    """*path* with its links followed, if nobody but root can make it mean something else.

    Each folder on the way, and each link, is root's and closed to others' writing; where all may
    write, and only owners take away (/tmp), what is root's stays. The last part may be anybody's.
    """
    at, left, links = "/", path.split("/")[::-1], 0
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == ".." or not _closed(at):
            return None
        below = os.path.join(at, part)
        try:
            kind = os.lstat(below)
        except OSError:
            return os.path.join(below, *left[::-1]) if not left else None
        if stat.S_ISLNK(kind.st_mode):
            links += 1
            target = os.readlink(below)
            if kind.st_uid or links > _MAX_LINKS:
                return None
            left += target.split("/")[::-1]
            at = "/" if target.startswith("/") else at
            continue
        if kind.st_uid and _sticky(at):
            return None
        at = below
    return at


def roots_file(path: str, what: str) -> bytes:
    """The text of a file that nobody but root can change. Raises Refused; *what* is for that."""
    found = roots_own(path)
    try:
        file = os.open(found or path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"{what} {path} cannot be read: {error.strerror}. {_TELL}") from error
    try:
        kind = os.fstat(file)
        if not found or not stat.S_ISREG(kind.st_mode) or kind.st_uid or kind.st_mode & _OPEN:
            raise Refused(
                f"{what} {path} is not a file that only root can change, so nothing is started "
                f"from it as root. {_TELL}"
            )
        return os.read(file, _MAX_FILE)
    finally:
        os.close(file)


def caller(environment: Mapping[str, str]) -> pwd.struct_passwd:
    """Who called sudo. Raises Refused."""
    named = environment.get("SUDO_UID", "")
    try:
        if not named.isdecimal():
            raise KeyError(named)
        return pwd.getpwuid(int(named))
    except (KeyError, OverflowError) as error:
        raise Refused(f"sudo names no user of this machine: SUDO_UID is {named!a}.") from error


def shed() -> None:
    """Put off what a caller could have handed on: variables, limits, mask of permissions."""
    os.environ.clear()
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    os.umask(0o022)
    infinite = resource.RLIM_INFINITY
    wanted = dict.fromkeys(("AS", "CPU", "DATA", "FSIZE", "NPROC"), (infinite, infinite))
    for name, limits in {**wanted, "NOFILE": (1024, 1024), "CORE": (0, 0)}.items():
        with contextlib.suppress(OSError, ValueError):  # Root of a container may not raise them.
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), limits)


def server_of(uid: int) -> int:
    """The nearest process above that is *uid*'s: sudo stands between. Raises Refused."""
    pid = os.getppid()
    for _ in range(4):
        status = _status(pid)
        # By all four: sudo itself has the caller's real uid.
        if status.get("Uid", "").split() == [str(uid)] * 4:
            return pid
        pid = int(status.get("PPid", "0"))
    raise Refused("The notebook server that asked for this kernel is gone.")


def _status(pid: int) -> dict[str, str]:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return {name: text.strip() for name, _, text in (line.partition(":") for line in file)}
    except OSError:
        return {}


def _closed(folder: str) -> bool:
    kind = os.lstat(folder)
    return not kind.st_uid and (not kind.st_mode & _OPEN or bool(kind.st_mode & stat.S_ISVTX))


def _sticky(folder: str) -> bool:
    return bool(os.lstat(folder).st_mode & stat.S_ISVTX)


_TELL = "Please tell your administrator."
