"""What a run found: the one input of every report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kernelspec_lib.findings import Finding


class Source(Protocol):
    """A file's text, as far as a report shows it."""

    def line(self, number: int) -> str:
        """The text of line *number* (from 1), without its end; empty past the last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """A file that could not be checked, or not wholly."""

    path: str
    reason: str
    """A sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Which files were looked at, and what is to be changed in them."""

    checked: tuple[str, ...]
    """The files, as the user named them, in the order they were judged."""
    findings: tuple[Finding, ...]
    """By file, in the order of their places."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """The text of each file, so that a report can show the line."""
    unchecked: tuple[Unchecked, ...] = ()
    """Where this is not empty, no findings does not mean that all is well."""
    rules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """For each of *checked* the codes of the rules that it was held against."""
    in_repository: Mapping[str, str] = field(default_factory=dict)
    """From paths as the user named them to paths from the root of the repository.

    What lies outside of it is not here.
    """

    @property
    def errors(self) -> int:
        """How many findings fail the run."""
        return sum(one.is_error for one in self.findings)

    def stood_on(self, finding: Finding) -> str:
        """The text that *finding* points at, as far as it stands on one line."""
        span = finding.span
        end = span.end_column - 1 if span.end_line == span.line else None
        return self.line(finding)[span.column - 1 : end]

    def line(self, finding: Finding) -> str:
        """The line that *finding* points at; empty where there is none."""
        source = self.sources.get(finding.path)
        return source.line(finding.span.line) if source else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a report for people looks. Reports for machines do not care."""

    color: bool = False
    width: int | None = None
    """Columns of the terminal; None: there is none, and no sentence is wrapped."""
    summary: bool = True
