"""Whether lines go together as far as the pinned ones say themselves: the first steps of many.

To resolve anew takes as long as uv takes, and a mistyped pin is to be told before that. What the
pinned releases need of the other lines is read in one round of requests; beside what is older than
the Python itself, where most quarrels are, a second step is looked at in one round more. Whoever
finds a quarrel here asks uv, and where there is none there was hardly ever one further down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from operator import and_

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages import malformed, needs
from kernelspec_lib.packages.index import Index, every_page
from kernelspec_lib.packages.metadata import Metadata
from kernelspec_lib.packages.pages import Page, version
from kernelspec_lib.packages.pylock import Pin
from kernelspec_lib.packages.settings import CONNECTIONS
from kernelspec_lib.packages.target import Target
from kernelspec_lib.project import Lib
from kernelspec_lib.requirement import is_pinned

_EXACT = ("==", "===", "~=")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Lines that are to go together. All by name."""

    bounds: Mapping[str, SpecifierSet]
    pages: Mapping[str, Page]
    pins: Mapping[str, Version]
    """Of those that admit one release, or a series of which all need about the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Looks at lines on *target*, and remembers what releases need."""

    index: Index
    target: Target
    known: Callable[[Pin], Metadata | None]
    """What uv has read of a release."""
    told: dict[tuple[str, Version], Future[Metadata]] = field(default_factory=dict)

    def foresee(
        self, page: Page, pinned: Version, threads: Executor, *, is_new: bool = True
    ) -> None:
        """Has *threads* read what a release needs: whoever will want to know waits for that.

        is_new: nobody wrote it yet, so pip has to be able to read it, too.
        """
        if (page.name, pinned) not in self.told:
            self.told[page.name, pinned] = threads.submit(self._needs, page, pinned, is_new)

    def clashes(
        self, libs: Sequence[Lib], new: Collection[str], old: Collection[str] = ()
    ) -> Sequence[Collection[str]]:
        """The names of who needs what cannot be; none where no line speaks against another.

        What pip cannot read cannot be, either. new: the names of those that the user did not write,
        but would have to: all that these need besides has to be there, and is not looked at. old:
        the names of those of which the user wrote releases that are older than the target's Python.
        Raises IndexUnreachable.
        """
        bounds: dict[str, SpecifierSet] = {}
        extras: dict[str, set[str]] = {}
        for lib in libs:
            bounds[lib.name] = bounds.get(lib.name, SpecifierSet()) & lib.requirement.specifier
            extras.setdefault(lib.name, set()).update(lib.requirement.extras)
        pages = every_page(self.index, bounds)
        told = {lib.name for lib in libs if _is_narrow(lib.requirement)}
        pins = {name: one for name in told if (one := pages[name].newest_in(bounds[name]))}
        lines = _Lines(bounds=bounds, pages=pages, pins=pins)
        read = self._read(pins, pages, new)
        needed = needs.counted(read, extras, self.target)
        refused = [name for name in new if name in read and read[name].unreadable]
        found: list[Collection[str]] = [(name,) for name in refused if malformed.minds(self.target)]
        others: dict[str, dict[str, SpecifierSet]] = {}
        for name, need in ((name, need) for name, some in needed.items() for need in some):
            other = str(canonicalize_name(need.name))
            if other not in bounds:
                wanting = others.setdefault(other, {})
                wanting[name] = wanting.get(name, SpecifierSet()) & need.specifier
            elif self._speaks_against(need, lines):
                found.append((name, other))
        found += [some.keys() for some in others.values() if not _can_be(some.values())]
        return found or self._missing(others, new) or self._further(others, lines, new, old)

    def builds(self, name: str, release: Version) -> bool:
        """Whether something that *release* of *name*, a new one, needs itself has to be built.

        Raises IndexUnreachable.
        """
        told = self._read({name: release}, every_page(self.index, [name]), [name])[name]
        needed = list(needs.holding(told.requires, {""}, self.target))
        bounds = {str(canonicalize_name(need.name)): need.specifier for need in needed}
        pages = every_page(self.index.recent(), bounds)
        return not all(self._has(pages[one], bounds[one], built=False) for one in bounds)

    def _speaks_against(self, need: Requirement, lines: _Lines) -> bool:
        """Whether one of *lines* is of the package of *need*, and cannot be as that wants it."""
        name = str(canonicalize_name(need.name))
        if name not in lines.bounds:
            return False
        quick = name in lines.pins and _admits(need.specifier, lines.pins[name])
        return not quick and not self._has(lines.pages[name], lines.bounds[name] & need.specifier)

    def _missing(
        self, needed: Mapping[str, Mapping[str, SpecifierSet]], new: Collection[str]
    ) -> Sequence[Collection[str]]:
        """Of what is *needed*, by its name and that of who needs it, what the target cannot have.

        Looked at is what few releases would do for.
        """
        exact = [
            (name, other, bound)
            for other, some in needed.items()
            for name, bound in some.items()
            if name not in new and any(one.operator in _EXACT for one in bound)
        ]
        pages = every_page(self.index.recent(), {other for _, other, _ in exact})
        return [(name, other) for name, other, bound in exact if not self._has(pages[other], bound)]

    def _further(
        self,
        needed: Mapping[str, Mapping[str, SpecifierSet]],
        lines: _Lines,
        new: Collection[str],
        old: Collection[str],
    ) -> Sequence[Collection[str]]:
        """The names of who needs what speaks against *old* ones of *lines* itself, and of these.

        Looked at is what *new* ones need beside *old* ones that stay as they are, and what is not
        pinned beside new ones in the place of old ones. Arguments: as of `_missing` and `clashes`.
        """
        wanted = {}
        if any(name in lines.pins and name not in new for name in old):
            for name, some in needed.items():
                if not some.keys().isdisjoint(new):
                    wanted[name] = _together(some.values())
        if any(name in new for name in old):
            wanted |= {name: one for name, one in lines.bounds.items() if name not in lines.pins}
        # What both ends speak against, what lies between them hardly ever admits.
        newest = self._against(wanted, lines, newest=True)
        oldest = self._against({name: wanted[name] for name in newest}, lines, newest=False)
        both = {name: (newest[name] & oldest[name]).intersection(old) for name in oldest}
        return [(*needed.get(name, [name]), *some) for name, some in both.items() if some]

    def _against(
        self, wanted: Mapping[str, SpecifierSet], lines: _Lines, *, newest: bool
    ) -> Mapping[str, set[str]]:
        """Of what is *wanted*, by name, the names of *lines* that its newest or oldest release
        speaks against, if there are any."""
        pages = every_page(self.index.recent(), wanted)
        ends = {name: self._end(pages[name], wanted[name], newest=newest) for name in wanted}
        pins = {name: one for name, one in ends.items() if one is not None}
        needed = needs.counted(self._read(pins, pages), {}, self.target)
        found = {
            name: {
                str(canonicalize_name(need.name))
                for need in some
                if self._speaks_against(need, lines)
            }
            for name, some in needed.items()
        }
        return {name: against for name, against in found.items() if against}

    def _end(self, page: Page, bound: SpecifierSet, *, newest: bool) -> Version | None:
        """The newest or the oldest final release of *page* in *bound* that installs as it is."""
        for one in sorted(page.releases, reverse=newest):
            if bound.contains(one, prereleases=False) and any(
                file.installs(self.target) and file.yanked is None for file in page.of(one)
            ):
                return one
        return None

    def _has(self, page: Page, specifier: SpecifierSet, *, built: bool = True) -> bool:
        """Whether *page* has a release in *specifier* for the target, *built* or not."""
        return any(
            _admits(specifier, one) and page.usable(one, self.target, built=built)
            for one in sorted(page.releases, reverse=True)
        )

    def _read(
        self,
        pins: Mapping[str, Version],
        pages: Mapping[str, Page],
        new: Collection[str] = (),
    ) -> Mapping[str, Metadata]:
        """What the releases in *pins* say of themselves, by name."""
        with ThreadPoolExecutor(max_workers=CONNECTIONS) as threads:
            for name, pinned in pins.items():
                self.foresee(pages[name], pinned, threads, is_new=name in new)
        return {name: self.told[name, pinned].result() for name, pinned in pins.items()}

    def _needs(self, page: Page, pinned: Version, is_new: bool) -> Metadata:
        # Files of releases are read where something is wrong only.
        from kernelspec_lib.packages import sources

        files = page.of(pinned)
        counted = tuple(one for one in files if one.installs(self.target)) or files
        pin = Pin(name=page.name, version=str(pinned), files=counted)
        # uv mends in silence what pip refuses.
        known = None if is_new else self.known(pin)
        return known or sources.read(self.index, page.name, counted, most=0)


def _is_narrow(requirement: Requirement) -> bool:
    """Whether the releases that it admits need about the same: one alone, or those of a series
    such as ~=2.14.0 and ==2.14.*."""
    series = (
        one.version.removesuffix(".*").count(".") >= (2 if one.operator == "~=" else 1)
        for one in requirement.specifier
        if one.operator == "~=" or (one.operator == "==" and one.version.endswith(".*"))
    )
    return is_pinned(requirement) or any(series)


def _can_be(bounds: Iterable[SpecifierSet]) -> bool:
    """Whether there may be a version in all of *bounds*, whatever releases there are.

    A range that has one has its own lower end, or what comes next to it.
    """
    every = _together(bounds)
    ends = [one.version.removesuffix(".*") for one in every]
    near = [f"{end}{more}" for end in ("0", *ends) for more in ("", ".0.0.1")]
    return not ends or any(_admits(every, one) for one in map(version, near) if one)


def _together(bounds: Iterable[SpecifierSet]) -> SpecifierSet:
    return reduce(and_, bounds, SpecifierSet())


def _admits(specifier: SpecifierSet, version: Version) -> bool:
    return specifier.contains(version, prereleases=True)
