"""What can be wrong with a pin: one type each, with its facts and no sentence.

`checks.pins` makes the findings of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from packaging.version import Version

from kernelspec_lib.findings import RULES
from kernelspec_lib.packages.metadata import Trust
from kernelspec_lib.project import Lib


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLib:
    """The index has no page of this name."""

    code: ClassVar[str] = "KS302"
    lib: Lib
    suggestion: str | None
    """A package that the index has, and that was probably meant."""
    elsewhere: bool = False
    """Whether pip knows further indexes, which are not asked."""
    placeholder: bool = False
    """There is a page, of an empty package that only says that another one was meant."""
    listed: bool = False
    """Whether the suggestion stands among the libs already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchVersion:
    """No release is as the line asks."""

    code: ClassVar[str] = "KS301"
    lib: Lib
    newest: Version | None
    """The newest that installs on the target as it is; None: there is none."""
    withdrawn: Version | None = None
    """The newest that the line would admit if its authors had not withdrawn it."""
    remedy: Version | None = None
    """A release to take instead, which has sources only where none installs as it is; None: none is
    known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseProblem:
    """Something is wrong with one release."""

    lib: Lib | None
    """None: no line asks for it by itself; blamed are the lines in *asked_by*."""
    name: str
    version: Version
    newest: Version | None
    """The newest that installs on the target as it is; None: there is none."""
    remedy: Version | None = None
    """To write in place of the line, or of the only one in *asked_by*; it has sources only where no
    release installs as it is. None: none is known."""
    asked_by: tuple[Lib, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPython(ReleaseProblem):
    """Requires-Python of every release that the line admits leaves the target out."""

    code: ClassVar[str] = "KS303"
    requires_python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWheel(ReleaseProblem):
    """There are files, and none of them installs on the target."""

    code: ClassVar[str] = "KS304"
    offers: tuple[str, ...]
    """Tags of the wheels there are, such as "cp39-cp39-win_amd64"."""
    glibc: tuple[int, int] | None = None
    """Of an image on which it would install; None: a newer C library alone does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOnly(ReleaseProblem):
    """The release has no wheel for the target; its sources would be built by docker build."""

    code: ClassVar[str] = "KS305"
    held_by: tuple[Lib, ...] = ()
    """Lines that hold it back: with others in their place, nothing of it would be built. They are
    blamed, and not those that ask for it."""
    trust: Trust = Trust.EXACT
    """How far it is known what it needs."""
    unreadable: str = ""
    """Of what it says that it needs, what today's tools cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRefused(ReleaseProblem):
    """The release has no wheel for the target, and the site allows no builds from sources."""

    code: ClassVar[str] = "KS311"
    held_by: tuple[Lib, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Yanked(ReleaseProblem):
    """A release that is asked for was withdrawn by its authors."""

    code: ClassVar[str] = "KS306"
    reason: str
    """In their words; often empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(ReleaseProblem):
    """A release that pip refuses, because it cannot read what the wheel says it needs."""

    code: ClassVar[str] = "KS312"
    text: str
    """What cannot be read, such as "torch (>=1.8.*)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownExtra:
    """The release has no extra of this name, so nothing is installed for it."""

    code: ClassVar[str] = "KS307"
    lib: Lib
    extra: str
    version: Version | None = None
    known: tuple[str, ...] = ()
    """Those that it has."""
    newer: Version | None = None
    """A release that has it, that the line admits, and that was not chosen."""
    held_by: tuple[Lib, ...] = ()
    """Lines that do not go with that one; empty: nobody knows which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyPrereleases:
    """No final release is as the line asks; the newest pre-release is taken."""

    code: ClassVar[str] = "KS308"
    lib: Lib
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to write in place of one line, so that all the lines stand together."""

    lib: Lib
    version: Version | None
    """None: the line as it is, without its extras."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Each line can be met, and not all of them together."""

    code: ClassVar[str] = "KS309"
    libs: tuple[Lib, ...]
    """As few as there can be; empty: nobody knows which."""
    explanation: str
    """Which needs what, such as "pandas 2.2.3 needs numpy>=1.23.2"."""
    remedies: tuple[Remedy, ...] = ()
    """Each of them was resolved, with all the other lines; where more is wrong, with remedies for
    that."""
    together: tuple[Remedy, ...] = ()
    """Where none of them would do alone: what resolves if all these lines are changed."""
    alone: bool = True
    """Whether nothing else is wrong."""


OfRelease: TypeAlias = OtherPython | NoWheel | SourceOnly | Yanked | Malformed
"""What can be wrong with a release that was chosen."""
Problem: TypeAlias = (
    UnknownLib
    | NoSuchVersion
    | OtherPython
    | NoWheel
    | SourceOnly
    | SourceRefused
    | Yanked
    | UnknownExtra
    | OnlyPrereleases
    | Malformed
    | Conflict
)


def is_error(problem: Problem) -> bool:
    """Whether there can be no lock with *problem*."""
    return RULES[problem.code].severity.fails
