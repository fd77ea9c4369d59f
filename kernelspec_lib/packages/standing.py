"""Whether the index still offers what a lock names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import lock as locks
from kernelspec_lib.packages import look
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages.index import Index, pages_of
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import Problem
from kernelspec_lib.packages.target import Target
from kernelspec_lib.policy import OwnImage
from kernelspec_lib.project import KernelProject, Lib


class Loss(Enum):
    """What became of a locked package."""

    PACKAGE = "the index has the package no longer"
    RELEASE = "the index has the release no longer"
    FILES = "the index has other files of the release"
    WITHDRAWN = "the release was withdrawn by its authors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A package that is not as it was when it was locked."""

    package: LockedPackage
    loss: Loss
    reason: str
    """The authors' own words; often empty."""
    asked_by: tuple[Lib, ...]
    """The user's lines behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a lock stands with the index today."""

    lost: tuple[Lost, ...]
    problems: tuple[Problem, ...]
    """What can no longer be installed on the target, though it is there."""
    trouble: IndexUnreachable | None
    """Why some packages could not be looked at."""


def of(
    lock: Lock, project: KernelProject, index: Index, images: Sequence[OwnImage] = ()
) -> Standing:
    """Looks at every package of *lock*, which answers *project*. A newer release is no matter.

    images: what the site says of its own base images.

    Raises IndexUnreachable where not a single package could be looked at.
    """
    target = targets.of(project, images)
    pages, trouble = pages_of(index, (one.name for one in lock.packages))
    if trouble is not None and not any(pages.values()):
        raise trouble
    if not any(pages.values()):
        index.probe()
    roots = locks.roots(lock, project)
    lost: list[Lost] = []
    misfits: dict[str, Version] = {}
    for package in lock.packages:
        if package.name not in pages:
            continue
        page = pages[package.name]
        usable = _usable(package, page, target)
        if page is not None and page.of(Version(package.version)) and not usable:
            misfits[package.name] = Version(package.version)
            continue
        told = _loss(package, page, usable, index)
        if told is not None:
            loss, reason = told
            by = roots[package.name]
            lost.append(Lost(package=package, loss=loss, reason=reason, asked_by=by))
    known = {name: page for name, page in pages.items() if page is not None}
    problems = tuple(look.recheck(misfits, known, roots, target))
    return Standing(lost=tuple(lost), problems=problems, trouble=trouble)


def _usable(package: LockedPackage, page: Page | None, target: Target) -> list[File]:
    files = page.of(Version(package.version)) if page else ()
    return [
        one
        for one in files
        if one.installs(target) or (package.source_only and one.tags is None and one.admits(target))
    ]


def _loss(
    package: LockedPackage, page: Page | None, usable: list[File], index: Index
) -> tuple[Loss, str] | None:
    if page is None:
        return Loss.PACKAGE, ""
    if not usable:
        return Loss.RELEASE, ""
    same = [one for one in usable if f"sha256:{index.digest(one)}" in package.hashes]
    if not same:
        return Loss.FILES, ""
    if all(one.yanked is not None for one in same):
        return Loss.WITHDRAWN, next((one.yanked for one in same if one.yanked), "")
    return None
