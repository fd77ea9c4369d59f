"""One folder of kernel specs: each kernel a link to one of its versions, switched by a rename.

    churn -> .kernelspec/churn/8        what Jupyter lists
    .kernelspec/churn/8/                kernel.json, logos, and `.before`, which says "7"
    .kernelspec/churn/7/                what `rollback` goes back to
    .kernelspec/lock                    held by who changes something

What else lies in .kernelspec is a leftover of a run that was killed, and goes with the next one.
Jupyter does not list .kernelspec, since there is no kernel.json in it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from kernelspec_lib.onhub import files
from kernelspec_lib.onhub.files import KERNEL_JSON, Refused

HIDDEN = ".kernelspec"
MADE_BY = "kernelspec"
"""The key of metadata in kernel.json by which this library knows its own."""

_BEFORE = ".before"
_LOCK = "lock"
_LOCK_SECONDS = 120.0
_LOCK_PAUSE = 0.05


def made(folder: str) -> dict[str, Any] | None:
    """What this library wrote of itself into the kernel spec in *folder*; None: others made it."""
    try:
        found = json.loads(files.read(os.path.join(folder, KERNEL_JSON)))
        own = found["metadata"][MADE_BY]
        return own if isinstance(own["owner"], str) and isinstance(own["kernel"], str) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def listed(folder: str) -> list[str]:
    """The names of the kernels in *folder*, whoever made them."""
    inside = [name for name in files.names(folder) if name != HIDDEN]
    return [one for one in inside if os.path.isfile(os.path.join(folder, one, KERNEL_JSON))]


def is_own_link(path: str) -> bool:
    """Whether *path* is a kernel that was put there by `install`."""
    try:
        target = os.readlink(path)
    except OSError:
        return False
    return target.startswith(f"{HIDDEN}/{os.path.basename(path)}/")


def refuse_foreign(path: str, kernel: str, owner: str) -> None:
    """Raises Refused where something else than the kernel *kernel* of *owner* stands at *path*."""
    if not os.path.lexists(path):
        return
    linked = os.path.islink(path)
    own = made(path)
    if linked and not is_own_link(path):
        ours = False
    elif own is not None:
        ours = (own["owner"], own["kernel"]) == (owner, kernel)
    else:
        # A link of ours whose version somebody has removed, or an empty folder.
        ours = not os.path.exists(path) if linked else _is_empty(path)
    if not ours:
        raise Refused(
            f"{path} exists, and is not the kernel {kernel} of {owner}; it is left as it is",
            usage=True,
        )


def _is_empty(path: str) -> bool:
    return os.path.isdir(path) and os.access(path, os.R_OK) and not files.names(path)


class Folder:
    """A folder of kernel specs, such as ~/.local/share/jupyter/kernels.

    acting: enters the rights in which its files are written.
    """

    def __init__(self, path: str, acting: Callable[[], AbstractContextManager[None]]) -> None:
        self.path, self.acting = path, acting
        self.hidden = os.path.join(path, HIDDEN)

    @contextmanager
    def locked(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Nobody else changes anything here meanwhile. Raises Refused after *seconds*."""
        before = os.umask(0o022)
        try:
            with self._errors(), self.acting():
                os.makedirs(self.hidden, exist_ok=True)
                handle = os.open(os.path.join(self.hidden, _LOCK), os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _wait_for(handle, self.hidden, seconds)
                with self._errors():
                    yield
            finally:
                os.close(handle)
        finally:
            os.umask(before)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise Refused(f"cannot write {error.filename or self.path}: {reason}") from error

    def version(self, kernel: str) -> str | None:
        """The version of *kernel* that is live; None where `install` has put none there."""
        path = os.path.join(self.path, kernel)
        return os.readlink(path).split("/")[2] if is_own_link(path) else None

    def before(self, kernel: str) -> str | None:
        """The version that the live one of *kernel* has replaced, if it is still there."""
        live = self.version(kernel)
        if live is None:
            return None
        try:
            name = files.read(os.path.join(self.hidden, kernel, live, _BEFORE)).decode()
        except (OSError, ValueError):
            return None
        whole = os.path.isfile(os.path.join(self.hidden, kernel, name, KERNEL_JSON))
        return name if whole and name == os.path.basename(name) and name != live else None

    def path_before(self, kernel: str) -> str | None:
        """The folder that `rollback` goes back to."""
        name = self.before(kernel)
        return os.path.join(self.hidden, kernel, name) if name else None

    def put(self, kernel: str, content: Mapping[str, bytes], owner: str) -> bool:
        """Make *content* the kernel *kernel* of *owner*, in one step; False: it is so already.

        To be called while it is locked. Raises Refused, and OSError; then nothing has changed.
        """
        with self.acting():
            refuse_foreign(os.path.join(self.path, kernel), kernel, owner)
            self.sweep()
            path = os.path.join(self.path, kernel)
            if is_own_link(path) and _content(path) == content:
                return False
            inside = os.path.join(self.hidden, kernel)
            os.makedirs(inside, exist_ok=True)
            numbers = [int(name) for name in files.names(inside) if name.isdecimal()]
            number = str(max(numbers, default=0) + 1)
            link = f"{number}.link"
            # A folder that is no link of ours ends where our link was.
            before = self.version(kernel) or link
            try:
                staged = os.path.join(inside, number)
                files.write_folder(staged, {**content, _BEFORE: before.encode()})
                os.symlink(f"{HIDDEN}/{kernel}/{number}", os.path.join(inside, link))
                files.switch(os.path.join(inside, link), path)
                files.sync(self.path)
            finally:
                self.sweep()
            return True

    def roll_back(self, kernel: str, owner: str) -> None:
        """Make the version before the live one of *kernel* live again: a rollback can be undone.

        To be called while it is locked. Raises Refused where there is none.
        """
        with self.acting():
            refuse_foreign(os.path.join(self.path, kernel), kernel, owner)
            before = self.path_before(kernel)
            if before is None:
                raise Refused(f"there is no kernel before this one at {self.path}/{kernel}")
            refuse_foreign(before, kernel, owner)
            content = _content(before)
        self.put(kernel, content, owner)

    def remove(self, kernel: str, owner: str) -> None:
        """Remove *kernel* of *owner*, and what it could be rolled back to.

        To be called while it is locked. Raises Refused where somebody else's stands there.
        """
        path = os.path.join(self.path, kernel)
        with self.acting():
            refuse_foreign(os.path.join(self.path, kernel), kernel, owner)
            if os.path.islink(path):
                os.unlink(path)
            elif os.path.isdir(path):
                os.makedirs(os.path.join(self.hidden, kernel), exist_ok=True)
                os.rename(path, os.path.join(self.hidden, kernel, "removed"))
            self.sweep()

    def sweep(self) -> None:
        """Remove all that no kernel here needs: the rests of runs that were killed."""
        for kernel in files.names(self.hidden):
            inside = os.path.join(self.hidden, kernel)
            if not os.path.isdir(inside) or os.path.islink(inside):
                continue
            kept = {self.version(kernel), self.before(kernel)} - {None}
            for name in files.names(inside):
                if name not in kept:
                    files.remove(os.path.join(inside, name))
            if not kept:
                files.remove(inside)


def _content(folder: str) -> dict[str, bytes]:
    """The files of a kernel spec by name, without what only this module knows."""
    found = {}
    for name in files.names(folder):
        path = os.path.join(folder, name)
        if name != _BEFORE and os.path.isfile(path) and not os.path.islink(path):
            found[name] = files.read(path)
    return found


def _wait_for(handle: int, hidden: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise Refused(f"cannot lock {hidden}: {error.strerror}") from error
        if time.monotonic() > deadline:
            raise Refused(
                f"another deployment has held {hidden}/{_LOCK} for {seconds:.0f} seconds; nothing "
                "was changed: try again later"
            )
        time.sleep(_LOCK_PAUSE)
