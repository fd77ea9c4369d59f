"""What a branch touched, as git tells it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelspec_lib.errors import CommandFailed, ToolMissing, UsageError
from kernelspec_lib.wording import shown

_OPTION = "--changed-since"
_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
"""What git tells its hooks of the folder that they begin in, which need not be the one meant."""


def touched(folder: Path, revision: str, environment: Mapping[str, str]) -> frozenset[Path]:
    """The files around *folder* that differ from where its branch left *revision*.

    Whole real paths; committed, not yet committed, and new files alike, and those that are gone.

    Raises UsageError where there is no repository, or no such revision in it, ToolMissing where
    there is no git, and CommandFailed where git broke.
    """
    if not revision or revision.startswith("-"):
        raise UsageError(f"{_OPTION} {shown(revision)} is no revision; name a branch or a commit")
    top = _top(folder, environment)
    base = _merge_base(top, revision, environment)
    plain = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-relative")
    named: set[Path] = set()
    for arguments in (
        ("diff", *plain, base, "HEAD", "--"),
        ("diff", *plain, "HEAD", "--"),
        ("ls-files", "-z", "--others", "--exclude-standard"),
    ):
        told = _told(arguments, _git(top, arguments, environment))
        named |= {top / os.fsdecode(path) for path in told.split(b"\0") if path}
    return frozenset(named)


def _top(folder: Path, environment: Mapping[str, str]) -> Path:
    arguments = ("rev-parse", "--show-toplevel")
    done = _git(folder, arguments, environment)
    if done.returncode != 0 and b"not a git repository" in done.stderr:
        raise UsageError(
            f"{shown(str(folder))} is in no git repository, so nothing is known of its branch; "
            f"leave out {_OPTION}"
        )
    return Path(os.fsdecode(_told(arguments, done).removesuffix(b"\n"))).resolve()


def _merge_base(top: Path, revision: str, environment: Mapping[str, str]) -> str:
    name = f"{revision}^{{commit}}"
    found = _git(top, ("rev-parse", "--verify", "--quiet", "--end-of-options", name), environment)
    if found.returncode != 0:
        raise UsageError(
            f"git knows no revision {shown(revision)} here; fetch it first, "
            "as in: git fetch origin main"
        )
    commit = found.stdout.decode("ascii").strip()
    based = _git(top, ("merge-base", commit, "HEAD"), environment)
    if based.returncode != 0:
        raise UsageError(
            f"what is checked out has no commit in common with {shown(revision)}; "
            "in a shallow clone fetch more of it first: git fetch --unshallow"
        )
    return based.stdout.decode("ascii").strip()


def _git(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    seen = {name: value for name, value in environment.items() if name not in _PLACES}
    # A repository's own settings may name a program to watch its files: none is started here.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        return subprocess.run(
            command,
            env=seen | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        purpose = "find out what a branch touched"
        raise ToolMissing("git", purpose, f"install it, or leave out {_OPTION}") from None


def _told(arguments: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> bytes:
    if done.returncode != 0:
        output = done.stderr.decode("utf-8", errors="replace").splitlines()[-5:]
        raise CommandFailed(f"git {arguments[0]}", done.returncode, output)
    return done.stdout
