"""The part of `resolve` and `lint` that asks the index, for one kernel or for hundreds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TypeAlias

from packaging.utils import canonicalize_name

from kernelspec_lib import policy as policies
from kernelspec_lib import project as projects
from kernelspec_lib.cli.asking import Asking
from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.findings import Finding
from kernelspec_lib.packages import (
    binaries,
    lock,
    pipconf,
    settings,
    target,
    verdicts,
)
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Place

_ARENA_MAX = -8
"""As malloc.h of glibc has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """What the user asked of it."""

    policy: Policy
    policy_path: Path | None
    """Where it stands; None: it is the built-in one."""
    index_url: str | None
    output: str | None
    locked: bool
    """Whether the lock that is there is judged, and nothing is written."""
    cached: bool
    """Whether what an earlier run found may be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What came of one kernel."""

    project: KernelProject
    findings: tuple[Finding, ...] = ()
    trouble: KernelspecError | None = None
    """Why it could not be checked, or not wholly."""
    lock: Lock | None = None
    """The lock that is good."""
    path: Path
    """Where it stands."""
    kept: bool = False
    """An earlier run found it."""


Answer: TypeAlias = Callable[[], Resolved]
"""Waits for what comes of a kernel; if that is a lock, writes it."""


@contextmanager
def begun(wanted: Resolving, kernels: Sequence[KernelProject]) -> Iterator[Mapping[Place, Answer]]:
    """The answers to come, one for each of *kernels*: the index is asked from now on.

    Where the block is left by an exception, what is not answered yet is given up.
    """
    if not kernels:
        yield {}
        return
    config = _configured(wanted)
    if not isinstance(config, IndexConfig):
        yield {
            project.place: partial(
                Resolved, project=project, trouble=config, path=_path(wanted, project)
            )
            for project in kernels
        }
        return
    if len(kernels) > 1:
        _share_memory()
    with ExitStack() as stack:
        # The index is opened for the first kernel that needs it.
        asking = Asking(stack, config, cached=wanted.cached)
        asking.familiar = cache(partial(_familiar, wanted, kernels))
        one = _locked_one if wanted.locked else _resolved_one
        yield {project.place: one(asking, wanted, project) for project in kernels}
        asking.close()


def _configured(wanted: Resolving) -> IndexConfig | KernelspecError:
    """The index to ask, or why there is none."""
    try:
        return settings.configure(wanted.index_url, wanted.policy, os.environ)
    except KernelspecError as trouble:
        return trouble


def _share_memory() -> None:
    """Lets all threads take memory from two places, as MALLOC_ARENA_MAX=2 does.

    glibc gives each a place of its own, and what one has freed there no other may use: a quarter
    of the memory of a run over fifty kernels.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def _resolved_one(asking: Asking, wanted: Resolving, project: KernelProject) -> Answer:
    path = _path(wanted, project)
    key = _key(project, asking.config, wanted.policy)
    kept = asking.verdicts.get(key) if asking.verdicts and key else None
    if kept is not None:
        known = Resolved(project=project, lock=kept, path=path, kept=True)
        return lambda: _allowed(known, wanted.policy)

    # The other kernels wait for a thread.
    first = asking.begin(project, wanted.policy) if asking.idle else None
    # What resolving needs is loaded while uv is at work; and here, because an interrupt that comes
    # while this thread and others wait for each other's modules can be lost, and the run hang.
    from kernelspec_lib.checks import pins  # noqa: F401
    from kernelspec_lib.packages import resolver

    def task() -> object:
        begun = first or asking.begin(project, wanted.policy)
        return resolver.resolve_with(
            asking.index(),
            project,
            asking.config,
            os.environ,
            asking.cache,
            wanted.policy,
            asking.familiar,
            begun,
        )

    waiting = asking.once(key or path, task)

    return lambda: _answer(asking, wanted, project, key, waiting)


def _answer(
    asking: Asking,
    wanted: Resolving,
    project: KernelProject,
    key: str | None,
    waiting: Callable[[], object],
) -> Resolved:
    """What came of *project* once it was resolved. key: what its lock is kept under."""
    outcome = waiting()
    from kernelspec_lib.checks import pins
    from kernelspec_lib.packages import resolver

    path = _path(wanted, project)
    match outcome:
        case Lock():
            if asking.verdicts and key:
                asking.verdicts.put(key, outcome)
            found = _kept(project, pins.check(project, outcome), wanted.policy)
            done = Resolved(project=project, findings=found, lock=outcome, path=path)
            return _allowed(done, wanted.policy)
        case resolver.Unresolved():
            found = _kept(project, pins.check(project, outcome), wanted.policy)
            return Resolved(project=project, findings=found, trouble=outcome.trouble, path=path)
        case KernelspecError():
            return Resolved(project=project, trouble=outcome, path=path)
    raise AssertionError(outcome)


def _locked_one(asking: Asking, wanted: Resolving, project: KernelProject) -> Answer:
    from kernelspec_lib.checks import locked, site
    from kernelspec_lib.packages import standing

    path = _path(wanted, project)
    try:
        committed = lock.read(path)
    except KernelspecError as error:
        failed = Resolved(project=project, trouble=error, path=path)
        return lambda: failed
    stale = _kept(
        project, locked.check_lock(project, committed, wanted.policy.images), wanted.policy
    )
    if stale or not isinstance(committed, Lock):
        return lambda: Resolved(project=project, findings=stale, path=path)

    def task() -> standing.Standing:
        return standing.of(committed, project, asking.index(), wanted.policy.images)

    waiting = asking.once(project.place, task)

    def answer() -> Resolved:
        outcome = waiting()
        if isinstance(outcome, KernelspecError):
            return Resolved(project=project, trouble=outcome, path=path)
        assert isinstance(outcome, standing.Standing)  # noqa: S101 - what the task returns
        of_site = (
            *locked.check(project, outcome),
            *site.check_lock(project, committed, wanted.policy),
        )
        found = _kept(project, of_site, wanted.policy)
        good = None if outcome.trouble or any(one.is_error for one in found) else committed
        return Resolved(
            project=project, findings=found, trouble=outcome.trouble, lock=good, path=path
        )

    return answer


def _familiar(wanted: Resolving, kernels: Sequence[KernelProject]) -> frozenset[str]:
    """The libraries that the site names: in its policy, in these kernels, in their locks."""
    found = {str(canonicalize_name(one.name)) for one in wanted.policy.required_libs}
    for project in kernels:
        with suppress(KernelspecError):
            committed = lock.read(project.place.folder / projects.LOCK)
            if isinstance(committed, Lock):
                found |= {one.name for one in committed.packages}
    return frozenset(found | {lib.name for project in kernels for lib in project.libs})


def _allowed(done: Resolved, policy: Policy) -> Resolved:
    """*done*, with its lock on disk if the site allows what is in it."""
    assert done.lock is not None  # noqa: S101 - the caller has one
    from kernelspec_lib.checks import site

    denied = tuple(site.check_lock(done.project, done.lock, policy))
    if denied:
        return replace(done, findings=(*done.findings, *denied), lock=None)
    return _written(done)


def _written(done: Resolved) -> Resolved:
    """*done*, with its lock on disk, or the trouble of writing it."""
    assert done.lock is not None  # noqa: S101 - the caller has one
    try:
        lock.write(done.lock, done.path)
    except KernelspecError as trouble:
        return Resolved(
            project=done.project, findings=done.findings, trouble=trouble, path=done.path
        )
    return done


def _kept(project: KernelProject, found: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    from kernelspec_lib.checks import kernel

    return tuple(kernel.not_ignored(found, project, policy))


def read(wanted: Resolving, kernels: Sequence[KernelProject]) -> Iterator[str]:
    """Every file, and every folder, that what comes of *kernels* depends on, but for the index."""
    for project in kernels:
        yield str(project.place.folder)
        yield project.place.requirements
        yield str(project.place.folder / projects.DOCKERFILE)
        yield str(project.place.folder / projects.CI_FILE)
    yield str(policies.SYSTEM_POLICY)
    if wanted.policy_path is not None:
        yield str(wanted.policy_path)
    yield from map(str, pipconf.paths(os.environ))
    yield settings.netrc_path(os.environ)
    yield binaries.find(os.environ)


def _path(wanted: Resolving, project: KernelProject) -> Path:
    return Path(wanted.output) if wanted.output else project.place.folder / projects.LOCK


def _key(project: KernelProject, config: IndexConfig, policy: Policy) -> str | None:
    """None where there is no uv whose answer could be kept."""
    try:
        binary = binaries.find(os.environ)
        return verdicts.key(project, target.of(project, policy.images), config, policy, binary)
    except (KernelspecError, OSError):
        return None
