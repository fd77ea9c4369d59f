"""What the releases of a lock need of each other, looked at once more: as `pip check` will.

uv resolved with what it read of each release, which lies in its cache, and with what it was told
of those that may be built. Nothing is asked of the index for this. Where uv keeps it otherwise,
its word is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages.locking import Chosen
from kernelspec_lib.packages.metadata import Trust
from kernelspec_lib.packages.problems import Conflict
from kernelspec_lib.packages.solving import Solver

_MAX_BYTES = 4 * 1024 * 1024
_SUFFIX = ".msgpack"
_OF_EXTRA = re.compile(r";(?!.*\bor\b).*\bextra\s*==")


def unmet(packages: Sequence[Chosen], solver: Solver) -> Iterator[Conflict]:
    """What one of *packages* needs, and none of them is."""
    pins = {one.pin.name: one for one in packages}
    folders = _folders(solver.cache)
    needs = {name: _needs(one, solver, folders) for name, one in pins.items()}
    extras = {name: {"", *solver.extras.get(name, ())} for name in pins}
    for name in _settled(needs, extras, solver):
        for need in _counted(needs[name], extras[name], solver):
            got = pins.get(str(canonicalize_name(need.name)))
            if got is None or not need.specifier.contains(got.version, prereleases=True):
                yield _conflict(pins[name], need, got)


def _settled(
    needs: Mapping[str, Sequence[str]],
    extras: Mapping[str, set[str]],
    solver: Solver,
) -> list[str]:
    """The names in *needs*, once *extras* hold what the packages want of each other besides."""
    waiting = list(needs)
    while waiting:
        name = waiting.pop()
        for need in _counted(needs[name], extras[name], solver):
            other = str(canonicalize_name(need.name))
            if other in extras and not need.extras <= extras[other]:
                extras[other] |= need.extras
                waiting.append(other)
    return list(needs)


def _counted(needs: Sequence[str], extras: set[str], solver: Solver) -> Iterator[Requirement]:
    """Those of *needs* that hold on the target, with one of *extras*."""
    seen = [{**solver.target.marker_environment, "extra": one} for one in sorted(extras)]
    for text in needs:
        # Most are for extras that nobody wants, and reading them takes longer than all else.
        if len(extras) == 1 and _OF_EXTRA.search(text):
            continue
        need = _parsed(text)
        if need is None or need.url is not None:
            continue
        if need.marker is None or any(map(need.marker.evaluate, seen)):
            yield need


@lru_cache(maxsize=2048)
def _parsed(text: str) -> Requirement | None:
    """None: it is no requirement. Many kernels have the same ones."""
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError):
        return None


def _needs(one: Chosen, solver: Solver, folders: Sequence[Path]) -> Sequence[str]:
    known = solver.learnt.get(one.pin.name, {}).get(one.version)
    if known is not None:
        return known.requires if known.trust is not Trust.UNKNOWN else ()
    return _read_by_uv(one, folders)


def _folders(cache: Path | None) -> Sequence[Path]:
    """Where uv keeps what it read of wheels: a folder for each index."""
    if cache is None:
        return ()
    return [*cache.glob("wheels-v*/index/*"), *cache.glob("wheels-v*/*")]


def _read_by_uv(one: Chosen, folders: Sequence[Path]) -> Sequence[str]:
    """The requirements that uv read of one of the wheels; none where it kept nothing of them."""
    own = [file.url.encode() for file in one.page.of(one.version) if file.tags is not None]
    name, start = one.pin.name, f"{one.pin.version}-"
    for folder in folders:
        with suppress(OSError, ValueError, msgspec.MsgspecError), os.scandir(folder / name) as kept:
            for entry in kept:
                named = entry.name.startswith(start) and entry.name.endswith(_SUFFIX)
                if named and entry.stat().st_size <= _MAX_BYTES:
                    raw = Path(entry.path).read_bytes()
                    # The cache is of several indexes: counted is what came from this very file.
                    if any(url in raw for url in own):
                        return _requirements(raw, name, one.version)
    return ()


def _requirements(raw: bytes, name: str, version: Version) -> Sequence[str]:
    """What is written in a file of uv's cache: metadata, how it was fetched, and its own length.

    Raises ValueError and MsgspecError where it is something else.
    """
    told: Any = msgspec.msgpack.decode(raw[: int.from_bytes(raw[-8:], "little")])
    whose, which, requires = told[:3] if isinstance(told, list) else (None, None, None)
    if whose != name or not isinstance(which, str) or Version(which) != version:
        raise ValueError("it is of another release")
    if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
        raise ValueError("it is no list of requirements")
    return requires


def _conflict(one: Chosen, need: Requirement, got: Chosen | None) -> Conflict:
    libs = [*one.roots, *(got.roots if got is not None and got.own is None else ())]
    if got is not None and got.own is not None:
        libs.append(got.own)
    beside = f"and would get {got.pin.version}" if got else "and would get none"
    wanted = f"{need.name}{need.specifier}"
    return Conflict(
        libs=tuple(dict.fromkeys(libs)),
        explanation=f"{one.pin.name} {one.pin.version} needs {wanted}, {beside}",
    )
