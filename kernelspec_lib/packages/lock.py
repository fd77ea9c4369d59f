"""The lock: which releases, and which of their files by digest, the image is built from.

A file in pip's own format, so that `pip install --no-deps --require-hashes -r` installs it, old
pips included. It names no index: where packages come from is the site's to say, not the file's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from kernelspec_lib import atomic
from kernelspec_lib.errors import FileUnusable, UsageError, unusable
from kernelspec_lib.packages import target
from kernelspec_lib.policy import OwnImage
from kernelspec_lib.project import KernelProject, Lib, leads_out, read_bytes

if TYPE_CHECKING:  # a lock that is only read need not load what asks the index
    from kernelspec_lib.packages.problems import Problem

MAX_BYTES = 4 * 1024 * 1024

_HEAD = "# The lock of requirements.json, written by `kernelspec resolve`. Do not edit."
_PYTHON = "# python "
_FINGERPRINT = "# requirements sha256:"
_HASH = "    --hash="
_ASKED = "    # asked for: "
_SOURCE = "    # source only: its own code runs at docker build"

_PIN = re.compile(r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[A-Za-z0-9.!+]{1,100})")
_HEADER = re.compile(r"3\.[0-9]{1,2} [0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One package of an image."""

    name: str
    """Normalised as PEP 503 says."""
    version: str
    hashes: tuple[str, ...]
    """"sha256:…" of every file that the target may install."""
    asked_by: tuple[str, ...] = ()
    """The user's own line, as `pandas==2.2.3`; "via x" for a package that x needs."""
    source_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """All packages of an image."""

    python_version: str
    fingerprint: str
    """Of what the lock was made for: 64 hexadecimal digits."""
    packages: tuple[LockedPackage, ...]
    """By name."""
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    """What resolving found besides. Not part of the file."""
    download_size: int | None = field(default=None, compare=False)
    """Bytes that an installation brings here; None: the index does not tell. Not in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbled:
    """A file that stands where a lock should, and is none."""

    line: int
    """From 1."""
    reason: str


class _NotALock(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.garbled = Garbled(line=line, reason=reason)


def fingerprint(project: KernelProject, images: Sequence[OwnImage] = ()) -> str:
    """A digest of all in requirements.json that the lock depends on: 64 hexadecimal digits.

    The order of the libs, their spelling and the rest of the file do not matter.
    images: what the site says of its own base images.
    """
    aimed = target.of(project, images)
    libs = sorted(_normalised(project))
    depends = {"python": aimed.python_version, "platform": aimed.platform, "libs": libs}
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _normalised(project: KernelProject) -> list[str]:
    return [
        f"{lib.name}[{','.join(sorted(lib.requirement.extras))}]"
        f"{','.join(sorted(str(one) for one in lib.requirement.specifier))};"
        f"{lib.requirement.marker or ''}"
        for lib in project.libs
    ]


def answers(lock: Lock, project: KernelProject, images: Sequence[OwnImage] = ()) -> bool:
    """Whether *lock* was made for what *project* asks today."""
    return lock.fingerprint == fingerprint(project, images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """What *project* asks for today and did not when its lock was made."""

    python: bool
    """Whether it was another Python."""
    new: tuple[Lib, ...]
    """Lines that the lock does not know as they are."""
    gone: tuple[str, ...]
    """Lines that the lock was made for, and that stand there no longer."""


def stale(lock: Lock, project: KernelProject) -> Stale:
    """Why *lock* does not answer *project*. Nothing of it: the base image was another one.

    A line whose marker keeps it off the image is in no lock, and is not missed there.
    """
    known = {
        one.name: {text for text in one.asked_by if not text.startswith("via ")}
        for one in lock.packages
    }
    today: dict[str, set[str]] = {}
    for lib in project.libs:
        today.setdefault(lib.name, set()).add(str(lib.requirement))
    return Stale(
        python=lock.python_version != project.python_version,
        new=tuple(
            lib
            for lib in project.libs
            if not known.get(lib.name, set()) & today[lib.name]
            and (known.get(lib.name) or lib.requirement.marker is None)
        ),
        gone=tuple(
            text
            for name, texts in known.items()
            for text in sorted(texts)
            if not texts & today.get(name, set())
        ),
    )


def roots(lock: Lock, project: KernelProject) -> Mapping[str, tuple[Lib, ...]]:
    """The user's lines that each package is there for."""
    parents = {one.name: tuple(_parents(one)) for one in lock.packages}
    return lines_behind(parents, project.libs)


def lines_behind(
    parents: Mapping[str, Sequence[str]], libs: Sequence[Lib]
) -> Mapping[str, tuple[Lib, ...]]:
    """Those of *libs* that each package is there for. parents: by whom each is needed."""
    found = {}
    for name in parents:
        reached, waiting = {name}, [name]
        while waiting:
            for parent in parents.get(waiting.pop(), ()):
                if parent not in reached:
                    reached.add(parent)
                    waiting.append(parent)
        found[name] = tuple(lib for lib in libs if lib.name in reached)
    return found


def _parents(package: LockedPackage) -> Iterator[str]:
    for one in package.asked_by:
        if one.startswith("via "):
            yield one.removeprefix("via ")


def render(lock: Lock) -> str:
    """The text of *lock*. The same lock gives the same bytes, on every machine and day."""
    lines = [_HEAD, f"{_PYTHON}{lock.python_version}", f"{_FINGERPRINT}{lock.fingerprint}"]
    for package in sorted(lock.packages, key=lambda one: one.name):
        lines.append(f"{package.name}=={package.version} \\")
        lines.append(" \\\n".join(f"{_HASH}{digest}" for digest in sorted(package.hashes)))
        if package.asked_by:
            lines.append(f"{_ASKED}{' | '.join(package.asked_by)}")
        if package.source_only:
            lines.append(_SOURCE)
    return "\n".join(lines) + "\n"


def write(lock: Lock, path: Path) -> None:
    """Writes *lock* to *path*, whole or not at all. Raises FileUnusable."""
    with unusable(str(path), "write the lock"):
        atomic.write(path, render(lock).encode("ascii"))


def read(path: Path) -> Lock | Garbled | None:
    """The lock at *path*; None: there is no such file. Raises FileUnusable.

    Whatever the file holds: only what `render` writes is a lock, so no option gets in with it.
    """
    if leads_out(path):
        return Garbled(line=1, reason="it is a link that leads out of the kernel's folder")
    try:
        raw = read_bytes(str(path), MAX_BYTES + 1)
    except UsageError:
        return Garbled(line=1, reason="it is not a file")
    except FileUnusable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    if len(raw) > MAX_BYTES:
        return Garbled(line=1, reason="it is too large")
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Garbled(line=line, reason="it holds something that is not ASCII")
    return parse(text)


def parse(text: str) -> Lock | Garbled:
    """The lock in *text*. Only what `render` writes is one."""
    lines = text.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        # To pip a form feed and its like end a line too: a comment could go on with an option.
        if not line.isprintable():
            return Garbled(line=number, reason="it holds a control character")
    try:
        read = _parse(lines)
    except _NotALock as error:
        return error.garbled
    for number, (here, written) in enumerate(zip(lines, render(read).split("\n"), strict=False), 1):
        if here != written:
            return Garbled(
                line=number, reason="`kernelspec resolve` would have written it otherwise"
            )
    return read


def _parse(lines: list[str]) -> Lock:
    rest = list(enumerate(lines, start=1))
    _take(rest, _HEAD, "it does not begin as a lock does")
    python_version = _take(rest, _PYTHON, "it does not say its Python")
    digest = _take(rest, _FINGERPRINT, "it does not say what it was made for")
    if not _HEADER.fullmatch(f"{python_version} {digest}"):
        raise _NotALock(2, "its Python or its fingerprint is none")
    packages = []
    while rest and rest[0][1].strip():
        packages.append(_parse_package(rest))
    if any(line.strip() for _, line in rest):
        raise _NotALock(rest[0][0], "there is an empty line in it")
    if not packages:
        raise _NotALock(len(lines), "it names no package")
    return Lock(python_version=python_version, fingerprint=digest, packages=tuple(packages))


def _parse_package(rest: list[tuple[int, str]]) -> LockedPackage:
    number, line = rest.pop(0)
    pin = _PIN.fullmatch(line.removesuffix(" \\"))
    if pin is None or not line.endswith(" \\") or not _is_version(pin["version"]):
        raise _NotALock(number, "this line is no pinned package")
    hashes = []
    more = True
    while more:
        told = _take(rest, _HASH, "a digest is missing")
        more = told.endswith(" \\")
        hashes.append(told.removesuffix(" \\"))
        if not _DIGEST.fullmatch(hashes[-1]):
            raise _NotALock(number, "a digest of this package is no sha256")
    asked: tuple[str, ...] = ()
    if rest and rest[0][1].startswith(_ASKED):
        asked = tuple(rest.pop(0)[1].removeprefix(_ASKED).split(" | "))
    source_only = bool(rest) and rest[0][1] == _SOURCE
    if source_only:
        rest.pop(0)
    return LockedPackage(
        name=pin["name"],
        version=pin["version"],
        hashes=tuple(hashes),
        asked_by=asked,
        source_only=source_only,
    )


def _take(rest: list[tuple[int, str]], beginning: str, otherwise: str) -> str:
    """What follows *beginning* in the next line."""
    if not rest or not rest[0][1].startswith(beginning):
        raise _NotALock(rest[0][0] if rest else 1, otherwise)
    return rest.pop(0)[1].removeprefix(beginning)


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except (InvalidVersion, ValueError):
        return False
    return True
