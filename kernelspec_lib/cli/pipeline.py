"""`pipeline`: a GitLab child pipeline for the kernels of one repository that changed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelspec_lib import atomic
from kernelspec_lib.cli import choosing, common, running
from kernelspec_lib.cli.choosing import Choice
from kernelspec_lib.errors import UsageError, unusable
from kernelspec_lib.kernels import identity
from kernelspec_lib.policy import Policy

if TYPE_CHECKING:
    from kernelspec_lib.delivery.pipeline import Kernel

_NOTHING = re.compile(r"0{40,64}")
"""What GitLab says came before the first commit of a branch."""
_INCLUDE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*:/?[A-Za-z0-9._/-]+\.ya?ml")


@click.command("pipeline")
@click.argument("path", metavar="PATH", default=".")
@click.option(
    "--changed-since",
    metavar="REV",
    help="Only kernels that this branch touched since it left REV; all for forty zeros.",
)
@click.option("--output", metavar="FILE", help="Where it goes. [default: standard output]")
@click.option(
    "--include", metavar="GROUP/PROJECT:FILE", help="A file whose settings hold for all jobs."
)
@click.option(
    "--lint-only/--deliver",
    default=None,
    help="Whether kernels are built, too. [default: not for a merge request]",
)
@common.policy_option
def pipeline_command(
    path: str,
    changed_since: str | None,
    output: str | None,
    include: str | None,
    lint_only: bool | None,
    policy_path: str | None,
) -> None:
    """Write a GitLab pipeline for the kernels that changed.

    PATH holds a folder for each user, and in it one for each kernel. A kernel is built for who owns
    its folder, when that is who runs the pipeline, or for a maintainer whom the policy names.
    """
    from kernelspec_lib.delivery import pipeline

    policy = common.policy_in_force(policy_path)
    if include is not None and not _INCLUDE.fullmatch(include):
        raise UsageError(f"{include!r} names no file of a project: write group/ci:kernels.yml")
    if lint_only is None:
        lint_only = os.environ.get("CI_PIPELINE_SOURCE") == "merge_request_event"
    since = None if changed_since and _NOTHING.fullmatch(changed_since) else changed_since
    choice = Choice(paths=(path,), recursive=True, changed_since=since, changed_files=False)
    kernels = [
        _kernel(Path(path), str(Path(found)), policy, deliver=not lint_only)
        for found in choosing.chosen(choice, os.environ)
    ]
    text = pipeline.pipeline(kernels, include, _variables(os.environ.get("CI_PIPELINE_SOURCE")))
    if output is None:
        common.echo(text, nl=False)
        return
    with unusable(output, "write"):
        atomic.write(Path(output), text.encode())
    built = sum(kernel.delivered for kernel in kernels)
    common.echo(f"{output}: {len(kernels)} kernels, {built} of them are built", err=True)


def _variables(source: str | None) -> dict[str, str]:
    """What the jobs are told of where the pipeline comes from (GitLab's word for it)."""
    # On a schedule images are built anew, on the base image of the day.
    return {running.PULL_VARIABLE: "true"} if source == "schedule" else {}


def _kernel(top: Path, folder: str, policy: Policy, *, deliver: bool) -> Kernel:
    """The kernel in *folder*, below *top*. Raises UsageError where its owner cannot be one."""
    from kernelspec_lib.delivery.pipeline import Kernel

    inside = Path(folder).relative_to(top)
    if len(inside.parts) < 2:
        # The repository is one kernel's, or its kernels are nobody's in particular.
        return Kernel(path=folder, owner=None, delivered=deliver)
    owner = identity.login(inside.parts[0])
    runs = identity.login(running.named_login(None))
    if deliver and runs != owner and runs not in policy.maintainers:
        common.echo(
            f"note: {inside} is judged only: {owner} builds it, or a maintainer, and {runs} "
            "is neither",
            err=True,
        )
        deliver = False
    return Kernel(path=folder, owner=owner, delivered=deliver)
