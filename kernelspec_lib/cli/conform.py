"""`try --conformance`: the conformance suite against an installed kernel spec."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kernelspec_lib.cli import common, running
from kernelspec_lib.conformance import case, suite
from kernelspec_lib.conformance.case import Verdict
from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.errors import CommandFailed, ToolMissing
from kernelspec_lib.kernels import budget
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.kernels.spec import for_owner
from kernelspec_lib.policy import Policy

_COLORS = {"passed": "green", "failed": "red", "known": "yellow", "not run": "dim"}


def conform(kernel_name: str, policy: Policy, owner: Owner, timeout: float, as_json: bool) -> int:
    """Run the suite, print its table or report; the exit code."""
    with (
        running.ended_in_order(),
        tempfile.TemporaryDirectory(prefix="kernelspec-conformance-") as folder,
        running.progress(f"the conformance of {kernel_name}") as progress,
    ):
        subject = suite.subject(
            kernel_name,
            for_owner(policy.work_dir, owner),
            lambda asked: budget.room(policy, owner.login, asked),
            _engine(policy),
            Path(folder),
            timeout,
            os.environ,
        )
        verdicts = list(
            suite.run(subject, suite.CASES, lambda case: progress.step(f"{case.id}: {case.what}"))
        )
    if as_json:
        report = case.report(kernel_name, subject.launcher, verdicts)
        common.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(kernel_name, subject.launcher, verdicts)
    return 1 if any(one.outcome == "failed" for one in verdicts) else 0


def _engine(policy: Policy) -> Engine | None:
    """The engine, where this user may ask it: not behind sudo."""
    try:
        return engines.find(os.environ, to_build=False, name=policy.engine)
    except (CommandFailed, ToolMissing):
        return None


def _print(kernel_name: str, launcher: str, verdicts: Sequence[Verdict]) -> None:
    if sys.stdout.isatty():
        _print_table(verdicts)
    else:
        width = max(len(one.case.id) for one in verdicts)
        for one in verdicts:
            told = f": {one.reason}" if one.reason else ""
            common.echo(
                f"{one.outcome:8} {one.case.id:{width}} {one.seconds:6.1f} s  {one.case.what}{told}"
            )
    counts = {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in _COLORS}
    common.echo(
        f"{kernel_name} ({launcher}): {counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['known']} failed as this launcher is known to, {counts['not run']} not run"
    )


def _print_table(verdicts: Sequence[Verdict]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("case", "what", "verdict", "s", box=None, pad_edge=False)
    for one in verdicts:
        told = f"{one.outcome}: {one.reason}" if one.reason else one.outcome
        verdict = Text(told, _COLORS[one.outcome])
        table.add_row(one.case.id, one.case.what, verdict, f"{one.seconds:.1f}")
    Console().print(table)
