"""Which Debian packages a library wants that is compiled here: by its name, by what it said.

What is known stands in system_packages.json, in Debian's names for bookworm and trixie:

- `headers`, `programs`, `modules` (pkg-config's) and `sayings` (pieces of a library's own words):
  what a failed build misses, and the packages that hold it.
- `libraries`: by a library's normalised name, all that usually helps where the base image has
  none of it. pyspark needs its Java to run.
- `tried`: by the same name, what became of its sdist: `version`; `before`, what was there at first;
  `steps`, each with the line that told and the packages that it led to; `built`, whether it was
  there in the end, else `then`, what stopped it. tests/delivery/try_compiling.py tries them all
  anew, and writes them down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("system_packages.json")
_HEADER = re.compile(r"fatal error: '?([\w.+/-]+\.h(?:pp|h)?)'?(?::| file)")
_MODULES = (
    re.compile(r"No package '([\w.+-]+)' found"),
    re.compile(r"Package '?([\w.+-]+)'?,? (?:was not found in|required by .*not found)"),
    re.compile(r"Dependency \"([\w.+-]+)\" not found"),
    re.compile(r"([\w.+-]+) is not installed or not in path"),
    re.compile(
        r"Dependency lookup for ([\w.+-]+) with method 'pkg-?config' failed: Pkg-config error"
    ),
)
_PROGRAMS = (
    re.compile(r"No such file or directory: '(?:/\S*/)?([\w.+-]*[\w+])'"),
    re.compile(r"\b([\w.+-]*[\w+]): (?:command )?not found"),
    re.compile(r"\b([\w.+-]*[\w+]) executable not found"),
    re.compile(r"command '([\w.+-]*[\w+])' failed: No such file"),
    re.compile(r"The '([\w.+-]*[\w+])' utility is missing"),
    re.compile(r"Unable to invoke ([\w.+-]*[\w+])"),
    re.compile(r"\b([\w.+-]*[\w+]) probably not installed"),
    re.compile(r"(Pkg-config) for machine host machine not found"),
    re.compile(r"Unknown compiler\(s\): \[\['([\w.+-]*[\w+])'\]"),
    re.compile(r"cannot execute '([\w.+-]*[\w+])'"),
)
_TRIPLET = re.compile(r"^\w+-linux-gnu-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """What a failed build misses."""

    line: str
    """The one that tells."""
    missing: str
    """Its name: a header, a program, a module of pkg-config's, or a library's own words."""
    packages: tuple[str, ...]
    """What brings it; empty: nothing is known of it."""


@cache
def table() -> Mapping[str, Any]:
    """All that is known, read when it is asked for."""
    found: Mapping[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return found


def helping(name: str) -> tuple[str, ...]:
    """The packages for *name*, normalised; empty: nothing is known of it."""
    return tuple(table()["libraries"].get(name, ()))


def clue(lines: Sequence[str], given: Collection[str] = ()) -> Clue | None:
    """What the build that said *lines* misses; *given*: the packages that it had.

    The last one: what comes earlier may be a question that the build can do without.
    """
    unknown: Clue | None = None
    for line in reversed(lines):
        for found in clues(line):
            if not found.packages:
                unknown = unknown or found
            elif not set(found.packages) <= set(given):
                return found
    return unknown


def clues(line: str) -> Iterator[Clue]:
    """All that *line* may say of what is missing."""
    known = table()
    for said, packages in known["sayings"].items():
        if said in line:
            yield Clue(line=line, missing=said, packages=tuple(packages))
    if found := _HEADER.search(line):
        packages = known["headers"].get(found[1], ())
        yield Clue(line=line, missing=found[1], packages=tuple(packages))
    for patterns, kind in ((_MODULES, "modules"), (_PROGRAMS, "programs")):
        for found in filter(None, (one.search(line) for one in patterns)):
            name = _TRIPLET.sub("", found[1]).lower() if kind == "programs" else found[1]
            if name in known[kind]:
                yield Clue(line=line, missing=name, packages=tuple(known[kind][name]))
