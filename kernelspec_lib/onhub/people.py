"""Whose machine this is: accounts, where their kernel specs lie, and writing with their rights."""

from __future__ import annotations

import glob
import os
import pwd
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

USERS_FOLDER = ".local/share/jupyter/kernels"
"""Below a home: where Jupyter looks for its user's own kernels."""
_HOMES = "/home"
_FIRST_PERSON = 1000
"""The least uid of a person, and not of a service; Debian and its like."""


def account(names: Sequence[str]) -> dict[str, Any] | None:
    """The first of *names* that this machine knows: name, uid, gid and home."""
    for name in names:
        try:
            return _told(pwd.getpwnam(name))
        except KeyError:
            continue
    return None


def _told(entry: pwd.struct_passwd) -> dict[str, Any]:
    return {
        "name": entry.pw_name,
        "uid": entry.pw_uid,
        "gid": entry.pw_gid,
        "home": entry.pw_dir,
    }


def places(pattern: str | None) -> list[tuple[str, dict[str, Any] | None]]:
    """Every folder of kernel specs on this machine, with the account whose it is.

    pattern: a path in which {login} may stand; None: below each home.
    """
    found: dict[str, dict[str, Any] | None] = {}
    if pattern is None:
        for home, owner in _homes():
            found.setdefault(os.path.join(home, USERS_FOLDER), owner)
    elif "{login}" not in pattern:
        found[pattern] = None
    else:
        parts = [re.escape(part) for part in pattern.split("{login}")]
        shape = re.compile(f"{parts[0]}([^/]+){'(?:[^/]+)'.join(parts[1:])}")
        for folder in sorted(glob.glob(pattern.replace("{login}", "*"))):
            login = shape.fullmatch(folder)
            found[folder] = account([login[1]]) if login else None
    return [(folder, owner) for folder, owner in found.items() if os.path.isdir(folder)]


def _homes() -> Iterator[tuple[str, dict[str, Any]]]:
    parents = {_HOMES}
    for entry in pwd.getpwall():
        if entry.pw_uid >= _FIRST_PERSON and entry.pw_dir.count("/") > 1:
            parents.add(os.path.dirname(entry.pw_dir))
        yield entry.pw_dir, _told(entry)
    # A directory service need not tell all its users, but their homes stand beside the others.
    for home in (one for parent in sorted(parents) for one in sorted(glob.glob(f"{parent}/*"))):
        try:
            entry = pwd.getpwuid(os.lstat(home).st_uid)
        except (KeyError, OSError):
            continue
        if entry.pw_dir == home:
            yield home, _told(entry)


@contextmanager
def acting_as(owner: dict[str, Any] | None, path: str) -> Iterator[None]:
    """Root acts with the rights of *owner* where a part of *path* is theirs.

    They could have put a link there that leads root to another place; and what is in their folder
    is theirs to remove.
    """
    if owner is None or os.geteuid() != 0 or not _has_part_of(path, owner["uid"]):
        yield
        return
    groups, gid = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(owner["name"], owner["gid"]))
    os.setegid(owner["gid"])
    os.seteuid(owner["uid"])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def is_roots_place(path: str, owner: dict[str, Any] | None) -> bool:
    """Whether what is written to *path* now is root's, and no part of it the owner's."""
    return os.geteuid() == 0 and (owner is None or not _has_part_of(path, owner["uid"]))


def _has_part_of(path: str, uid: int) -> bool:
    if uid == 0:
        return False
    while path not in ("/", ""):
        with suppress(OSError):
            if os.lstat(path).st_uid == uid:
                return True
        path = os.path.dirname(path)
    return False


def make_work_dir(path: str, owner: dict[str, Any]) -> bool:
    """Whether *path* is there, made now below its owner's home if need be: docker makes it root's.

    A kernel whose work folder is missing does not start.
    """
    with acting_as(owner, path):
        inside = os.path.commonpath([path, owner["home"]]) == owner["home"]
        if inside and owner["home"] != "/" and os.geteuid() == owner["uid"]:
            with suppress(OSError):
                os.makedirs(path, mode=0o700, exist_ok=True)
    return os.path.isdir(path)
