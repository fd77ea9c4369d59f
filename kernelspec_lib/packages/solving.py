"""uv, asked until what it says holds: sources included, and no release that pip would refuse.

uv knows nothing of what a source distribution needs unless it runs its code, and overlooks upper
bounds of Requires-Python. So it is asked, what it chose is looked at, and it is asked again with
what was learnt; everything learnt is true of the index, so this comes to an end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable, KernelspecError
from kernelspec_lib.packages import malformed, needs, pylock, refusals, uv
from kernelspec_lib.packages.index import Index, IndexConfig, pages_of
from kernelspec_lib.packages.metadata import NOTHING, Metadata, Trust
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.readings import Readings
from kernelspec_lib.packages.target import Target

_ROUNDS = 16
_MOST_AHEAD, _THREADS = 64, 8
"""Releases that are read before uv asks for them, at the most, and how many at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """Resolves requirements for one target, and remembers what it learnt between calls."""

    index: Index
    config: IndexConfig
    target: Target
    environment: Mapping[str, str]
    cache: Path | None
    learnt: dict[str, dict[Version, Metadata]] = field(default_factory=dict)
    """By name, the packages that may be built, and what their releases need."""
    constraints: dict[str, None] = field(default_factory=dict)
    """As "name!=version", releases of which no file is for the target, or is to be seen; as
    "name==version", those that were withdrawn, and that a package needs all the same: pip takes
    them then."""
    foreseen: set[tuple[str, Version, frozenset[str]]] = field(default_factory=set)
    """The releases whose needs, with those of these extras, were looked at, whether these have to
    be built too."""
    extras: Mapping[str, Collection[str]] = field(default_factory=dict)
    """What the user's lines want of each package besides, as they are written."""
    refreshed: list[bool] = field(default_factory=list)
    """Not empty: uv has asked the index for everything in this run, and need not do so again."""
    finals_only: bool = False
    preferred: Mapping[str, Version] = field(default_factory=dict)
    """By name, releases that are taken where they can be. Nothing of these names is built."""
    read: dict[tuple[str, Version], Metadata] = field(default_factory=dict)
    """What releases need that have to be built: read once, for all solvers of one index."""
    ahead: list[uv.Compiled | uv.Refused] = field(default_factory=list)
    """What uv said beforehand, for the first question to come."""
    readings: Readings = field(init=False)

    def __post_init__(self) -> None:
        """Looks into the cache of uv."""
        object.__setattr__(self, "readings", Readings(self.cache))

    def solve(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        """Releases for *wanted* that all install, or why there are none.

        Where uv came to no end, a Compiled may hold releases that do not install: `unfit` tells.
        Raises IndexUnreachable and ToolMissing.
        """
        nearest: uv.Compiled | None = None
        answer = self._ask(wanted)
        for _ in range(_ROUNDS):
            if isinstance(answer, uv.Refused):
                if not (self._may_be_built(answer.text) or self._may_be_withdrawn(answer.text)):
                    return replace(answer, nearest=nearest)
            elif not self._learn(answer):
                unfit = self.unfit(answer)
                if not unfit or not self._bar(unfit):
                    return answer
                nearest = nearest or answer
            answer = self._ask(wanted)
        if nearest is None and isinstance(answer, uv.Compiled) and self._learn(answer):
            # uv took a release for one that needs nothing, because nothing was known of it.
            why = f"uv came to no end in {_ROUNDS} rounds"
            raise self._unread("the libs", why, "pin those that have only sources")
        return nearest or answer

    def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        """As `solve`; refused is what uv comes to no end with, too. Raises IndexUnreachable."""
        answer = self.solve(wanted)
        if isinstance(answer, uv.Refused):
            if refusals.NO_SOLUTION not in answer.text:
                reason = "uv could not fetch what the libs depend on"
                raise IndexUnreachable(self.config.shown, reason, "try again")
            return answer
        return uv.Refused(text="") if self.unfit(answer) else answer

    def apart(self) -> Solver:
        """One that knows the same, and learns for itself, in a thread of its own."""
        return replace(
            self,
            learnt={name: dict(releases) for name, releases in self.learnt.items()},
            constraints=dict(self.constraints),
            foreseen=set(self.foreseen),
            refreshed=list(self.refreshed),
            ahead=[],
        )

    def take(self, other: Solver) -> None:
        """What *other* learnt is true of the index, and so for this one."""
        for name, releases in other.learnt.items():
            self.learnt.setdefault(name, {}).update(releases)
        self.constraints.update(other.constraints)
        self.foreseen.update(other.foreseen)
        self.refreshed.extend(other.refreshed[:1])

    def unfit(self, compiled: uv.Compiled) -> list[pylock.Pin]:
        """The pins that cannot be installed on the target, built or not."""
        doubted = [pin for pin in compiled.pins if self.told(pin) is None]
        unfit = self._unfit(self._unfit(doubted, self.index.recent()), self.index)
        refused = {} if unfit else self.malformed(compiled.pins)
        return unfit or [pin for pin in compiled.pins if pin.name in refused]

    def malformed(self, pins: Sequence[pylock.Pin]) -> Mapping[str, str]:
        """By name, those of *pins* that pip refuses, with the requirement that it cannot read."""
        return malformed.among(pins, self.said, self.index, self.target)

    def told(self, pin: pylock.Pin) -> Page | None:
        """The release of *pin* as uv has seen it, if that installs; None: its page has to be seen.

        uv's answer has its wheels, and its cache what Pythons they say they are for. A wheel that
        says nothing may have it said on its page.
        """
        if pin.withdrawn or pin.name in self.learnt:
            return None
        read = self.readings.of(pin)
        if read is None or not read.requires_python:
            return None
        files = tuple(replace(one, requires_python=read.requires_python) for one in pin.files)
        if not any(one.installs(self.target) for one in files):
            return None
        return Page(name=pin.name, releases={Version(pin.version): files})

    def said(self, pin: pylock.Pin) -> Metadata | None:
        """What the release of *pin* says of itself, where that was read here, or by uv."""
        return self.learnt.get(pin.name, {}).get(Version(pin.version)) or self.readings.of(pin)

    def _unfit(self, pins: Sequence[pylock.Pin], index: Index) -> list[pylock.Pin]:
        pages = self.pages([pin.name for pin in pins], index)
        return [
            pin
            for pin in pins
            if not pages[pin.name].usable(
                Version(pin.version), self.target, built=pin.name in self.learnt
            )
        ]

    def _ask(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        guessed = bool(self.ahead)
        answer = self.ahead.pop() if guessed else self._once(wanted, fresh=False)
        if isinstance(answer, uv.Compiled) or not (guessed or refusals.NO_SOLUTION in answer.text):
            return answer
        if self.cache is not None and not self.refreshed:
            # What uv kept may be older than a release that the direct look has just seen.
            self.refreshed.append(True)
            return self._once(wanted, fresh=True)
        if guessed and (self.cache is None or not refusals.is_quarrel(answer.text)):
            # The login may not have been known yet: a refusal counts only once all was looked at.
            return self._once(wanted, fresh=False)
        return answer

    def _once(self, wanted: Sequence[Requirement], *, fresh: bool) -> uv.Compiled | uv.Refused:
        return uv.ask(
            wanted,
            self.config,
            self.target,
            self.environment,
            self.cache,
            sources=self.learnt,
            constraints=tuple(self.constraints),
            finals_only=self.finals_only,
            preferred=self.preferred,
            fresh=fresh,
        ).answer()

    def _may_be_built(self, refusal: str) -> bool:
        """Lets packages be built that have sources and that uv missed wheels of; False: no more."""
        named = refusals.without_wheels(refusal)
        return self.let_build([name for name in named if name not in self.learnt])

    def let_build(self, names: Sequence[str]) -> bool:
        """Lets those of *names* be built that have sources; False: none of them has."""
        pages = self.pages([name for name in names if name not in self.preferred])
        more = [name for name, page in pages.items() if page.has_source_for(self.target)]
        for name in more:
            self.learnt.setdefault(name, {})
            self._bar_refusing(pages[name])
        return bool(more)

    def _bar_refusing(self, page: Page) -> None:
        """Bars the releases of *page* whose sources refuse to be built."""
        from kernelspec_lib.packages import names

        refusing = (one for one in page.releases if names.refuses(page.name, one))
        for version in refusing:
            if not page.usable(version, self.target, built=False):
                self.constraints[f"{page.name}!={version}"] = None

    def _may_be_withdrawn(self, refusal: str) -> bool:
        """Lets withdrawn releases count that packages pin; False: there are none more.

        Source: PEP 592, for == and ===. uv takes them only where the user pins them.
        """
        more = refusals.withdrawn(refusal) - self.constraints.keys()
        self.constraints.update(dict.fromkeys(sorted(more)))
        return bool(more)

    def _learn(self, compiled: uv.Compiled) -> bool:
        """Reads what the chosen releases need that may be built; False: all of it was known."""
        built = [pin for pin in compiled.pins if pin.name in self.learnt]
        if not built:
            return False
        told = {pin.name: self.said(pin) or NOTHING for pin in compiled.pins}
        extras = needs.wanted(told, self.extras, self.target)
        seen = [(pin.name, Version(pin.version), frozenset(extras[pin.name])) for pin in built]
        news = [one for one in seen if one not in self.foreseen]
        chosen = [(name, version) for name, version, _ in news]
        waiting = [(name, version) for name, version in chosen if version not in self.learnt[name]]
        pages = self.pages([name for name, _ in chosen])
        known = len(self.learnt)
        # Where uv has gone back once it will go back again, and each step would be a run of it.
        older = [one for name, version in waiting for one in self._older(pages[name], version)]
        with ThreadPoolExecutor(max_workers=_THREADS) as threads:
            ahead = [threads.submit(self._read, pages[name], version, 0) for name, version in older]
            for (name, version), read in zip(
                waiting,
                threads.map(lambda one: self._read(pages[one[0]], one[1]), waiting),
                strict=True,
            ):
                self.learnt[name][version] = read
            for (name, version), future in zip(older, ahead, strict=True):
                # Nobody has chosen it: whoever does will be told.
                with suppress(KernelspecError):
                    self.learnt[name][version] = future.result()
        for name, version, wanted in news:
            self.foreseen.add((name, version, wanted))
            self._foresee(self.learnt[name][version], wanted)
        return bool(waiting) or len(self.learnt) > known

    def _older(self, page: Page, version: Version) -> list[tuple[str, Version]]:
        """The next releases below *version* that uv may go back to; none before it went back."""
        known = self.learnt[page.name]
        if not known:
            return []
        below = sorted((one for one in page.releases if one < version), reverse=True)
        usual = (one for one in below if version.is_prerelease or not one.is_prerelease)
        fitting = (one for one in usual if self._read_quickly(page.of(one)))
        more = islice(fitting, min(4 * len(known) + 4, _MOST_AHEAD))
        return [(page.name, one) for one in more if one not in known]

    def _read_quickly(self, files: Sequence[File]) -> bool:
        """Whether *files* are for the target, and a little of one says what the release needs."""
        wheels = [one for one in files if one.installs(self.target)]
        sources_ = [one for one in files if one.is_source_for(self.target)]
        told = [*wheels, *sources_][:1]
        return any(one.metadata or one.filename.endswith((".tar.gz", ".whl")) for one in told)

    def _read(self, page: Page, version: Version, most: int | None = None) -> Metadata:
        """What *version* needs, if that can be told. most: as in `sources.read`."""
        known = self.read.get((page.name, version))
        if known is not None:
            return known
        files = page.of(version)
        fitting = [one for one in files if one.installs(self.target)]
        name, built = page.name, not fitting
        # Archives are read of few kernels only.
        from kernelspec_lib.packages import ranges, sources

        told = sources.read(
            self.index,
            name,
            fitting or files,
            built=built,
            most=ranges.WHOLE if most is None else most,
        )
        if fitting and told.trust is Trust.UNKNOWN:
            # It has needs, which pip would see: nothing could be said of a lock with it.
            why = "the index has its metadata not beside its wheel, and in it there is none to read"
            raise self._unread(f"{name} {version}", why, f"ask for another version of {name}")
        if most is None or told.trust is not Trust.UNKNOWN:
            self.read[name, version] = told
        return told

    def _unread(self, what: str, why: str, remedy: str) -> IndexUnreachable:
        reason = f"what {what} needs could not be told: {why}"
        return IndexUnreachable(self.config.shown, reason, remedy)

    def _foresee(self, metadata: Metadata, extras: Collection[str]) -> None:
        """Lets be built what *metadata* asks for and what has no wheel that would do.

        Else uv would go back to an old release of which nothing is known, and that seems to need
        nothing.
        """
        seen = [{**self.target.marker_environment, "extra": extra} for extra in extras]
        wanted = [
            requirement
            for requirement in map(Requirement, metadata.requires)
            if requirement.marker is None or any(map(requirement.marker.evaluate, seen))
        ]
        pages = self.pages([str(canonicalize_name(one.name)) for one in wanted])
        for requirement in wanted:
            page = pages[str(canonicalize_name(requirement.name))]
            admitted = [version for version in page.releases if version in requirement.specifier]
            if not any(page.usable(version, self.target, built=False) for version in admitted):
                self.let_build([page.name])

    def _bar(self, unfit: Sequence[pylock.Pin]) -> bool:
        """Bars all releases of what does not install that do not; False: there is no other one."""
        pages = self.pages([pin.name for pin in unfit])
        before = len(self.constraints)
        for pin in unfit:
            page, version = pages[pin.name], Version(pin.version)
            built = pin.name in self.learnt
            barred = [
                one for one in page.releases if not page.usable(one, self.target, built=built)
            ]
            if version not in page.releases:
                # A release of this minute: caches before an index show it to one and not yet to
                # another. What cannot be looked at is not taken, and nobody is blamed for it.
                barred.append(version)
            elif version not in barred:
                barred += [version, *malformed.older(page, version, self.index, self.target)]
            self.constraints.update({f"{pin.name}!={one}": None for one in barred})
        return len(self.constraints) > before

    def pages(self, names: Iterable[str], index: Index | None = None) -> Mapping[str, Page]:
        """The pages of *names*, empty for a package that is not there. Raises IndexUnreachable.

        index: the one to ask, if not the solver's own.
        """
        pages, trouble = pages_of(index or self.index, names)
        if trouble is not None:
            raise trouble
        return {name: page or Page(name=name) for name, page in pages.items()}
