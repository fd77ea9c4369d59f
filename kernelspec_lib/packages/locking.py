"""What uv chose, looked at once more and written down: only what can be installed is good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from packaging.version import Version

from kernelspec_lib.packages import lock, look, uv
from kernelspec_lib.packages.index import Index, pages_of
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.packages.metadata import NOTHING
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import Problem, SourceOnly
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.packages.target import Target
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Lib

_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One release that uv chose."""

    pin: uv.Pin
    version: Version
    page: Page
    """With Requires-Python, if need be from the release's own metadata."""
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


def chosen(compiled: uv.Compiled, libs: Sequence[Lib], index: Index) -> list[Chosen]:
    """The releases in *compiled*, by name, with all that *index* says of them."""
    pages, trouble = pages_of(index, (pin.name for pin in compiled.pins))
    if trouble is not None:
        raise trouble
    roots = _roots(compiled.pins, libs)
    found = [
        Chosen(
            pin=pin,
            version=Version(pin.version),
            page=pages[pin.name] or Page(name=pin.name),
            roots=roots[pin.name],
            own=next((lib for lib in libs if lib.name == pin.name), None),
        )
        for pin in sorted(compiled.pins, key=lambda pin: pin.name)
    ]
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        return list(threads.map(lambda one: _telling(one, index), found))


def _telling(one: Chosen, index: Index) -> Chosen:
    """*one*, whose page says which Pythons it is for, as pages of old indexes never do."""
    files = one.page.of(one.version)
    wheels = [file for file in files if file.tags is not None]
    if not wheels or any(file.requires_python for file in files) or one.page.tells_pythons:
        return one
    from kernelspec_lib.packages import sources

    wanted = sources.read(index, one.page.name, wheels).requires_python
    if not wanted:
        return one
    told = tuple(replace(file, requires_python=wanted) for file in files)
    return replace(one, page=replace(one.page, releases={**one.page.releases, one.version: told}))


def recheck(packages: Sequence[Chosen], solver: Solver) -> Iterator[Problem]:
    """What is wrong with *packages*, each by itself, and which of them have to be built."""
    yield from look.recheck(
        {one.pin.name: one.version for one in packages},
        {one.pin.name: one.page for one in packages},
        {one.pin.name: one.roots for one in packages},
        solver.target,
        solver.learnt,
    )
    for one in packages:
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
    asked += [f"via {parent}" for parent in one.pin.via]
    return LockedPackage(
        name=one.pin.name,
        version=one.pin.version,
        hashes=tuple(sorted(f"sha256:{index.digest(file)}" for file in files)),
        asked_by=tuple(asked),
        source_only=files[0].tags is None,
    )


def _roots(pins: Sequence[uv.Pin], libs: Sequence[Lib]) -> Mapping[str, tuple[Lib, ...]]:
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
