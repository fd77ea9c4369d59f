"""The folders of a kernel: where it starts, and what is made for its owner."""

from __future__ import annotations

import contextlib
import os

from kernelspec_lib.launcher import trust
from kernelspec_lib.launcher.notes import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kernelspec_lib.launcher.connection import Connection
    from kernelspec_lib.launcher.terms import Folder

_MAX_NOTE = 8192


class AsOwner:
    """For a while, root is the owner: whatever is reached meanwhile, the owner may reach."""

    def __init__(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        self.uid, self.gid, self.groups = uid, gid, list(groups) or [gid]
        self._own: list[int] | None = None

    def __enter__(self) -> None:
        if os.geteuid() == 0 and self.uid != 0:
            self._own = os.getgroups()
            os.setgroups(self.groups)
            os.setegid(self.gid)
            os.seteuid(self.uid)

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(self._own)
            self._own = None


def make_work(path: str, owner: AsOwner) -> None:
    """Make the work folder, if it is absent, as its owner's. Raises Refused."""
    try:
        with owner:
            try:
                os.makedirs(path, exist_ok=True)
                return
            except PermissionError:
                if os.path.isdir(path):
                    return
        _make_for(path, owner)
    except OSError as error:
        raise Refused(
            f"The work folder {path} does not exist, and cannot be made: {error.strerror}. "
            "Please tell your administrator: without it, all that you write would be lost."
        ) from error


def _make_for(path: str, owner: AsOwner) -> None:
    """Make *path* in a folder of root's, where its owner may not; or see that it is there."""
    above, name = os.path.split(path.rstrip("/"))
    absent = False
    found = trust.roots_own(f"{above}/{name}")
    if os.geteuid() or found is None:
        raise PermissionError(1, f"{above} is not open to its owner")
    above, name = os.path.split(found)
    parent = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
            absent = True
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        if absent:
            os.fchown(made, owner.uid, owner.gid)
            os.fchmod(made, 0o755)
        os.close(made)
    finally:
        os.close(parent)


def leave_note(connection: Connection, owner: AsOwner, text: str) -> None:
    """Keep *text* for the next kernel with this connection file, whose first cell will say it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with owner, contextlib.suppress(OSError):
        file = os.open(_note(connection), flags, 0o600)
        os.write(file, text.encode())
        os.close(file)


def take_note(connection: Connection, owner: AsOwner) -> str:
    """What was kept, and is now forgotten; empty for nothing."""
    path = _note(connection)
    with owner, contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        os.unlink(path)
        text = os.read(file, _MAX_NOTE).decode(errors="replace")
        os.close(file)
        return text
    return ""


def _note(connection: Connection) -> str:
    folder = os.path.dirname(connection.path)
    return os.path.join(folder, f".kernelspec-{connection.digest}.note")


def inside(notebook: str, folders: Iterable[Folder]) -> str | None:
    """The folder *notebook* as the container sees it; None where none of *folders* holds it."""
    for folder in folders:
        for source in (folder.source.rstrip("/"), os.path.realpath(folder.source)):
            if notebook == source or notebook.startswith(f"{source}/"):
                return folder.target.rstrip("/") + notebook[len(source) :]
    return None
