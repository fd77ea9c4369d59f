"""From a project to its lock: the direct look first, then uv, then every package once more."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.errors import CommandFailed, IndexUnreachable, KernelspecError
from kernelspec_lib.packages import (
    ahead,
    early,
    guess,
    locking,
    malformed,
    remedies,
    uv,
    verdicts,
)
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages.beside import Neighbours
from kernelspec_lib.packages.index import Index, IndexConfig, open_index, pages_of
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.look import Familiar, Seen, look
from kernelspec_lib.packages.problems import (
    Conflict,
    Malformed,
    OnlyPrereleases,
    Problem,
    SourceOnly,
    SourceRefused,
    UnknownLib,
    is_error,
)
from kernelspec_lib.packages.reader import Reader
from kernelspec_lib.packages.refusals import NO_EXTRA, NO_SOLUTION
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Lib

if TYPE_CHECKING:
    from kernelspec_lib.packages.conflicts import Explained

_BUILT_IN = Policy()
_CHANNEL = re.compile(
    r"failed to fetch|error sending request|request failed|timed out|dns error|certificate|"
    r"connection|unauthorized|forbidden|could not be queried|status code|40[137]|429|50[0-9]",
    re.IGNORECASE,
)
"""What uv says where the way to the index is the trouble, and not a pin."""
_NOT_FOUND = re.compile(r"([A-Za-z0-9._-]+) was not found in the package registry")
_NOT_MENDED = re.compile(r"([A-Za-z0-9._-]+)==(\S+) has invalid metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """There can be no lock, and why."""

    problems: tuple[Problem, ...]
    """Errors, and warnings beside them."""
    trouble: KernelspecError | None = None
    """Why not all could be checked, if so: there is this, or an error, or both."""


def resolve(
    project: KernelProject,
    config: IndexConfig,
    environment: Mapping[str, str],
    cache: Path | None = None,
    policy: Policy = _BUILT_IN,
) -> Lock | Unresolved:
    """The lock of *project*, from the index that *config* names, for the image's Python.

    environment: of the caller, for uv's PATH and the place of its cache ($KERNELSPEC_CACHE, else
    the user's cache folder; cache names another). Warnings travel in either answer; give the
    answer to `checks.pins.check`.

    Where nothing at all can be told, raises IndexUnreachable (the index is out of reach),
    ToolMissing (uv is not there) or CommandFailed (uv broke).
    """
    with open_index(config) as index:
        return resolve_with(index, project, config, environment, cache, policy)


def resolve_with(
    index: Index,
    project: KernelProject,
    config: IndexConfig,
    environment: Mapping[str, str],
    cache: Path | None = None,
    policy: Policy = _BUILT_IN,
    familiar: Familiar = tuple,
    begun: uv.Question | None = None,
) -> Lock | Unresolved:
    """As `resolve`, with an index that is open already.

    familiar: names of libraries that the site uses, asked for where a name is not known.
    begun: uv, if it was asked already.
    """
    cache = cache or _cache_of(config, environment)
    target = targets.of(project, policy.images)
    libs = targets.counted(project.libs, target)
    solver = Solver(
        index=index,
        config=config,
        target=target,
        environment=environment,
        cache=cache,
        reader=Reader(index=index, config=config, target=target, cache=cache),
        extras=_extras(libs),
    )
    begun = begun or guess.begin(project, config, environment, cache, policy)
    if begun is not None and begun.new:
        solver.refreshed.append(True)
    neighbours = Neighbours(index=index, target=target, known=solver.said)
    seen = _seen(libs, solver, neighbours, familiar, begun)
    problems = tuple(_knowing(config, policy, one) for one in seen.problems)
    return _locked(project, solver, neighbours, policy, seen, problems)


def _extras(libs: Sequence[Lib]) -> Mapping[str, Collection[str]]:
    """What the lines want of each package besides: several may name the same one."""
    found: dict[str, set[str]] = {}
    for lib in libs:
        found.setdefault(lib.name, set()).update(lib.requirement.extras)
    return found


def _locked(
    project: KernelProject,
    solver: Solver,
    neighbours: Neighbours,
    policy: Policy,
    seen: Seen,
    problems: tuple[Problem, ...],
) -> Lock | Unresolved:
    """What comes of *project*, of which the direct look found *problems*."""
    try:
        if seen.trouble is not None:
            raise seen.trouble
        without_finals = [one.lib.name for one in problems if isinstance(one, OnlyPrereleases)]
        if any(map(is_error, problems)):
            # They are wrong, whatever else can or cannot be looked at.
            with suppress(KernelspecError):
                problems = _mended(problems, seen.libs, solver, neighbours, without_finals)
            return Unresolved(problems=problems)
        answer = early.settled(solver, seen.libs, without_finals)
        if isinstance(answer, uv.Refused):
            told = _refusal(answer, seen.libs, solver)
            return Unresolved(problems=(*problems, *told.problems))
        if policy.source_only and (solver.learnt or NO_EXTRA in answer.remarks):
            from kernelspec_lib.packages import newer

            answer = newer.settled(answer, seen.libs, solver, without_finals)
        if NO_EXTRA in answer.remarks:
            from kernelspec_lib.packages import extras

            problems += tuple(extras.unknown(answer, seen.libs, solver))
        return _judged(answer, project, seen.libs, solver, problems, policy)
    except KernelspecError as trouble:
        if not problems:
            raise
        return Unresolved(problems=problems, trouble=trouble)


def _mended(
    problems: tuple[Problem, ...],
    libs: Sequence[Lib],
    solver: Solver,
    neighbours: Neighbours,
    without_finals: Sequence[str],
) -> tuple[Problem, ...]:
    """*problems* of the direct look, with remedies that go with the other lines, and the quarrels
    among these."""
    fitting = remedies.fitting(libs, problems, neighbours)
    if fitting is not None:
        every = remedies.with_warnings(libs, problems, fitting, neighbours)
        return remedies.told(problems, every)
    wrong = [one for one in problems if is_error(one)]
    asked = remedies.preferring(remedies.nearest(wrong), solver)
    rest: Sequence[Lib] = remedies.mended(libs, wrong, {})
    quarrels: Sequence[Problem] = ()
    answer = early.settled(asked, rest, without_finals)
    if isinstance(answer, uv.Refused):
        told = _refusal(answer, rest, asked)
        quarrels, rest = (*told.problems, *_hidden(told, wrong, libs, solver)), told.libs
        answer = early.settled(asked, rest, without_finals) if rest else answer
    quarrels = [replace(one, alone=False) if isinstance(one, Conflict) else one for one in quarrels]
    taken = remedies.chosen(answer, asked)
    every = remedies.with_warnings(libs, problems, taken, neighbours)
    return (*remedies.told(problems, every), *quarrels)


def _hidden(
    told: Explained, wrong: Sequence[Problem], libs: Sequence[Lib], solver: Solver
) -> Iterator[Conflict]:
    """The quarrels among *libs* that do not stand in *told*, as one of their lines quarrels there
    with what is to mend what is *wrong*."""
    gone = {one.lib.pointer for one in wrong if not isinstance(one, Conflict) and one.lib}
    known = [
        {lib.pointer for lib in one.libs} for one in told.problems if isinstance(one, Conflict)
    ]
    if all(some.isdisjoint(gone) for some in known):
        return
    gone |= {pointer for some in known if some.isdisjoint(gone) for pointer in some}
    others = [lib for lib in libs if lib.pointer not in gone]
    answer = early.settled(solver, others) if others else None
    if isinstance(answer, uv.Refused):
        for one in _refusal(answer, others, solver).problems:
            if isinstance(one, Conflict):
                # What helps here may not help beside the others.
                yield replace(one, remedies=(), together=())


def _seen(
    libs: Sequence[Lib],
    solver: Solver,
    neighbours: Neighbours,
    familiar: Familiar,
    begun: uv.Question | None,
) -> Seen:
    """What the direct look at *libs* finds, while uv is at work already.

    uv's answer is kept where the look found nothing that makes it worthless.
    """
    seen: Seen | None = None
    try:
        with ahead.foreseeing(solver.index, solver.cache):
            foresee = partial(remedies.foresee, neighbours=neighbours)
            seen = look(libs, solver.index, solver.target, familiar, foresee)
            built = [one.name for one in seen.problems if isinstance(one, SourceOnly)]
            solver.learnt.update({name: {} for name in built})
            spoilt = built or seen.trouble or any(map(is_error, seen.problems))
            if begun is not None and not spoilt:
                malformed.get_ready()
                solver.ahead.append(begun.answer(solver.left()))
    except IndexUnreachable as trouble:
        if seen is None:
            raise
        return replace(seen, trouble=trouble)
    finally:
        if begun is not None:
            begun.end()
    return seen


def _knowing(config: IndexConfig, policy: Policy, problem: Problem) -> Problem:
    """*problem*, as it is on this site."""
    if isinstance(problem, UnknownLib):
        # What is unknown here may be known to an index that only pip asks.
        return replace(problem, elsewhere=config.extra_urls)
    if policy.source_only:
        return problem
    if isinstance(problem, remedies.Mendable) and problem.newest is None:
        problem = replace(problem, remedy=None)  # it would have to be built
    if isinstance(problem, SourceOnly):
        return SourceRefused(
            **{one.name: getattr(problem, one.name) for one in fields(SourceRefused)}
        )
    return problem


def _cache_of(config: IndexConfig, environment: Mapping[str, str]) -> Path | None:
    # uv writes the URL of each page into its cache.
    kept = None if config.is_secret else verdicts.home(environment)
    return kept / "uv" if kept else None


def _refusal(refused: uv.Refused, libs: Sequence[Lib], solver: Solver) -> Explained:
    """What uv refused, as the user's mistake. Raises IndexUnreachable or CommandFailed if it is
    none: uv calls a package that it was not allowed to see unknown."""
    text, config = refused.text, solver.config
    missing = [str(canonicalize_name(name)) for name in _NOT_FOUND.findall(text)]
    pages, trouble = pages_of(solver.index, missing)
    if trouble is not None:
        raise trouble
    if NO_SOLUTION not in text:
        if _CHANNEL.search(text):
            reason = "uv could not fetch what the libs depend on"
            raise IndexUnreachable(config.shown, reason, "try again, or see kernelspec doctor")
        last = [line for line in text.splitlines() if line.strip()][-5:]
        raise CommandFailed("uv", 2, [config.hidden(line) for line in last])
    if any(page is not None for page in pages.values()):
        reason = f"uv was not given the page of {next(name for name in pages if pages[name])}"
        raise IndexUnreachable(config.shown, reason, "try again, and see proxy and login")
    from kernelspec_lib.packages import conflicts

    for name, version in _NOT_MENDED.findall(text):
        for lib in libs:
            if lib.name == canonicalize_name(name) and (told := _malformed(lib, version, solver)):
                rest = tuple(one for one in libs if one is not lib)
                return conflicts.Explained(problems=(told,), libs=rest)
    return conflicts.explain(refused, libs, solver, time.monotonic)


def _malformed(lib: Lib, told: str, solver: Solver) -> Malformed | None:
    """That pip refuses the version of *lib* that uv *told*; None: what uv minds is not this."""
    page, version = solver.pages([lib.name])[lib.name], Version(told)
    text = malformed.text_in(page, version, solver.index, solver.target)
    return (
        malformed.refused(lib, page, version, text, solver.index, solver.target) if text else None
    )


def _judged(
    compiled: uv.Compiled,
    project: KernelProject,
    libs: Sequence[Lib],
    solver: Solver,
    problems: tuple[Problem, ...],
    policy: Policy,
) -> Lock | Unresolved:
    """The lock, once each of its packages was looked at."""
    chosen = locking.chosen(compiled, libs, solver)
    found = tuple(locking.recheck(chosen, solver))
    if found:
        # Nobody is blamed for what was true some minutes ago.
        chosen = locking.chosen(compiled, libs, solver, {one.name for one in found})
        found = tuple(locking.recheck(chosen, solver))
    if found:
        from kernelspec_lib.packages import askers, behind

        asking = askers.of(chosen, libs, solver)
        found = tuple(map(asking.blamed, found))
        if not any(map(is_error, found)):
            # Where there is no lock anyway, the questions would only keep its user waiting.
            pinned = [one.lib for one in problems if isinstance(one, SourceOnly) and one.lib]
            found = behind.traced(found, pinned, asking, time.monotonic)
    # What the direct look said of sources is said again, of what was chosen in the end.
    problems = tuple(one for one in problems if not isinstance(one, SourceOnly))
    problems += tuple(_knowing(solver.config, policy, one) for one in found)
    problems += tuple(locking.unmet(chosen))
    if any(map(is_error, problems)):
        return Unresolved(problems=problems)
    versions = {one.pin.name: one.version for one in chosen}
    problems = tuple(
        replace(one, version=versions[one.lib.name]) if isinstance(one, OnlyPrereleases) else one
        for one in problems
    )
    problems = remedies.replacing(problems, libs, solver)
    return locking.locked(chosen, project, solver, policy, problems)
