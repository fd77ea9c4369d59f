"""The direct look: every line of libs against its page of the index, all of them in one run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import TypeAlias

from packaging.specifiers import Specifier
from packaging.version import InvalidVersion, Version

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages.index import Index, answered, asked
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import (
    NoSuchVersion,
    NoWheel,
    OnlyPrereleases,
    OtherPython,
    Problem,
    SourceOnly,
    UnknownLib,
    Yanked,
)
from kernelspec_lib.packages.settings import CONNECTIONS
from kernelspec_lib.packages.target import Target, counted
from kernelspec_lib.project import Lib
from kernelspec_lib.requirement import is_pinned

_GLIBC = re.compile(r"manylinux_(\d{1,3})_(\d{1,3})_")
Familiar: TypeAlias = Callable[[], Collection[str]]
"""Names of libraries that the site uses: one of them is what a mistyped name meant."""
Foreseeing: TypeAlias = Callable[[Problem, Page, Executor], object]
"""Begins what a problem of a package with this page will make wanted; in these threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the direct look found."""

    libs: tuple[Lib, ...]
    """The lines that count on the target: those whose marker holds there."""
    problems: tuple[Problem, ...]
    trouble: IndexUnreachable | None
    """Why some lines could not be looked at."""


def look(
    libs: Sequence[Lib],
    index: Index,
    target: Target,
    familiar: Familiar = tuple,
    foresee: Foreseeing = lambda *_: None,
) -> Seen:
    """What the index offers for each of *libs* on *target*.

    foresee: given each problem of a package that is there, as soon as it is known.

    Raises IndexUnreachable where the index could not be asked for a single one.
    """
    lines = counted(libs, target)
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as threads:

        def judged(lib: Lib, page: Page | None) -> Sequence[Problem]:
            if page is None:
                return [_unknown(lib, lines, index, familiar)]
            found = [_named(one, lines, index) for one in judge(lib, page, target)]
            for one in found:
                foresee(one, page, threads)
            return found

        asking = asked(index, (lib.name for lib in lines), threads)
        # Pages come one by one, and what is wrong leads to further questions.
        found = {
            lib.pointer: threads.submit(judged, lib, page)
            for name, page in _coming(asking, index)
            for lib in lines
            if lib.name == name
        }
        pages, trouble = answered(asking)
        if trouble is not None and not any(pages.values()):
            raise trouble
        answers = (found[lib.pointer].result() for lib in lines if lib.pointer in found)
        problems = tuple(one for some in answers for one in some)
    return Seen(libs=lines, problems=problems, trouble=trouble)


def _coming(
    pages: Mapping[str, Future[Page | None]], index: Index
) -> Iterator[tuple[str, Page | None]]:
    """The *pages* in the order in which they come, without those that could not be had; that there
    is none only where *index* is seen to be one.

    Raises IndexUnreachable where it is none: a wrong URL answers like this, too.
    """
    names = {page: name for name, page in pages.items()}
    missing: list[str] = []
    found = failed = False
    for answer in as_completed(names):
        failed = failed or answer.exception() is not None
        page = None if answer.exception() else answer.result()
        found = found or page is not None
        if page is not None:
            yield names[answer], page
        elif answer.exception() is None:
            missing.append(names[answer])
        if found:
            yield from ((name, None) for name in missing)
            missing.clear()
    if missing and not failed:
        index.probe()
        yield from ((name, None) for name in missing)


def _named(problem: Problem, libs: Sequence[Lib], index: Index) -> Problem:
    """Sources under the name of an import are a placeholder: they refuse to be built."""
    if not isinstance(problem, SourceOnly) or problem.lib is None:
        return problem
    from kernelspec_lib.packages import names

    if names.refuses(problem.lib.name, problem.version):
        return replace(_unknown(problem.lib, libs, index, tuple), placeholder=True)
    return problem


def _unknown(lib: Lib, libs: Sequence[Lib], index: Index, familiar: Familiar) -> UnknownLib:
    """*lib*, of which the index has nothing, and a near name if the index has that."""
    from kernelspec_lib.packages import names

    others = {one.name for one in libs if one.name != lib.name}
    if lib.name in names.SYSTEM or lib.name.replace("-", "_") in names.BUILT_IN:
        return UnknownLib(lib=lib, suggestion=None)
    for name in names.meant(lib.name, {*familiar(), *others}):
        try:
            page = index.page(name)
            # graphtool is not graph-tool, which no index has: it is old, and has sources only.
            if page and (name != lib.name.replace("-", "") or _has_wheels(page)):
                return UnknownLib(lib=lib, suggestion=name, listed=name in others)
        except IndexUnreachable:
            break
    return UnknownLib(lib=lib, suggestion=None)


def _has_wheels(page: Page) -> bool:
    return any(one.tags is not None for files in page.releases.values() for one in files)


def judge(lib: Lib, page: Page, target: Target) -> Iterator[Problem]:
    """What is wrong with *lib*, whose page is *page*, on *target*."""
    matching = list(_matching(lib, page))
    pinned = is_pinned(lib.requirement)
    early = lib.requirement.specifier.prereleases
    # Nearly always the newest but one or two will do: the others, often hundreds, stay unread.
    for version in matching:
        files = page.of(version) if early or not version.is_prerelease else ()
        reason = _withdrawn(files)
        if (pinned or reason is None) and _installs(files, target):
            if reason is not None:
                newest, remedy = page.newest_for(target), _remedy(lib, page, target)
                yield Yanked(
                    lib=lib, name=lib.name, version=version, reason=reason,
                    newest=newest, remedy=remedy,
                )  # fmt: skip
            return
    yield from _of_none(lib, page, target, matching, pinned=pinned)


def _of_none(
    lib: Lib, page: Page, target: Target, matching: Sequence[Version], *, pinned: bool
) -> Iterator[Problem]:
    """What is wrong with *lib*, where of the *matching* versions no final one installs."""
    standing = [one for one in matching if pinned or _withdrawn(page.of(one)) is None]
    if not standing:
        withdrawn = matching[0] if matching else None
        newest, remedy = page.newest_for(target), _remedy(lib, page, target)
        yield NoSuchVersion(lib=lib, newest=newest, withdrawn=withdrawn, remedy=remedy)
        return
    finals = [one for one in standing if not one.is_prerelease]
    # As pip and uv do: pre-releases count where they are asked for, or where there is no other.
    early = lib.requirement.specifier.prereleases
    candidates = standing if early else finals or standing
    chosen = next((one for one in candidates if _installs(page.of(one), target)), None)
    if chosen is None:
        yield _unusable(lib, page, candidates, target)
        return
    yield OnlyPrereleases(lib=lib, version=chosen)


def _matching(lib: Lib, page: Page) -> Iterator[Version]:
    """The versions that the line admits, newest first."""
    specifier = lib.requirement.specifier
    for version in sorted(page.releases, reverse=True):
        if specifier.contains(version, prereleases=True):
            yield version


def _remedy(lib: Lib, page: Page, target: Target) -> Version | None:
    """The nearest final release; where none installs as it is, of those with sources only."""
    if (installing := nearest(lib, page, target)) is not None:
        return installing
    from kernelspec_lib.packages import names

    return None if page.name in names.PLACEHOLDERS else nearest(lib, page, target, built=True)


def nearest(lib: Lib, page: Page, target: Target, *, built: bool = False) -> Version | None:
    """The final release that installs and comes nearest to the one that *lib* names.

    The newest where it names none; None where nothing installs. built: those that have sources for
    the target do, too.
    """
    named = [_named_version(one) for one in lib.requirement.specifier if one.operator != "!="]
    wanted = next((one for one in named if one is not None), None)
    if wanted is None:
        return page.newest_for(target)
    finals = sorted(one for one in page.releases if not one.is_prerelease)
    later = [one for one in finals if one > wanted]
    earlier = [one for one in reversed(finals) if one <= wanted]
    # Of a later series the first, of an earlier one the last.
    likest = sorted([*later, *earlier], key=lambda one: _likeness(one, wanted), reverse=True)
    if wanted in page.releases:
        # It is there, and too old: what is older still knows less of the target, if it says so.
        likest.sort(key=lambda one: one <= wanted)
    standing = (one for one in likest if _withdrawn(page.of(one)) is None)
    return next((one for one in standing if page.usable(one, target, built=built)), None)


def _named_version(specifier: Specifier) -> Version | None:
    try:
        return Version(specifier.version.removesuffix(".*"))
    except InvalidVersion:
        return None


def _likeness(version: Version, wanted: Version) -> tuple[int, float]:
    """How many of the leading numbers are the same, and how near the first other one is."""
    length = max(len(version.release), len(wanted.release))
    one, other = ((*some.release, *([0] * length))[:length] for some in (version, wanted))
    same = next((place for place in range(length) if one[place] != other[place]), length)
    return (same, 0.0 if same == length else -abs(one[same] - other[same]))


def _withdrawn(files: Sequence[File]) -> str | None:
    """Why a release was withdrawn; None: it stands, at least with some of its files."""
    if any(one.yanked is None for one in files):
        return None
    return next((one.yanked for one in files if one.yanked), "")


def _installs(files: Sequence[File], target: Target) -> bool:
    return any(one.installs(target) for one in files)


def _unusable(lib: Lib, page: Page, candidates: Sequence[Version], target: Target) -> Problem:
    """Why none of *candidates* (newest first, at least one) installs."""
    for version in candidates:
        if any(one.is_source_for(target) for one in page.of(version)):
            return SourceOnly(
                lib=lib,
                name=lib.name,
                version=version,
                newest=page.newest_for(target),
                remedy=nearest(lib, page, target),
            )
    admitted = [one for one in candidates if any(file.admits(target) for file in page.of(one))]
    if admitted:
        return _no_wheel(lib, lib.name, admitted[0], page, target, ())
    version = candidates[0]
    return OtherPython(
        lib=lib,
        name=lib.name,
        version=version,
        requires_python=page.of(version)[0].requires_python,
        newest=page.newest_for(target),
        remedy=_remedy(lib, page, target),
    )


def _no_wheel(
    lib: Lib | None,
    name: str,
    version: Version,
    page: Page,
    target: Target,
    asked_by: tuple[Lib, ...],
) -> NoWheel:
    """The problem of a release whose files do not fit."""
    files = page.of(version)
    return NoWheel(
        lib=lib,
        name=name,
        version=version,
        offers=tuple(sorted({one.tags for one in files if one.tags is not None})),
        newest=page.newest_for(target),
        remedy=_remedy(lib, page, target) if lib else None,
        asked_by=asked_by,
        glibc=None if target.musl else _wanted_glibc(files, target),
    )


def _wanted_glibc(files: Sequence[File], target: Target) -> tuple[int, int] | None:
    """The oldest glibc with which one of *files* would install on *target*."""
    told = (_GLIBC.findall(one.tags or "") for one in files)
    wanted = sorted({(int(major), int(minor)) for some in told for major, minor in some})
    newer = (replace(target, glibc=one) for one in wanted if one > target.glibc)
    return next((one.glibc for one in newer if _installs(files, one)), None)


def recheck(
    pins: Mapping[str, Version],
    pages: Mapping[str, Page],
    roots: Mapping[str, tuple[Lib, ...]],
    target: Target,
    buildable: Container[str] = (),
) -> Iterator[OtherPython | NoWheel | Yanked]:
    """What is wrong with *pins*, each by itself. uv does not look at upper bounds of
    Requires-Python, and says nothing of withdrawn releases.

    roots: the user's lines behind each package. buildable: what may be built from its sources.
    """
    for name, version in pins.items():
        page = pages[name]
        files = page.of(version)
        lib = next((one for one in roots[name] if one.name == name), None)
        if page.usable(version, target, built=name in buildable):
            reason = _withdrawn(files)
            if reason is not None and lib is None:
                yield Yanked(
                    lib=None, name=name, version=version, reason=reason,
                    newest=page.newest_for(target), asked_by=roots[name],
                )  # fmt: skip
        elif files and not any(one.admits(target) for one in files):
            yield OtherPython(
                lib=lib,
                name=name,
                version=version,
                requires_python=files[0].requires_python,
                newest=page.newest_for(target),
                remedy=_remedy(lib, page, target) if lib else None,
                asked_by=roots[name],
            )
        else:
            yield _no_wheel(lib, name, version, page, target, roots[name])
