"""What is kept from one run to the next, and a run that need not be made again.

`lint` over files whose pins it found good minutes ago would say the same: what it said is kept
with the state of all that it read, for as long as a verdict is good. This module is loaded before
everything else, so it stands on little.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256

from kernelspec_lib import __version__

FORMAT = 1
GOOD_FOR = 600.0
"""Seconds for which the state of the index is believed; as `packages.uv` tells uv."""
COMMANDS = ("lint", "resolve")
"""What asks the index."""
_FLAGS = ("-q", "--quiet")
_VALUED = ("--policy", "--index-url")
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = re.compile(r"PASS|TOKEN|SECRET|KEY|JWT|CREDENTIAL|AUTH", re.IGNORECASE)
_CHANGING = ("_", "SHLVL", "PWD", "OLDPWD")
"""Variables that differ from call to call, and say nothing to us."""
_MOST = 1024 * 1024
_RACE = 0.02
"""Seconds within which a file may change twice and look the same."""
_WRITTEN = "requirements.lock"
"""What a run writes itself."""
BEGUN = time.time()
"""When this program began, in seconds since the epoch."""


def home(environment: Mapping[str, str]) -> str:
    """The folder of all that is kept: $KERNELSPEC_CACHE, else a part of the user's cache folder.

    Empty where the environment names none.
    """
    if named := environment.get("KERNELSPEC_CACHE"):
        return named
    user = environment.get("HOME")
    usual = environment.get("XDG_CACHE_HOME") or (f"{user}/.cache" if user else "")
    return f"{usual}/kernelspec" if usual else ""


def told_again(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether what the command line *arguments* said a while ago still holds, and was printed."""
    path = _path(arguments, environment)
    if not path:
        return False
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes as long as all of this
            digest, _, raw = file.read(_MOST).partition(b"\n")
        if digest != sha256(raw).hexdigest().encode():
            raise ValueError
        run = json.loads(raw)
        holds = 0 <= time.time() - run["made"] <= GOOD_FOR and all(
            _state(watched) == state for watched, state in run["states"]
        )
        said = [(sys.stderr, str(run["err"])), (sys.stdout, str(run["out"]))]
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        _remove(path)
        return False
    if not holds:
        _remove(path)
        return False
    try:
        for stream, text in said:
            stream.write(text)
            stream.flush()
    except OSError:
        return False  # whoever looks at the files again tells it, too
    return True


def keep(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    read: Iterable[str],
    out: str,
    err: str,
) -> None:
    """Keeps that *arguments* said *out* and *err*, and blamed nobody for what the index says.

    read: every file, and every folder, that could have changed what was said. Where one of them
    changed meanwhile, or may have, nothing is kept.
    """
    path = _path(arguments, environment)
    if not path:
        return
    states = [(watched, _state(watched)) for watched in dict.fromkeys(read)]
    if any(_changed(state) > (BEGUN - _RACE) * 1e9 for _, state in states):
        return
    run = {"made": BEGUN, "states": states, "out": out, "err": err}
    raw = json.dumps(run).encode()
    staged = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(sha256(raw).hexdigest().encode() + b"\n" + raw)
        os.replace(staged, path)  # noqa: PTH105
    except OSError:
        _remove(staged)


def _path(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Where the run of *arguments* is kept; empty where it never is."""
    kept = home(environment)
    if not kept or not arguments or arguments[0] not in COMMANDS:
        return ""
    rest = iter(arguments[1:])
    for one in rest:
        if one in _VALUED:
            next(rest, None)
        elif one.startswith("-") and one not in _FLAGS:
            return ""  # what it prints, or what it reads, may be anything
    try:
        told = [
            FORMAT, __version__, sys.version, _code(), os.getcwd(), os.getuid(),  # noqa: PTH109
            [stream.isatty() for stream in (sys.stdout, sys.stderr)], _screen(),
            [_LOGIN.sub("", one) for one in arguments], _seen(environment),
        ]  # fmt: skip
    except (OSError, ValueError, AttributeError):
        return ""
    return f"{kept}/runs/{sha256(json.dumps(told).encode()).hexdigest()}"


def _seen(environment: Mapping[str, str]) -> list[list[str]]:
    """What a run may see of *environment*. Of a secret, that it is there: no digest of it."""
    return sorted(
        [name, "" if _SECRET.search(name) else _LOGIN.sub("", text)]
        for name, text in environment.items()
        if name not in _CHANGING
    )


@cache
def _code() -> list[object]:
    """The state of this program: somebody may be at work on it."""
    found: list[object] = []
    for folder, _, files in os.walk(os.path.dirname(__file__)):  # noqa: PTH120
        if not folder.endswith("__pycache__"):
            newest = max((os.stat(f"{folder}/{one}").st_mtime_ns for one in files), default=0)  # noqa: PTH116
            found.append([folder, len(files), newest])
    return found


def _screen() -> list[int]:
    try:
        return list(os.get_terminal_size(sys.stderr.fileno()))
    except (OSError, ValueError):
        return []


def _state(path: str) -> list[list[object]]:
    """What changes with the file *path*, or with what lies in that folder; empty: it is not there.

    Each line has a name, what it is, its size and when it changed, in nanoseconds.
    """
    try:
        told = os.stat(path)  # noqa: PTH116
        found = [["", told.st_mode, told.st_dev, told.st_ino]]
        with os.scandir(path) as entries:
            return found + sorted(
                _sign(one.name, one.stat(follow_symlinks=False)) for one in entries
            )
    except NotADirectoryError:
        return [_sign("", told)]
    except OSError:
        return []


def _sign(name: str, told: os.stat_result) -> list[object]:
    return [
        name, told.st_mode, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns,
        told.st_ctime_ns,
    ]  # fmt: skip


def _changed(state: list[list[object]]) -> float:
    """When anything in *state* changed last, but for what a run writes, in nanoseconds."""
    times = [time for name, *_, one, other in state if name != _WRITTEN for time in (one, other)]
    return max((float(str(time)) for time in times), default=0.0)


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return
