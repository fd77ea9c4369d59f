"""A case of the conformance suite, what became of it, and what a launcher is known not to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kernelspec_lib.conformance.subject import Subject

Outcome = Literal["passed", "failed", "known", "not run"]
"""known: it failed, as this launcher is known to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that a kernel on a hub must do."""

    id: str
    what: str
    """What must hold, in a few words."""
    how: str
    """What is done to see it."""
    run: Callable[[Subject], None]
    """Raises CaseFailed, NotRun, or any KernelspecError; returns where it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one case."""

    case: Case
    outcome: Outcome
    reason: str
    """Why it failed or was not run; empty where it passed."""
    seconds: float


_NO_WATCH = "nothing watches the client of a plain docker run"
_NO_VOICE = "a plain docker run cannot speak in the notebook"

KNOWN: Mapping[str, Mapping[str, str]] = {
    "direct": {
        "restart-forced": "the killed client leaves its container, which keeps the ports",
        "shutdown-busy": _NO_WATCH,
        "client-killed": _NO_WATCH,
        "server-killed": _NO_WATCH,
        "out-of-memory": _NO_VOICE,
        "folder": "a static command line names one folder",
        "budget": "a plain docker run knows no budget",
    }
}
"""By launcher, the cases that it cannot pass, and why."""


def report(kernel_name: str, launcher: str, verdicts: list[Verdict]) -> dict[str, Any]:
    """The JSON report."""
    return {
        "version": 1,
        "kernel": kernel_name,
        "launcher": launcher,
        "cases": [
            {
                "id": one.case.id,
                "what": one.case.what,
                "how": one.case.how,
                "outcome": one.outcome,
                "reason": one.reason,
                "seconds": round(one.seconds, 3),
            }
            for one in verdicts
        ],
    }
