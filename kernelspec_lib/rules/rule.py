"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: an error fails the run, a warning does not."""

    ERROR = "error"
    WARNING = "warning"

    @property
    def fails(self) -> bool:
        """Whether a finding of this severity fails the run."""
        return self is Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong in a kernel's files."""

    code: str
    name: str
    """A word for people: kebab-case, unique."""
    severity: Severity
    why: str
    """What goes wrong for whom where the rule is broken."""
    bad: str
    """An example that breaks the rule."""
    good: str
    """The same example, mended."""

    @property
    def url(self) -> str:
        """Where the rule is told of, relative to the root of this repository."""
        return f"docs/rules.md#{self.code.lower()}"


def error(code: str, name: str, why: str, bad: str, good: str) -> Rule:
    """A rule whose breach fails the run."""
    return Rule(code=code, name=name, severity=Severity.ERROR, why=why, bad=bad, good=good)


def warning(code: str, name: str, why: str, bad: str, good: str) -> Rule:
    """A rule whose breach is worth a word."""
    return Rule(code=code, name=name, severity=Severity.WARNING, why=why, bad=bad, good=good)
