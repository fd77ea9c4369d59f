"""`validate`, `resolve` and `lint`: judge kernels, and print one report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernelspec_lib import keeping
from kernelspec_lib import policy as policies
from kernelspec_lib import project as projects
from kernelspec_lib.checks.opened import Opened, opened
from kernelspec_lib.cli import choosing, common
from kernelspec_lib.cli.choosing import Choice, choice_options
from kernelspec_lib.cli.reporting import (
    Reporting,
    deliver,
    in_repository,
    printed,
    report_options,
)
from kernelspec_lib.cli.troubles import Troubles
from kernelspec_lib.errors import KernelspecError, UsageError
from kernelspec_lib.findings import RULES, Finding, in_order
from kernelspec_lib.policy import Policy
from kernelspec_lib.reports.judgement import Judgement, Source, Unchecked
from kernelspec_lib.wording import LINES, printable

if TYPE_CHECKING:
    from kernelspec_lib.checks.kernel import Examined
    from kernelspec_lib.cli.resolving import Answer, Resolved, Resolving
    from kernelspec_lib.packages.lock import Lock
    from kernelspec_lib.project import Place


def _resolving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command what resolving can be told, as its argument *wanted*."""

    @wraps(command)
    def collected(
        output: str | None,
        index_url: str | None,
        locked: bool,
        no_cache: bool,
        policy_path: str | None,
        **given: Any,
    ) -> Any:
        # What resolving needs takes longer to load than all of validate takes to run.
        from kernelspec_lib.cli.resolving import Resolving

        if locked and output is not None:
            raise UsageError("--locked writes nothing, so there is no --output")
        policy = common.policy_in_force(policy_path)
        wanted = Resolving(
            policy=policy,
            policy_path=policies.find(policy_path, os.environ),
            index_url=index_url,
            output=output,
            locked=locked,
            cached=not no_cache,
        )
        return command(wanted=wanted, **given)

    for option in reversed(
        (
            click.option("--output", metavar="FILE", help="Where the lock goes; for one PATH."),
            click.option("--locked", is_flag=True, help="Judge the lock there is; write nothing."),
            click.option("--index-url", metavar="URL", help="The package index to ask."),
            click.option("--no-cache", is_flag=True, help="Use nothing that earlier runs kept."),
            common.policy_option,
        )
    ):
        collected = option(collected)
    return collected


@click.command("validate")
@choice_options
@common.policy_option
@report_options
def validate_command(choice: Choice, policy_path: str | None, reporting: Reporting) -> int:
    """Judge kernels without the network.

    Schema, policy and Dockerfile; every error in one run.

    PATH is a kernel's folder or a requirements.json; by default the folder you stand in.
    """
    policy = common.policy_in_force(policy_path)
    return _judge(choice, reporting, whole=True, wanted=None, policy=policy)


@click.command("resolve")
@choice_options
@_resolving_options
@report_options
def resolve_command(choice: Choice, wanted: Resolving, reporting: Reporting) -> int:
    """Check the pins, and write requirements.lock.

    The package index is asked what it offers the image's Python, and what fits together.
    """
    return _judge(choice, reporting, whole=False, wanted=wanted, policy=wanted.policy)


@click.command("lint")
@choice_options
@_resolving_options
@report_options
def lint_command(choice: Choice, wanted: Resolving, reporting: Reporting) -> int:
    """Validate and resolve: a pipeline's lint stage."""
    return _judge(choice, reporting, whole=True, wanted=wanted, policy=wanted.policy)


def _judge(
    choice: Choice,
    reporting: Reporting,
    *,
    whole: bool,
    wanted: Resolving | None,
    policy: Policy,
) -> int:
    paths = _paths(choice, wanted)
    troubles = Troubles()
    files = list(_opened(paths, troubles, whole=whole))
    good: list[Resolved] = []
    of_pins: list[Finding] = []
    with _begun(wanted, files) as answers:
        examined = list(_examined(files, policy, troubles))
        findings = [finding for one in examined for finding in one.findings]
        if whole and _told("KS411", reporting, policy):
            findings += _of_hadolint(examined, policy)
        if wanted:
            of_pins = _resolve(examined, answers, wanted, reporting, troubles, good)
    findings += of_pins
    _kept(findings, reporting, policy)
    findings = [one for one in findings if _told(one.code, reporting, policy)]
    unchecked = tuple(Unchecked(path=path, reason=str(one)) for path, one in troubles.all)
    named = {*(one.place.requirements for one in examined), *(one.path for one in unchecked)}
    named |= {finding.path for finding in findings}
    judgement = Judgement(
        checked=tuple(one.place.requirements for one in examined),
        findings=tuple(in_order(findings)),
        sources=_sources(examined),
        unchecked=unchecked,
        rules=_rules(examined, reporting, policy, unchecked, resolved=wanted is not None),
        in_repository=in_repository(named, os.environ, Path.cwd()),
    )
    code = _tell(judgement, troubles, reporting, several=len(paths) > 1)
    if wanted and code == 0 and not of_pins and len(good) == len(paths):
        included = [path for one in examined for path in one.included]
        _remember(judgement, good, wanted, reporting, included)
    return code


def _paths(choice: Choice, wanted: Resolving | None) -> Sequence[str]:
    """The kernels that are to be judged. Says so where there are none."""
    paths = choosing.chosen(choice, os.environ)
    if wanted and wanted.output and len(paths) > 1:
        raise UsageError("--output names one file, and there are several kernels")
    if not paths:
        since = f" since {choice.changed_since}" if choice.changed_since else ""
        common.echo(f"no kernel was touched{since}", err=True)
    return paths


def _opened(paths: Sequence[str], troubles: Troubles, *, whole: bool) -> Iterator[Opened]:
    """The requirements.json at each of *paths*. What could not be read goes into *troubles*."""
    for path in paths:
        try:
            place = projects.locate(path)
            yield opened(replace(place, whole=place.whole and whole), projects.load(place))
        except UsageError:
            raise
        except KernelspecError as trouble:
            troubles.all.append((path, trouble))


@contextmanager
def _begun(wanted: Resolving | None, files: Sequence[Opened]) -> Iterator[Mapping[Place, Answer]]:
    """What is asked of the index, while all else is looked at: it takes longest."""
    if wanted is None:
        yield {}
        return
    from kernelspec_lib.cli import resolving, running

    kernels = [one.project for one in files if one.project is not None]
    with running.ended_in_order(), resolving.begun(wanted, kernels) as answers:
        yield answers


def _examined(files: Sequence[Opened], policy: Policy, troubles: Troubles) -> Iterator[Examined]:
    """The kernels that *files* describe. What could not be read goes into *troubles*."""
    from kernelspec_lib.checks import kernel

    login = common.pipeline_login()
    for one in files:
        try:
            yield kernel.examine(one, policy, login)
        except UsageError:
            raise
        except KernelspecError as trouble:
            troubles.all.append((one.place.requirements, trouble))


def _of_hadolint(examined: Sequence[Examined], policy: Policy) -> Iterator[Finding]:
    from kernelspec_lib.cli import hadolint

    yield from hadolint.findings(examined, policy, os.environ)


def _remember(
    judgement: Judgement,
    good: Sequence[Resolved],
    wanted: Resolving,
    reporting: Reporting,
    included: Sequence[str],
) -> None:
    """Keeps what was said of kernels whose pins are good, for the next run that is the same."""
    from kernelspec_lib.cli import resolving

    if not wanted.cached or wanted.locked or wanted.output or any(one.kept for one in good):
        return
    lines = [] if reporting.quiet else _good(good, wanted, each=len(good) == 1)
    keeping.keep(
        sys.argv[1:],
        os.environ,
        read=(*resolving.read(wanted, [one.project for one in good]), *included),
        out=printed(judgement, reporting, sys.stdout),
        err="".join(f"{printable(line, keep=LINES)}\n" for line in lines),
    )


def _sources(examined: Sequence[Examined]) -> dict[str, Source]:
    """The text of every file that was read, by its path."""
    found: dict[str, Source] = {}
    for one in examined:
        found[one.place.requirements] = one.document
        found |= one.texts
    return found


def _told(code: str, reporting: Reporting, policy: Policy) -> bool:
    return reporting.wants(code) or policy.enforces(code)


def _kept(findings: Sequence[Finding], reporting: Reporting, policy: Policy) -> None:
    """Says why a finding is told that the user did not want."""
    stay = sorted({one.code for one in findings if not reporting.wants(one.code)})
    if kept := [code for code in stay if policy.enforces(code)]:
        common.echo(f"this site enforces {', '.join(kept)}: always told", err=True)


def _rules(
    examined: Sequence[Examined],
    reporting: Reporting,
    policy: Policy,
    unchecked: Sequence[Unchecked],
    *,
    resolved: bool,
) -> dict[str, frozenset[str]]:
    """The codes that each file was held against."""
    hindered = {one.path for one in unchecked}
    found = {}
    for one in examined:
        path = one.place.requirements
        families = {"KS0", "KS1"}
        if one.project is not None:
            families |= {"KS2"} | ({"KS3"} if resolved and path not in hindered else set())
        if one.place.whole:
            families.add("KS4")
        codes = (code for code in RULES if code[:3] in families)
        found[path] = frozenset(code for code in codes if _told(code, reporting, policy))
    return found


def _tell(judgement: Judgement, troubles: Troubles, reporting: Reporting, *, several: bool) -> int:
    if reporting.verbose:
        for path in judgement.checked:
            common.echo(f"checked {printable(path)}", err=True)
    try:
        deliver(judgement, reporting, sys.stdout)
    finally:
        troubles.tell(verbose=reporting.verbose, several=several)
    if judgement.errors:
        return 1
    return troubles.all[0][1].exit_code if troubles.all else 0


def _resolve(
    examined: Sequence[Examined],
    answers: Mapping[Place, Answer],
    wanted: Resolving,
    reporting: Reporting,
    troubles: Troubles,
    good: list[Resolved],
) -> list[Finding]:
    """The findings about the pins.

    What could not be checked goes into *troubles*, and whose lock is good into *good*.
    """
    from kernelspec_lib.cli import running

    kernels = [one.place for one in examined if one.project is not None]
    findings: list[Finding] = []
    with running.bar(len(kernels), wanted=not reporting.quiet) as step:
        for place in kernels:
            done = answers[place]()
            findings += done.findings
            if done.trouble is not None:
                troubles.all.append((done.project.place.requirements, done.trouble))
            elif done.lock is not None:
                good.append(done)
            step()
    if not reporting.quiet:
        for line in _good(good, wanted, each=reporting.verbose or len(kernels) == 1):
            common.echo(line, err=True)
    return findings


def _good(done: Sequence[Resolved], wanted: Resolving, *, each: bool) -> list[str]:
    """What is told of the locks that are good, and of what had no say in them."""
    from kernelspec_lib.packages import settings

    without = [f"pip's {one} has no say in a lock" for one in settings.unheeded(os.environ)]
    state = "as the index still offers them" if wanted.locked else "pinned and hashed"
    if not each and done:
        number = sum(len(one.lock.packages) for one in done if one.lock)
        return [*without, f"{len(done)} locks: {number} packages, {state}"]
    kept = [f"{one.path}: {_counted(one.lock)}, {state}" for one in done if one.lock]
    return [*without, *kept]


def _counted(lock: Lock) -> str:
    size = f", {lock.download_size / 1e6:.0f} MB" if lock.download_size is not None else ""
    return f"{len(lock.packages)} packages{size}"
