"""From a project to its lock: the direct look first, then uv, then every package once more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.errors import CommandFailed, IndexUnreachable
from kernelspec_lib.packages import lock, uv
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages.index import Index, IndexConfig, open_index, pages_of
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.packages.look import look, no_wheel, recheck
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.problems import (
    Conflict,
    NoWheel,
    Problem,
    SourceOnly,
    UnknownExtra,
    UnknownLib,
    is_error,
)
from kernelspec_lib.packages.target import Target
from kernelspec_lib.project import KernelProject, Lib

_NO_SOLUTION = "No solution found"
_CHANNEL = re.compile(
    r"failed to fetch|error sending request|request failed|timed out|dns error|certificate|"
    r"connection|unauthorized|forbidden|could not be queried|status code|40[137]|429|50[0-9]",
    re.IGNORECASE,
)
"""What uv says where the way to the index is the trouble, and not a pin."""
_NOT_FOUND = re.compile(r"([A-Za-z0-9._-]+) was not found in the package registry")
_NO_WHEELS = re.compile(r"([A-Za-z0-9._-]+)(?:([<>=]=?)(\S+))? ha(?:s|ve) no usable wheels")
_NO_EXTRA = re.compile(r"`([^`=]+)==[^`]*` does not have an extra named `([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """There can be no lock, and why."""

    problems: tuple[Problem, ...]
    """Errors, and warnings beside them; at least one error, or a trouble."""
    trouble: IndexUnreachable | None = None
    """Why some lines could not be looked at, if so."""


def resolve(
    project: KernelProject,
    config: IndexConfig,
    environment: Mapping[str, str],
    cache: Path | None = None,
) -> Lock | Unresolved:
    """The lock of *project*, from the index that *config* names, for the image's Python.

    environment: of the caller, for uv's PATH and the place of its cache ($KERNELSPEC_CACHE, else
    the user's cache folder; cache names another). Warnings travel in either answer; give the
    answer to `checks.pins.check`.

    Raises IndexUnreachable where the index is out of reach and no line is wrong as far as could
    be seen, ToolMissing where every line by itself is right and uv is not there, and CommandFailed
    where uv broke.
    """
    with open_index(config) as index:
        return resolve_with(index, project, config, environment, cache)


def resolve_with(
    index: Index,
    project: KernelProject,
    config: IndexConfig,
    environment: Mapping[str, str],
    cache: Path | None = None,
) -> Lock | Unresolved:
    """As `resolve`, with an index that is open already."""
    target = targets.of(project)
    seen = look(project.libs, index, target)
    problems = tuple(_knowing(config, one) for one in seen.problems)
    if any(map(is_error, problems)):
        return Unresolved(problems=(*problems, *_unbuilt(problems)), trouble=seen.trouble)
    if seen.trouble is not None and problems:
        return Unresolved(problems=problems, trouble=seen.trouble)
    if seen.trouble is not None:
        raise seen.trouble
    unbuilt = _unbuilt(problems)
    compiling = partial(_compile, seen.libs, unbuilt, config, target, environment)
    answer = compiling(cache or _cache_of(environment))
    if isinstance(answer, uv.Refused):
        refusal = _refusal(answer, seen.libs, index, config, target)
        return Unresolved(problems=(*problems, *unbuilt, refusal))
    problems += tuple(_unknown_extras(answer.remarks, seen.libs))
    if unbuilt:
        return Unresolved(problems=(*problems, *unbuilt))
    return _locked(answer, project, seen.libs, index, target, problems)


def _knowing(config: IndexConfig, problem: Problem) -> Problem:
    """A library that is unknown here may be known to an index that only pip asks."""
    if isinstance(problem, UnknownLib):
        return replace(problem, elsewhere=config.extra_urls)
    return problem


def _compile(
    libs: Sequence[Lib],
    unbuilt: Sequence[NoWheel],
    config: IndexConfig,
    target: Target,
    environment: Mapping[str, str],
    cache: Path | None,
) -> uv.Compiled | uv.Refused:
    """What uv says of *libs*. Those to be built take part with their versions alone."""
    sources = [one.lib.requirement for one in unbuilt if one.lib is not None]
    wanted = [lib.requirement for lib in libs]
    given = (wanted, config, target, environment, cache)
    answer = uv.compile_pins(*given, sources=sources)
    if isinstance(answer, uv.Refused) and cache is not None and _NO_SOLUTION in answer.text:
        # What it kept may be older than a release that the direct look has just seen.
        answer = uv.compile_pins(*given, sources=sources, fresh=True)
    return answer


def _unbuilt(problems: Sequence[Problem]) -> tuple[NoWheel, ...]:
    """What needs a build cannot be locked yet: its dependencies are known to its own code only."""
    return tuple(
        NoWheel(
            lib=one.lib,
            name=one.lib.name,
            version=one.version,
            offers=(),
            newest=one.newest,
            has_source=True,
        )
        for one in problems
        if isinstance(one, SourceOnly)
    )


def _cache_of(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("KERNELSPEC_CACHE")
    if named:
        return Path(named) / "uv"
    home = environment.get("HOME")
    usual = environment.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    return Path(usual) / "kernelspec" / "uv" if usual else None


def _refusal(
    refused: uv.Refused, libs: Sequence[Lib], index: Index, config: IndexConfig, target: Target
) -> Conflict | NoWheel:
    """What uv refused, as the user's mistake. Raises IndexUnreachable or CommandFailed if it is
    none: uv calls a package that it was not allowed to see unknown."""
    text = refused.text
    missing = [str(canonicalize_name(name)) for name in _NOT_FOUND.findall(text)]
    pages, trouble = pages_of(index, missing)
    if trouble is not None:
        raise trouble
    if _NO_SOLUTION not in text:
        if _CHANNEL.search(text):
            reason = "uv could not fetch what the libs depend on"
            raise IndexUnreachable(config.shown, reason, "try again, or see kernelspec doctor")
        last = [line for line in text.splitlines() if line.strip()][-5:]
        raise CommandFailed("uv", 2, [config.hidden(line) for line in last])
    if any(page is not None for page in pages.values()):
        reason = f"uv was not given the page of {next(name for name in pages if pages[name])}"
        raise IndexUnreachable(config.shown, reason, "try again, and see proxy and login")
    explanation = _condensed(text)
    named = tuple(lib for lib in libs if _names(lib.name, explanation))
    return _unbuilt_below(text, named, index, target) or Conflict(
        libs=named, explanation=explanation
    )


def _unbuilt_below(
    text: str, named: tuple[Lib, ...], index: Index, target: Target
) -> NoWheel | None:
    """A package that *named* need and that has sources only, if that is what uv stumbled over."""
    for name, operator, told in _NO_WHEELS.findall(text):
        page = index.page(str(canonicalize_name(name)))
        admitted = SpecifierSet(f"{operator}{told}" if operator else "", prereleases=True)
        for version in sorted(page.releases, reverse=True) if page else ():
            files = page.of(version) if page and version in admitted else ()
            if page and any(one.tags is None and one.admits(target) for one in files):
                return no_wheel(None, page.name, version, page, page.newest_for(target), named)
    return None


def _condensed(text: str) -> str:
    """uv's explanation in one line, without its hints about options that nobody here has."""
    told = text.partition(_NO_SOLUTION)[2].partition("\n\n")[0].partition(":")[2]
    told = told or text.partition("cause:")[2].partition("\n\n")[0]
    words = " ".join(told.replace("cause:", " ").replace("╰─▶", " ").split())
    return words.removesuffix(".")


def _names(name: str, explanation: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", explanation) is not None


def _unknown_extras(remarks: str, libs: Sequence[Lib]) -> list[UnknownExtra]:
    found = []
    for name, extra in _NO_EXTRA.findall(remarks):
        for lib in libs:
            asked = {canonicalize_name(one): one for one in lib.requirement.extras}
            if lib.name == canonicalize_name(name) and canonicalize_name(extra) in asked:
                told = asked[canonicalize_name(extra)]
                found.append(UnknownExtra(lib=lib, extra=told))
    return found


def _locked(
    compiled: uv.Compiled,
    project: KernelProject,
    libs: Sequence[Lib],
    index: Index,
    target: Target,
    problems: tuple[Problem, ...],
) -> Lock | Unresolved:
    pages, trouble = pages_of(index, (pin.name for pin in compiled.pins))
    if trouble is not None:
        raise trouble
    known = {name: page or Page(name=name) for name, page in pages.items()}
    pins = {pin.name: Version(pin.version) for pin in compiled.pins}
    problems += tuple(recheck(pins, known, _roots(compiled.pins, libs), target))
    if any(map(is_error, problems)):
        return Unresolved(problems=problems)
    own = {lib.name: str(lib.requirement) for lib in libs}
    packages = []
    for pin in compiled.pins:
        files = [one for one in known[pin.name].of(pins[pin.name]) if one.installs(target)]
        asked = ([own[pin.name]] if pin.name in own else []) + [f"via {one}" for one in pin.via]
        packages.append(
            LockedPackage(
                name=pin.name,
                version=pin.version,
                hashes=tuple(sorted(f"sha256:{index.digest(one)}" for one in files)),
                asked_by=tuple(asked),
            )
        )
    return Lock(
        python_version=project.python_version,
        fingerprint=lock.fingerprint(project),
        packages=tuple(packages),
        warnings=problems,
    )


def _roots(pins: Sequence[uv.Pin], libs: Sequence[Lib]) -> dict[str, tuple[Lib, ...]]:
    """The user's lines that each package is there for."""
    parents = {pin.name: pin.via for pin in pins}
    found = {}
    for pin in pins:
        reached, waiting = {pin.name}, [pin.name]
        while waiting:
            for parent in parents.get(waiting.pop(), ()):
                if parent not in reached:
                    reached.add(parent)
                    waiting.append(parent)
        found[pin.name] = tuple(lib for lib in libs if lib.name in reached)
    return found
