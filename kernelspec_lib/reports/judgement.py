"""What a run found: the one input of every report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernelspec_lib.document import Document
from kernelspec_lib.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Which files were looked at, and what is to be changed in them."""

    checked: tuple[str, ...]
    """The files, as the user named them, in the order they were judged."""
    findings: tuple[Finding, ...]
    """By file, in the order of their places."""
    sources: Mapping[str, Document] = field(default_factory=dict)
    """The text of each JSON file, so that a report can show the line."""
    unfinished: bool = False
    """Whether something could not be checked: no findings then does not mean that all is well."""

    @property
    def errors(self) -> int:
        """How many findings fail the run."""
        return sum(one.is_error for one in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a report for people looks. Reports for machines do not care."""

    color: bool = False
    width: int = 100
    """Columns of the terminal."""
    summary: bool = True
