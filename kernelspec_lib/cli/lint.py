"""`validate`, `resolve` and `lint`: judge kernels, and print one report."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from kernelspec_lib import project as projects
from kernelspec_lib import reports
from kernelspec_lib.checks import kernel
from kernelspec_lib.checks.kernel import Examined
from kernelspec_lib.cli import common
from kernelspec_lib.cli.reporting import (
    Reporting,
    deliver,
    is_colored,
    report_options,
    terminal_width,
)
from kernelspec_lib.errors import KernelspecError, UsageError
from kernelspec_lib.findings import Finding, in_order
from kernelspec_lib.policy import Policy
from kernelspec_lib.reports.judgement import Judgement, Look

_paths = click.argument("paths", metavar="[PATH]...", nargs=-1)
_output = click.option("--output", metavar="FILE", help="Where the lock goes; for one PATH.")
_index = click.option("--index-url", metavar="URL", help="The package index to ask.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolving:
    """What resolving needs to know; None in its place: no network."""

    policy: Policy
    index_url: str | None
    output: str | None


@click.command("validate")
@_paths
@common.policy_option
@report_options
def validate_command(paths: tuple[str, ...], policy_path: str | None, reporting: Reporting) -> int:
    """Judge kernels without the network.

    Schema, policy and Dockerfile; every error in one run.

    PATH is a kernel's folder or a requirements.json; by default the folder you stand in.
    """
    common.policy_in_force(policy_path)
    return _judge(paths, reporting, whole=True, resolving=None)


@click.command("resolve")
@_paths
@_output
@_index
@common.policy_option
@report_options
def resolve_command(
    paths: tuple[str, ...],
    output: str | None,
    index_url: str | None,
    policy_path: str | None,
    reporting: Reporting,
) -> int:
    """Check the pins, and write requirements.lock.

    The package index is asked what it offers the image's Python, and what fits together.
    """
    policy = common.policy_in_force(policy_path)
    wanted = _Resolving(policy=policy, index_url=index_url, output=output)
    return _judge(paths, reporting, whole=False, resolving=wanted)


@click.command("lint")
@_paths
@_output
@_index
@common.policy_option
@report_options
def lint_command(
    paths: tuple[str, ...],
    output: str | None,
    index_url: str | None,
    policy_path: str | None,
    reporting: Reporting,
) -> int:
    """Validate and resolve: a pipeline's lint stage."""
    policy = common.policy_in_force(policy_path)
    wanted = _Resolving(policy=policy, index_url=index_url, output=output)
    return _judge(paths, reporting, whole=True, resolving=wanted)


def _judge(
    paths: Sequence[str], reporting: Reporting, *, whole: bool, resolving: _Resolving | None
) -> int:
    if resolving and resolving.output and len(paths) > 1:
        raise UsageError("--output names one file, and there are several PATHs")
    examined = [_examine(path, whole=whole) for path in paths or (".",)]
    findings = [finding for one in examined for finding in one.findings]
    troubles: list[KernelspecError] = []
    for one in examined if resolving else ():
        if one.project is None or resolving is None:
            continue
        try:
            findings += _resolve(one, resolving, troubles)
        except KernelspecError as trouble:
            troubles.append(trouble)
    judgement = Judgement(
        checked=tuple(one.place.requirements for one in examined),
        findings=tuple(in_order(filter(reporting.wants, findings))),
        sources={one.place.requirements: one.document for one in examined},
        unfinished=bool(troubles),
    )
    return _tell(judgement, troubles, reporting)


def _examine(path: str, *, whole: bool) -> Examined:
    place = projects.locate(path)
    return kernel.examine(replace(place, whole=place.whole and whole), projects.load(place))


def _tell(judgement: Judgement, troubles: Sequence[KernelspecError], reporting: Reporting) -> int:
    look = Look(
        color=is_colored(reporting, os.environ, sys.stdout),
        width=terminal_width(),
        summary=not reporting.quiet,
    )
    if reporting.verbose:
        for path in judgement.checked:
            click.echo(f"checked {path}", err=True)
    deliver(reports.report(reporting.output_format, judgement, look), reporting)
    for told in dict.fromkeys(str(trouble) for trouble in troubles):
        click.echo(f"kernelspec: {told}", err=True)
    if judgement.errors:
        return 1
    return troubles[0].exit_code if troubles else 0


def _resolve(
    examined: Examined, resolving: _Resolving, troubles: list[KernelspecError]
) -> list[Finding]:
    """The findings about the pins; the lock is written where there is no error among them.

    What could not be looked at is added to *troubles*.
    """
    # What resolving needs takes as long to load as all of validate takes to run.
    from kernelspec_lib.checks import pins
    from kernelspec_lib.packages import index, lock, resolver

    project = examined.project
    assert project is not None  # noqa: S101 - the caller has looked
    config = index.configure(resolving.index_url, resolving.policy, os.environ)
    outcome = resolver.resolve(project, config, os.environ)
    if isinstance(outcome, lock.Lock):
        target = Path(resolving.output or project.place.folder / projects.LOCK)
        lock.write(outcome, target)
        click.echo(f"{target}: {len(outcome.packages)} packages, pinned and hashed", err=True)
    elif outcome.trouble is not None:
        troubles.append(outcome.trouble)
    found = pins.check(project, outcome)
    return [one for one in found if one.is_error or one.code not in project.ignore]
