"""What releases need, where uv cannot tell: each is read once in a run, and archives once for all.

Where uv goes back from release to release, older ones are read before it asks for them: each step
would be a run of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable, KernelspecError
from kernelspec_lib.packages.archives import Archives
from kernelspec_lib.packages.index import Index, IndexConfig
from kernelspec_lib.packages.metadata import Metadata, Trust
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.pylock import Pin
from kernelspec_lib.packages.readings import Readings
from kernelspec_lib.packages.settings import CONNECTIONS
from kernelspec_lib.packages.target import Target

_MOST_AHEAD = 64
"""Releases of one package that are read before uv asks for them, at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads what releases need on one target. All solvers of a run share it."""

    index: Index
    config: IndexConfig
    target: Target
    cache: Path | None
    """uv's."""
    known: dict[str, dict[Version, Metadata]] = field(default_factory=dict)
    """By name, what was read in this run."""
    unsourced: dict[str, tuple[Version, ...]] = field(default_factory=dict)
    """By name, the releases that have wheels for the target alone."""
    readings: Readings = field(init=False)
    archives: Archives = field(init=False)

    def __post_init__(self) -> None:
        """Looks into the cache of uv."""
        object.__setattr__(self, "readings", Readings(self.cache))
        object.__setattr__(self, "archives", Archives(self.cache))

    def read(self, page: Page, version: Version) -> Metadata:
        """What *version* needs, if that can be told. Raises IndexUnreachable."""
        return self._read(page, version, None)

    def read_all(self, wanted: Sequence[tuple[Page, Version]]) -> list[Metadata]:
        """As `read`, of all that is *wanted*, side by side."""
        with ThreadPoolExecutor(max_workers=CONNECTIONS) as threads:
            return list(threads.map(lambda one: self.read(*one), wanted))

    def without_sources(self, names: Collection[str]) -> list[tuple[str, Version]]:
        """The releases of *names* that have wheels alone. Raises IndexUnreachable."""
        for name in names:
            if name not in self.unsourced:
                page = self.index.page(name) or Page(name=name)
                self.unsourced[name] = tuple(page.without_sources(self.target))
        return [(name, version) for name in names for version in self.unsourced[name]]

    def with_wheels(self, pin: Pin) -> Pin:
        """*pin*, with the wheels for the target that its page has. Raises IndexUnreachable."""
        page = self.index.page(pin.name) or Page(name=pin.name)
        files = (one for one in page.of(Version(pin.version)) if one.installs(self.target))
        return replace(pin, files=tuple(files))

    def read_below(
        self,
        page: Page,
        version: Version,
        least: int,
        against: Callable[[Metadata], object],
    ) -> Mapping[Version, Metadata]:
        """What releases below *version* need, the next ones first.

        least: how many are read anyway; and then, as long as something speaks *against* them, more.
        """
        found: dict[Version, Metadata] = {}
        below = islice(self._below(page, version), _MOST_AHEAD)
        with ThreadPoolExecutor(max_workers=CONNECTIONS) as threads:
            while some := list(islice(below, CONNECTIONS)):
                told = threads.map(lambda one: self.glance(page, one), some)
                read = {one: what for one, what in zip(some, told, strict=True) if what}
                found |= read
                if len(found) >= least and not all(map(against, read.values())):
                    break
        return found

    def glance(self, page: Page, version: Version) -> Metadata | None:
        """As `read`, of a little. None: nobody has chosen it yet, and whoever does will be told."""
        try:
            return self._read(page, version, 0)
        except KernelspecError:
            return None

    def _below(self, page: Page, version: Version) -> Iterator[Version]:
        """Those of the releases below *version* of which a little says what they need."""
        for one in sorted((one for one in page.releases if one < version), reverse=True):
            usual = version.is_prerelease or not one.is_prerelease
            if usual and self._is_quick(page.of(one)):
                yield one

    def _is_quick(self, files: Sequence[File]) -> bool:
        """Whether *files* are for the target, and a little of one says what the release needs."""
        wheels = [one for one in files if one.installs(self.target)]
        sources_ = [one for one in files if one.is_source_for(self.target)]
        told = [*wheels, *sources_][:1]
        return any(one.metadata or one.filename.endswith((".tar.gz", ".whl")) for one in told)

    def _read(self, page: Page, version: Version, most: int | None) -> Metadata:
        """As `read`. most: as in `sources.read`."""
        known = self.known.setdefault(page.name, {})
        if version not in known:
            known[version] = self._kept(page, version, most)
        return known[version]

    def _kept(self, page: Page, version: Version, most: int | None) -> Metadata:
        files = page.of(version)
        fitting = [one for one in files if one.installs(self.target)]
        counted = fitting or files
        if (kept := self.archives.get(counted)) is not None:
            return kept
        # Archives are read of few kernels only.
        from kernelspec_lib.packages import ranges, sources

        limit = ranges.WHOLE if most is None else most
        told = sources.read(self.index, page.name, counted, built=not fitting, most=limit)
        if fitting and told.trust is Trust.UNKNOWN:
            # It has needs, which pip would see: nothing could be said of a lock with it.
            why = "the index has its metadata not beside its wheel, and in it there is none to read"
            raise self.unread(
                f"{page.name} {version}", why, f"ask for another version of {page.name}"
            )
        self.archives.put(counted, told)
        return told

    def unread(self, what: str, why: str, remedy: str) -> IndexUnreachable:
        """The trouble that nobody can tell what *what* needs."""
        reason = f"what {what} needs could not be told: {why}"
        return IndexUnreachable(self.config.shown, reason, remedy)
