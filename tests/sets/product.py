"""What resolving says of requirement sets, and the sets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelspec_lib import document
from kernelspec_lib import project as projects
from kernelspec_lib.checks import pins
from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.findings import Finding
from kernelspec_lib.packages import lock, resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.project import KernelProject, Place

DATA: Mapping[str, Any] = json.loads(Path(__file__).with_name("requirement_sets.json").read_text())
SETS: Mapping[str, Mapping[str, Any]] = {one["id"]: one for one in DATA["cases"]}
BUILDS = "KS305"
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one run said of one set."""

    findings: tuple[Finding, ...]
    libs: tuple[str, ...]
    """Normalised names, line by line."""
    lock: Path | None

    @property
    def told(self) -> str:
        """All that it said, for the one who reads why a test failed."""
        return "\n".join(
            f"{one.span.line}: {one.code} {self._lib(one.pointer)}: {one.message} ({one.hint})"
            for one in self.findings
        )

    def blamed(self, *severities: str, code: str = "") -> set[str]:
        """The libs whose lines findings of *severities* (all, where none is named) point at."""
        return {
            self._lib(one.pointer)
            for one in self.findings
            if (not severities or one.severity in severities) and code in one.code
        }

    def _lib(self, pointer: str) -> str:
        number = pointer.removeprefix("/libs/")
        return self.libs[int(number)] if number.isdigit() else pointer


def resolve(one: Mapping[str, Any], folder: Path, config: IndexConfig, cache: Path) -> Verdict:
    """The verdict on the set *one*; the lock, where there is one, is written to *folder*.

    The sets are not kernels: many have no ipykernel, some a line twice, and what the schema says
    of that is not asked for here.
    """
    folder.mkdir(parents=True)
    python = one["python_version"]
    value = {
        "kernel_name": one["id"],
        "python_version": python,
        "base_image": f"python:{python}-slim-bookworm",
        "libs": one["libs"],
    }
    source = document.read(json.dumps(value, indent=2).encode())
    place = Place(requirements="requirements.json", folder=folder, whole=False)
    project = projects.from_document(place, source)
    assert len(project.libs) == len(one["libs"])
    outcome = _resolved(project, config, cache)
    written = folder / "requirements.lock" if isinstance(outcome, Lock) else None
    if written is not None and isinstance(outcome, Lock):
        lock.write(outcome, written)
    return Verdict(
        findings=tuple(pins.check(project, outcome)),
        libs=tuple(lib.name for lib in project.libs),
        lock=written,
    )


def _resolved(project: KernelProject, config: IndexConfig, cache: Path) -> Lock | Unresolved:
    """The outcome; asked for again where the registry at large failed, which is no verdict."""
    for _ in range(TRIES - 1):
        try:
            outcome = resolver.resolve(project, config, os.environ, cache)
        except IndexUnreachable:
            continue
        if isinstance(outcome, Lock) or outcome.trouble is None:
            return outcome
    return resolver.resolve(project, config, os.environ, cache)
