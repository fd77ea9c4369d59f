"""Folders of files: written whole, switched in one step, read without trust."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress

KERNEL_JSON = "kernel.json"
MAX_FILE = 4 * 1024 * 1024
"""Bytes of one file of a kernel spec: whatever is larger is none."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


class Refused(Exception):
    """What was asked is not done.

    usage: whether the call is wrong; otherwise the world is.
    """

    def __init__(self, text: str, *, usage: bool = False) -> None:
        super().__init__(text)
        self.text, self.usage = text, usage


def write_folder(folder: str, files: Mapping[str, bytes]) -> None:
    """Make the new *folder* with *files* in it, readable for all, and safe on the disk."""
    os.mkdir(folder)
    for name, content in files.items():
        path = os.path.join(folder, name)
        with open(path, "xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
    os.chmod(folder, 0o755)  # noqa: S103 - every user's Jupyter reads it
    sync(folder)


def sync(folder: str) -> None:
    """What was renamed in *folder* is kept, should the machine stop now."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_folder(staged: str, folder: str) -> None:
    """Put the folder *staged* in the place of *folder*, which may be there or not.

    There is no moment at which *folder* is missing or is half of each. What stood there may be left
    at *staged*, for the caller to remove.
    """
    try:
        os.rename(staged, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        try:
            exchange(staged, folder)
        except OSError as refusal:
            if refusal.errno not in _CANNOT_EXCHANGE:
                raise
            _replace_files(staged, folder)


def _replace_files(staged: str, folder: str) -> None:
    """File by file, what Jupyter starts by last: NFS, for one, cannot exchange folders."""
    wanted = sorted(os.listdir(staged), key=lambda name: name == KERNEL_JSON)
    for name in wanted:
        os.replace(os.path.join(staged, name), os.path.join(folder, name))
    for name in set(os.listdir(folder)) - set(wanted):
        remove(os.path.join(folder, name))


def exchange(one: str, other: str) -> None:
    """Swap two paths in one step, whatever each of them is.

    Raises OSError; EINVAL or ENOSYS where the file system cannot. Source: renameat2(2).
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), one)
    paths = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    if call(*paths, ctypes.c_uint(_RENAME_EXCHANGE)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one)


def switch(link: str, target: str) -> None:
    """Put the symbolic link *link* in the place of *target*, in one step.

    A folder that stood there is afterwards at *link*. Raises Refused where the file system can only
    do it in two steps.
    """
    if os.path.islink(target) or not os.path.isdir(target):
        os.rename(link, target)
        return
    try:
        exchange(link, target)
    except OSError as error:
        if error.errno not in _CANNOT_EXCHANGE:
            raise
        raise Refused(
            f"{target} is a folder, which this file system cannot replace in one step; remove it "
            "first, with `kernelspec uninstall`"
        ) from error


def read(path: str) -> bytes:
    """What is in the plain file *path*. Raises OSError for anything else.

    Whoever owns the folder may have put a pipe there, on which a reader would wait for ever.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            raise OSError(errno.EINVAL, "is no file of a kernel spec", path)
        return file.read(MAX_FILE)


def names(folder: str) -> list[str]:
    """What is in *folder*, sorted; nothing for one that is not there or is closed."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def remove(path: str) -> None:
    """Remove *path*, whatever it is, as far as that can be done."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        os.unlink(path)
