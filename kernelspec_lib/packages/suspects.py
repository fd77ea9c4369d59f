"""Who may keep a package back at an old release, told by what releases say of each other.

A line that admits none of its newer releases; a package that needs it old; and, where its newest
one needs another package newer than that is here, whoever keeps that one back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from packaging.version import Version

from kernelspec_lib.packages import needs, pylock
from kernelspec_lib.packages.askers import Askers
from kernelspec_lib.packages.metadata import NOTHING
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.settings import CONNECTIONS
from kernelspec_lib.project import Lib

_MOST_LOOKED = 24
"""Packages that are looked at for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reasons:
    """Why a package is not at its newest release."""

    lines: Sequence[Lib] = ()
    """Of the user's, that do not admit it."""
    packages: Sequence[str] = ()
    """By name, that are to be looked at for more reasons."""
    is_old: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """Looks for the lines that may keep packages back."""

    askers: Askers
    known: dict[str, _Reasons] = field(default_factory=dict)
    """What was found, by name."""

    def of(self, names: Sequence[str]) -> tuple[Lib, ...]:
        """The lines that may keep the packages *names* back. Raises IndexUnreachable."""
        found: set[str] = set()
        seen, looked = list(names)[:_MOST_LOOKED], 0
        while looked < len(seen):
            new, looked = seen[looked:], len(seen)
            for reasons in self._reasons(new):
                found.update(lib.pointer for lib in reasons.lines)
                more = [one for one in reasons.packages if one not in seen]
                seen += list(dict.fromkeys(more))[: _MOST_LOOKED - len(seen)]
        return tuple(lib for lib in self.askers.libs if lib.pointer in found)

    def is_old(self, name: str) -> bool:
        """Whether there is a newer release of *name*, that was looked at, than was chosen."""
        return name in self.known and self.known[name].is_old

    def _reasons(self, names: Sequence[str]) -> Iterator[_Reasons]:
        new = [name for name in names if name not in self.known]
        pages = self.askers.solver.pages(new, self.askers.solver.index.recent())
        with ThreadPoolExecutor(max_workers=CONNECTIONS) as threads:
            found = threads.map(lambda name: self._reason(name, pages[name]), new)
            self.known.update(zip(new, found, strict=True))
        yield from (self.known[name] for name in names)

    def _reason(self, name: str, page: Page) -> _Reasons:
        one, askers = self.askers.chosen[name], self.askers
        newer = self._next(page, one.version)
        if newer is None:
            return _Reasons(is_old=False)
        own = [lib for lib in askers.libs if lib.name == name]
        if any(newer not in lib.requirement.specifier for lib in own):
            return _Reasons(lines=own)
        forbidding = [
            parent
            for parent in one.via
            if any(needs.forbids(need, name, newer) for need in askers.chosen[parent].needs)
        ]
        if forbidding:
            lines = [lib for parent in forbidding for lib in askers.nearest(parent)]
            return _Reasons(lines=lines, packages=forbidding)
        return _Reasons(packages=list(self._lacking(page, newer)))

    def _next(self, page: Page, version: Version) -> Version | None:
        """The next final release above *version* that installs as it is.

        Who forbids this one forbids those above it too, but for rare cases.
        """
        for newer in sorted(one for one in page.releases if one > version):
            if not newer.is_prerelease and page.usable(
                newer, self.askers.solver.target, built=False
            ):
                return newer
        return None

    def _lacking(self, page: Page, version: Version) -> Iterator[str]:
        """The packages that *version* needs otherwise than they are."""
        target = self.askers.solver.target
        files = tuple(one for one in page.of(version) if one.installs(target))
        pin = pylock.Pin(name=page.name, version=str(version), files=files)
        told = (
            self.askers.solver.said(pin)
            or self.askers.solver.reader.glance(page, version)
            or NOTHING
        )
        extras = {"", *self.askers.solver.extras.get(page.name, ())}
        chosen = {name: one.version for name, one in self.askers.chosen.items()}
        return needs.forbidden(told, extras, chosen, target)
