"""The folders of a kernel: where it starts, and what is made for its owner."""

from __future__ import annotations

import contextlib
import os
import stat

from kernelspec_lib.launcher.refusal import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kernelspec_lib.launcher.call import Call
    from kernelspec_lib.launcher.terms import Folder

_MAX_NOTE = 8192


class AsOwner:
    """For a while, root is the owner: whatever is reached meanwhile, the owner may reach."""

    def __init__(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        self._uid, self._gid, self._groups = uid, gid, list(groups) or [gid]
        self._changes = os.geteuid() == 0 and uid != 0
        self._own: list[int] = []

    def __enter__(self) -> None:
        if self._changes:
            self._own = os.getgroups()
            os.setgroups(self._groups)
            os.setegid(self._gid)
            os.seteuid(self._uid)

    def __exit__(self, *_: object) -> None:
        if self._changes:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(self._own)


def make_work(path: str, owner: AsOwner, uid: int, gid: int) -> None:
    """Make the work folder, if it is absent, as its owner's. Raises Refused."""
    try:
        with owner:
            try:
                os.makedirs(path, exist_ok=True)
                return
            except PermissionError:
                if os.path.isdir(path):
                    return
        _make_for(path, uid, gid)
    except OSError as error:
        raise Refused(
            f"The work folder {path} does not exist, and cannot be made: {error.strerror}. "
            "Please tell your administrator: without it, all that you write would be lost."
        ) from error


def _make_for(path: str, uid: int, gid: int) -> None:
    """Make *path* in a folder of root's, where its owner may not; or see that it is there."""
    above, name = os.path.split(path.rstrip("/"))
    absent = False
    parent = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        kind = os.fstat(parent)
        if os.geteuid() or kind.st_uid or kind.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(1, f"{above} is not open to its owner")
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
            absent = True
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        if absent:
            os.fchown(made, uid, gid)
            os.fchmod(made, 0o755)
        os.close(made)
    finally:
        os.close(parent)


def leave_note(call: Call, text: str) -> None:
    """Keep *text* for the next kernel with this connection file, whose first cell will say it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with AsOwner(call.uid, call.gid, call.groups), contextlib.suppress(OSError):
        file = os.open(_note(call), flags, 0o600)
        os.write(file, text.encode())
        os.close(file)


def take_note(call: Call) -> str:
    """What was kept, and is now forgotten; empty for nothing."""
    path = _note(call)
    with AsOwner(call.uid, call.gid, call.groups), contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        os.unlink(path)
        text = os.read(file, _MAX_NOTE).decode(errors="replace")
        os.close(file)
        return text
    return ""


def _note(call: Call) -> str:
    folder = os.path.dirname(call.connection.path)
    return os.path.join(folder, f".kernelspec-{call.connection.digest}.note")


def inside(notebook: str, folders: Iterable[Folder]) -> str | None:
    """The folder *notebook* as the container sees it; None where none of *folders* holds it."""
    for folder in folders:
        for source in (folder.source.rstrip("/"), os.path.realpath(folder.source)):
            if notebook == source or notebook.startswith(f"{source}/"):
                return folder.target.rstrip("/") + notebook[len(source) :]
    return None
