"""Releases that pip refuses for what their wheels say they need.

`torch (>=1.8.*)` was a requirement once, and many a wheel of those days has the like. uv mends it
in silence, so neither its answer nor its cache shows it; pip takes no release with one since 24.1,
not even with --no-deps. So the wheels of those days are read as their authors left them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice

from packaging.version import Version

from kernelspec_lib.packages.index import Index
from kernelspec_lib.packages.metadata import Metadata
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import Malformed
from kernelspec_lib.packages.pylock import Pin
from kernelspec_lib.packages.target import Target
from kernelspec_lib.project import Lib

REFUSED_SINCE = datetime(2024, 7, 1, tzinfo=UTC)
"""pip 24.1 was out: whoever published such a wheel after that was told of it within a day."""
_OLDEST_MINOR = 8
"""Of Python 3: older ones have no pip that minds."""
_THREADS = 8
_AT_ONCE = 16
"""Releases that are read at once where one is refused: its neighbours were made like it."""


def get_ready() -> None:
    """Loads what reads wheels: best while uv is at work."""
    from kernelspec_lib.packages import sources  # noqa: F401


def among(
    pins: Iterable[Pin], said: Callable[[Pin], Metadata | None], index: Index, target: Target
) -> Mapping[str, str]:
    """By name, those of *pins* that pip of *target* refuses, with the requirement it cannot read.

    said: what uv has read of one. Raises IndexUnreachable.
    """
    doubted = [pin for pin in pins if _is_doubtful(pin, said(pin))] if minds(target) else []
    told = _read(index, [(pin.name, _best(pin.files, target)) for pin in doubted])
    return {pin.name: text for pin, text in zip(doubted, told, strict=True) if text}


def refused(
    lib: Lib | None, page: Page, version: Version, text: str, index: Index, target: Target
) -> Malformed:
    """That pip of *target* refuses *version* of *page*, that of *lib* if a line names it, because
    of *text*. As `among`."""
    sound = newest(page, index, target)
    remedy = sound if lib else None
    return Malformed(
        lib=lib, name=page.name, version=version, text=text, newest=sound, remedy=remedy
    )


def text_in(page: Page, version: Version, index: Index, target: Target) -> str:
    """What pip cannot read in *version* of *page*; empty: nothing. As `among`."""
    return next((text for _, text in _told(page, [version], index, target)), "")


def older(page: Page, than: Version, index: Index, target: Target) -> Iterator[Version]:
    """The next releases of *page* below *than* that pip of *target* refuses. As `among`."""
    below = (one for one in sorted(page.releases, reverse=True) if one < than)
    yield from (one for one, text in _told(page, below, index, target) if text)


def newest(page: Page, index: Index, target: Target) -> Version | None:
    """The newest final release of *page* that pip of *target* installs; None: there is none near.

    As `among`.
    """
    finals = (one for one in sorted(page.releases, reverse=True) if not one.is_prerelease)
    standing = (one for one in finals if any(file.yanked is None for file in page.of(one)))
    sound = (one for one, text in _told(page, standing, index, target) if not text)
    return next(sound, None)


def _told(
    page: Page, releases: Iterable[Version], index: Index, target: Target
) -> Iterator[tuple[Version, str]]:
    """The first of *releases* that have a wheel for *target*, and what pip cannot read in it."""
    wheels = ((one, [file for file in page.of(one) if file.installs(target)]) for one in releases)
    near = list(islice((one for one in wheels if one[1]), _AT_ONCE))
    told = _read(index, [(page.name, _best(files, target)) for _, files in near])
    yield from zip((version for version, _ in near), told, strict=True)


def minds(target: Target) -> bool:
    """Whether the newest pip for *target* refuses what it cannot read."""
    return int(target.python_version.partition(".")[2]) >= _OLDEST_MINOR


def _is_doubtful(pin: Pin, said: Metadata | None) -> bool:
    """Whether *pin* may be refused. uv never mends a version away: without one, nothing was."""
    if said and said.unreadable:
        return bool(pin.files)
    if not pin.files or (pin.uploaded is not None and pin.uploaded >= REFUSED_SINCE):
        return False
    named = (text.partition(";")[0] for text in said.requires) if said else ()
    return said is None or any(sign in text for text in named for sign in "<>=!~")


def _best(files: Sequence[File], target: Target) -> File:
    """The one of *files* that pip takes."""
    ranks = {file: file.rank(target) for file in files}
    return min(files, key=lambda file: (ranks[file] is None, ranks[file] or 0))


def _read(index: Index, wheels: Sequence[tuple[str, File]]) -> list[str]:
    if not wheels:
        return []
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        return list(threads.map(lambda one: _unreadable(index, *one), wheels))


@lru_cache(maxsize=4096)
def _unreadable(index: Index, name: str, wheel: File) -> str:
    """What pip cannot read in *wheel*; empty: nothing. Many kernels have the same wheels."""
    from kernelspec_lib.packages import sources

    told = sources.read(index, name, [replace(wheel, metadata=True)])
    return next(iter(told.unreadable), "")
