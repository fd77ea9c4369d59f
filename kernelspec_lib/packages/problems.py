"""What can be wrong with a pin: one type each, with its facts and no sentence.

`checks.pins` makes the findings of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from packaging.version import Version

from kernelspec_lib.findings import RULES
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchVersion:
    """No release is as the line asks."""

    code: ClassVar[str] = "KS301"
    lib: Lib
    newest: Version | None
    """The newest that installs on the target; None: there is none."""
    withdrawn: Version | None = None
    """The newest that the line would admit if its authors had not withdrawn it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPython:
    """Requires-Python of every release that the line admits leaves the target out."""

    code: ClassVar[str] = "KS303"
    lib: Lib | None
    """None: no line asks for it by itself; blamed are the lines in *asked_by*."""
    name: str
    version: Version
    requires_python: str
    newest: Version | None
    asked_by: tuple[Lib, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWheel:
    """There are files, and none of them installs on the target."""

    code: ClassVar[str] = "KS304"
    lib: Lib | None
    name: str
    version: Version
    offers: tuple[str, ...]
    """Tags of the wheels there are, such as "cp39-cp39-win_amd64"."""
    newest: Version | None
    has_source: bool = False
    """Whether it could be built, which this resolve does not do."""
    asked_by: tuple[Lib, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOnly:
    """The release has no wheel for the target; its sources would be built by docker build."""

    code: ClassVar[str] = "KS305"
    lib: Lib
    version: Version
    newest: Version | None
    """The newest that has a wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yanked:
    """The one release that the line asks for was withdrawn by its authors."""

    code: ClassVar[str] = "KS306"
    lib: Lib
    version: Version
    reason: str
    newest: Version | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownExtra:
    """The release has no extra of this name, so nothing is installed for it."""

    code: ClassVar[str] = "KS307"
    lib: Lib
    extra: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyPrereleases:
    """No final release is as the line asks; the newest pre-release is taken."""

    code: ClassVar[str] = "KS308"
    lib: Lib
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Each line can be met, and not all of them together."""

    code: ClassVar[str] = "KS309"
    libs: tuple[Lib, ...]
    """The lines that the explanation names; empty: it names none."""
    explanation: str


Problem: TypeAlias = (
    UnknownLib
    | NoSuchVersion
    | OtherPython
    | NoWheel
    | SourceOnly
    | Yanked
    | UnknownExtra
    | OnlyPrereleases
    | Conflict
)


def is_error(problem: Problem) -> bool:
    """Whether there can be no lock with *problem*."""
    return RULES[problem.code].severity.fails
