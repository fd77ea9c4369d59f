"""What is wrong in a user's file: a code, a place and a remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kernelspec_lib.document import START, Fault, Span
from kernelspec_lib.rules import RULES, Rule, Severity

__all__ = ["RULES", "Finding", "Rule", "Severity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to change in one file. Complete when it is made."""

    code: str
    severity: Severity
    message: str
    """What is wrong, in one sentence without a full stop."""
    hint: str
    """What to do about it; empty where the message says it already."""
    path: str
    """The file, as the user named it."""
    pointer: str
    """JSON Pointer (RFC 6901) of the value to change; empty where the file is not JSON."""
    span: Span

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        hint: str = "",
        *,
        path: str,
        pointer: str = "",
        span: Span = START,
    ) -> Finding:
        """A finding with the severity that the rule *code* has. Raises KeyError for no rule."""
        severity = RULES[code].severity
        return cls(
            code=code,
            severity=severity,
            message=message,
            hint=hint,
            path=path,
            pointer=pointer,
            span=span,
        )

    @classmethod
    def from_fault(cls, fault: Fault, path: str) -> Finding:
        """The finding that *fault* is, once its file is known."""
        return cls.of(
            fault.code,
            fault.message,
            fault.hint,
            path=path,
            pointer=fault.pointer,
            span=fault.span,
        )

    @property
    def is_error(self) -> bool:
        """Whether this finding fails the run."""
        return self.severity.fails


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """*findings* by file, in the order of their places."""
    return sorted(findings, key=lambda one: (one.path, one.span.line, one.span.column, one.code))
