"""What uv chose, looked at once more and written down: only what can be installed is good."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages import lock, look, malformed, needs, pylock, uv
from kernelspec_lib.packages.index import Index
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.packages.metadata import NOTHING, Metadata
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import Conflict, OfRelease, Problem, SourceOnly
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.packages.target import Target
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Lib


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One release that uv chose."""

    pin: pylock.Pin
    version: Version
    page: Page
    """With Requires-Python, if need be from the release's own metadata. Where nobody's line names
    it, and all is well, it may hold no other release."""
    needs: Sequence[Requirement]
    """On the target, with the extras that are wanted of it."""
    via: tuple[str, ...]
    """The other packages that need it, by name."""
    roots: tuple[Lib, ...]
    """The user's lines that it is there for."""
    own: Lib | None
    """The first line that names it itself."""

    def files(self, target: Target) -> list[File]:
        """The wheels that install, best first; else the sources."""
        every = self.page.of(self.version)
        wheels = [one for one in every if one.installs(target)]
        return sorted(wheels, key=lambda one: one.rank(target) or 0) or [
            one for one in every if one.is_source_for(target)
        ]


def chosen(
    compiled: uv.Compiled, libs: Sequence[Lib], solver: Solver, doubted: Collection[str] = ()
) -> list[Chosen]:
    """The releases in *compiled*, by name, with what the index says of them.

    doubted: names, for whose pages it is asked in this very run. It need not be for what uv has
    seen already, nor for what it said some minutes ago.
    """
    pins = sorted(compiled.pins, key=lambda pin: pin.name)
    named = {*(lib.name for lib in libs), *doubted}
    seen = {pin.name: solver.told(pin) for pin in pins if pin.name not in named}
    unseen = [pin.name for pin in pins if not seen.get(pin.name) and pin.name not in doubted]
    pages = {**solver.pages(unseen, solver.index.recent()), **solver.pages(doubted)}
    metadata = needs.read(pins, solver.said, solver.index)
    needs_ = needs.counted(metadata, solver.extras, solver.target)
    via = _parents(needs_)
    roots = lock.lines_behind(via, libs)
    return [
        Chosen(
            pin=pin,
            version=Version(pin.version),
            page=seen.get(pin.name) or _telling(pages[pin.name], pin, metadata[pin.name]),
            needs=needs_[pin.name],
            via=via[pin.name],
            roots=roots[pin.name],
            own=next((lib for lib in libs if lib.name == pin.name), None),
        )
        for pin in pins
    ]


def _telling(page: Page, pin: pylock.Pin, metadata: Metadata) -> Page:
    """*page*, saying for which Pythons the release is, as pages of old indexes never do."""
    version = Version(pin.version)
    files = page.of(version)
    wanted = metadata.requires_python
    if not wanted or all(one.tags is None for one in files):
        return page
    if any(one.requires_python for one in files):
        return page
    told = tuple(replace(file, requires_python=wanted) for file in files)
    return replace(page, releases={**page.releases, version: told})


def _parents(needs_: Mapping[str, Sequence[Requirement]]) -> Mapping[str, tuple[str, ...]]:
    """By whom each package is needed."""
    found: dict[str, set[str]] = {name: set() for name in needs_}
    for name, wanted in needs_.items():
        for need in wanted:
            found.get(str(canonicalize_name(need.name)), set()).add(name)
    return {name: tuple(sorted(parents - {name})) for name, parents in found.items()}


def unmet(packages: Sequence[Chosen]) -> Iterator[Conflict]:
    """What one of *packages* needs, and none of them is, looked at as `pip check` will."""
    found = {one.pin.name: one for one in packages}
    for one in packages:
        for need in one.needs:
            got = found.get(str(canonicalize_name(need.name)))
            if got is None or not need.specifier.contains(got.version, prereleases=True):
                yield _conflict(one, need, got)


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


def recheck(packages: Sequence[Chosen], solver: Solver) -> Iterator[OfRelease]:
    """What is wrong with *packages*, each by itself, and which of them have to be built."""
    refused = solver.malformed([one.pin for one in packages])
    yield from look.recheck(
        {one.pin.name: one.version for one in packages},
        {one.pin.name: one.page for one in packages},
        {one.pin.name: one.roots for one in packages},
        solver.target,
        solver.learnt,
    )
    for one in packages:
        if text := refused.get(one.pin.name):
            index, target = solver.index, solver.target
            told = malformed.refused(one.own, one.page, one.version, text, index, target)
            yield replace(told, asked_by=one.roots)
        files = one.files(solver.target)
        if files and files[0].tags is None:
            known = solver.learnt.get(one.pin.name, {}).get(one.version, NOTHING)
            yield SourceOnly(
                lib=one.own,
                name=one.pin.name,
                version=one.version,
                newest=one.page.newest_for(solver.target),
                asked_by=one.roots,
                trust=known.trust,
                unreadable=next(iter(known.unreadable), "")
                if malformed.minds(solver.target)
                else "",
            )


def locked(
    packages: Sequence[Chosen],
    project: KernelProject,
    solver: Solver,
    policy: Policy,
    warnings: tuple[Problem, ...],
) -> Lock:
    """The lock of *packages*, all of which install. Raises IndexUnreachable."""
    files = {one.pin.name: one.files(solver.target) for one in packages}
    sizes = [some[0].size for some in files.values() if some]
    known = [size for size in sizes if size is not None]
    return Lock(
        python_version=project.python_version,
        fingerprint=lock.fingerprint(project, policy.images),
        packages=tuple(_package(one, files[one.pin.name], solver.index) for one in packages),
        warnings=warnings,
        download_size=sum(known) if len(known) == len(files) else None,
    )


def _package(one: Chosen, files: Sequence[File], index: Index) -> LockedPackage:
    asked = [str(one.own.requirement)] if one.own else []
    asked += [f"via {parent}" for parent in one.via]
    return LockedPackage(
        name=one.pin.name,
        version=one.pin.version,
        hashes=tuple(sorted(f"sha256:{index.digest(file)}" for file in files)),
        asked_by=tuple(asked),
        source_only=files[0].tags is None,
    )
