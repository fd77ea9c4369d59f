"""uv, asked until what it says holds: sources included, and no release that pip would refuse.

uv knows nothing of what a source distribution needs unless it runs its code, and overlooks upper
bounds of Requires-Python. So it is asked, what it chose is looked at, and it is asked again with
what was learnt; everything learnt is true of the index, so this comes to an end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable, KernelspecError
from kernelspec_lib.packages import malformed, needs, pylock, refusals, uv
from kernelspec_lib.packages.index import Index, IndexConfig, every_page
from kernelspec_lib.packages.metadata import NOTHING, Metadata
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.reader import Reader
from kernelspec_lib.packages.target import Target
from kernelspec_lib.requirement import is_pinned

_ROUNDS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """Resolves requirements for one target, and remembers what it learnt between calls."""

    index: Index
    config: IndexConfig
    target: Target
    environment: Mapping[str, str]
    cache: Path | None
    reader: Reader
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
    """By name, releases that are taken where they can be. Of these names nothing is built that has
    wheels for the target."""
    left: Callable[[], float] = lambda: uv.TIMEOUT
    """Seconds for which one more run of uv is waited for."""
    ahead: list[uv.Compiled | uv.Refused] = field(default_factory=list)
    """What uv said beforehand, for the first question to come."""

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
            else:
                # What was made for other Pythons need not be read: uv takes such one by one.
                built = [pin for pin in answer.pins if pin.name in self.learnt]
                unfit = self._unfit(built, self.index)
                if unfit or not self._learn(answer, wanted):
                    if not (unfit := unfit or self.unfit(answer)) or not self._bar(unfit):
                        return answer
                    nearest = nearest or answer
            answer = self._ask(wanted)
        if nearest is None and isinstance(answer, uv.Compiled) and self._learn(answer, wanted):
            # uv took a release for one that needs nothing, because nothing was known of it.
            why = f"uv came to no end in {_ROUNDS} rounds"
            raise self.reader.unread("the libs", why, "pin those that have only sources")
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

    def apart(self, left: Callable[[], float]) -> Solver:
        """One that knows the same, and learns for itself, in a thread of its own. left: its own."""
        return replace(
            self,
            learnt={name: dict(releases) for name, releases in self.learnt.items()},
            constraints=dict(self.barred),
            foreseen=set(self.foreseen),
            refreshed=list(self.refreshed),
            left=left,
            ahead=[],
        )

    @property
    def barred(self) -> Mapping[str, None]:
        """Of the constraints those that hold for every question: who needs a withdrawn release may
        not be among the next."""
        return {one: None for one in self.constraints if "!=" in one}

    def take(self, other: Solver) -> None:
        """What *other* learnt is true of the index, and so for this one."""
        for name, releases in other.learnt.items():
            self.learnt.setdefault(name, {}).update(releases)
        self.constraints.update(other.barred)
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
        # Of what may be built uv sees no wheels.
        whole = (self.reader.with_wheels(one) if one.name in self.learnt else one for one in pins)
        return malformed.among(whole, self.said, self.index, self.target)

    def told(self, pin: pylock.Pin) -> Page | None:
        """The release of *pin* as uv has seen it, if that installs; None: its page has to be seen.

        uv's answer has its wheels, and its cache what Pythons they say they are for. A wheel that
        says nothing may have it said on its page.
        """
        if pin.withdrawn or pin.name in self.learnt:
            return None
        read = self.reader.readings.of(pin)
        if read is None or not read.requires_python:
            return None
        files = tuple(replace(one, requires_python=read.requires_python) for one in pin.files)
        if not any(one.installs(self.target) for one in files):
            return None
        return Page(name=pin.name, releases={Version(pin.version): files})

    def said(self, pin: pylock.Pin) -> Metadata | None:
        """What the release of *pin* says of itself, where that was read here, or by uv."""
        return self.learnt.get(pin.name, {}).get(Version(pin.version)) or self.reader.readings.of(
            pin
        )

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
            without_sources=self.reader.without_sources(self.learnt),
            constraints=tuple(self.constraints),
            finals_only=self.finals_only,
            preferred=self.preferred,
            fresh=fresh,
        ).answer(max(0.1, self.left()))

    def _may_be_built(self, refusal: str) -> bool:
        """Lets packages be built that have sources and that uv missed wheels of; False: no more."""
        named = refusals.without_wheels(refusal)
        return self.let_build([name for name in named if name not in self.learnt])

    def let_build(self, names: Sequence[str]) -> bool:
        """Lets those of *names* be built that have sources; False: none of them has."""
        pages, target = self.pages(names), self.target
        spared = [
            name for name in pages if name in self.preferred and pages[name].newest_for(target)
        ]
        more = [name for name in pages if name not in spared and pages[name].has_source_for(target)]
        for name in more:
            self.learnt.setdefault(name, dict(self.reader.known.get(name, {})))
            self._bar_refusing(pages[name])
        return bool(more)

    def has_wheel(self, name: str, version: Version) -> bool:
        """Whether *version* of *name* installs as it is. Raises IndexUnreachable."""
        return self.pages([name])[name].usable(version, self.target, built=False)

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
        told = refusals.withdrawn(refusal)
        more = [
            one
            for one in sorted(told.keys() - self.constraints.keys())
            if any(self._pins(Requirement(one), *who) for who in told[one])
        ]
        self.constraints.update(dict.fromkeys(more))
        return bool(more)

    def _pins(self, release: Requirement, name: str, version: str) -> bool:
        """Whether *version* of *name* pins *release*; yes where that cannot be told.

        version: if empty, the newest is looked at.
        """
        page = self.pages([name], self.index.recent())[name]
        looked = Version(version) if version else page.newest_for(self.target)
        if looked is None:
            return True
        try:
            told = self.reader.read(page, looked)
        except KernelspecError:
            return True
        needed = needs.holding(told.requires, {"", *self.extras.get(name, ())}, self.target)
        wanted = canonicalize_name(release.name)
        return any(canonicalize_name(one.name) == wanted and is_pinned(one) for one in needed)

    def _learn(self, compiled: uv.Compiled, asked: Sequence[Requirement]) -> bool:
        """Reads what the chosen releases need that may be built; False: all of it was known.

        asked: what the user wants.
        """
        built = [pin for pin in compiled.pins if pin.name in self.learnt]
        if not built:
            return False
        told = {pin.name: self.said(pin) or NOTHING for pin in compiled.pins}
        extras = needs.wanted(told, self.extras, self.target)
        seen = [(pin.name, Version(pin.version), frozenset(extras[pin.name])) for pin in built]
        news = [one for one in seen if one not in self.foreseen]
        pages = self.pages([name for name, _, _ in news])
        known = len(self.learnt)
        waiting = [one for one in news if one[1] not in self.learnt[one[0]]]
        read = self.reader.read_all([(pages[name], version) for name, version, _ in waiting])
        for (name, version, wanted), needed in zip(waiting, read, strict=True):
            before = len(self.learnt[name])
            self.learnt[name][version] = needed
            # Where uv has gone back once it will go back again.
            against = partial(self.against, extras=set(wanted), asked=asked)
            is_out = bool(against(needed))
            if before or is_out:
                least = 0 if is_out else 4 * before + 4
                self.learnt[name] |= self.reader.read_below(pages[name], version, least, against)
        for name, version, wanted in news:
            self.foreseen.add((name, version, wanted))
            self._foresee(self.learnt[name][version], wanted)
        return bool(waiting) or len(self.learnt) > known

    def against(
        self, metadata: Metadata, extras: set[str], asked: Sequence[Requirement]
    ) -> list[Requirement]:
        """What of that which is *asked* for leaves out a release with *metadata*, of which *extras*
        are wanted; "" stands for none. Raises IndexUnreachable."""
        needed = list(needs.holding(metadata.requires, extras, self.target))
        return [
            one
            for one in asked
            for need in needed
            if canonicalize_name(one.name) == canonicalize_name(need.name)
            and not self._meet(need, one)
        ]

    def _meet(self, one: Requirement, other: Requirement) -> bool:
        """Whether a release of a package is as both want it."""
        both = one.specifier & other.specifier
        page = self.index.page(str(canonicalize_name(one.name)))
        releases = page.releases if page else ()
        return any(both.contains(version, prereleases=True) for version in releases)

    def _foresee(self, metadata: Metadata, extras: Collection[str]) -> None:
        """Lets be built what *metadata* asks for and what has no wheel that would do.

        Else uv would go back to an old release of which nothing is known, and that seems to need
        nothing.
        """
        wanted = list(needs.holding(metadata.requires, set(extras), self.target))
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
        return every_page(index or self.index, names)
