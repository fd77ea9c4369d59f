"""What several commands do alike: find the policy, judge files, print a report."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from kernelspec_lib import policy as policies
from kernelspec_lib import project as projects
from kernelspec_lib.checks.opened import opened
from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.findings import Finding
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject
from kernelspec_lib.wording import LINES, printable

policy_option = click.option(
    "--policy", "policy_path", metavar="FILE", help="The site policy. [default: $KERNELSPEC_POLICY]"
)


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Prints *text*. Whoever wrote it, nothing in it commands the terminal.

    The one way out of the command line, besides the reports and what rich draws.
    """
    click.echo(printable(str(text), keep=LINES), err=err, nl=nl)


class Rejected(KernelspecError):
    """The user's files have errors; the command needs them without."""

    exit_code = 1

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        told = [
            f"{one.path}:{one.span.line}:{one.span.column}: {one.code} {one.message}"
            + (f" ({one.hint})" if one.hint else "")
            for one in self.findings
        ]
        return "\n".join(("this kernel has errors:", *told))


def policy_in_force(policy_path: str | None) -> Policy:
    """The policy that --policy, the environment or the system name; the built-in one otherwise."""
    return policies.load(policies.find(policy_path, os.environ))


def pipeline_login() -> str | None:
    """Who runs this pipeline, in lower case; None: this is no pipeline of GitLab's.

    Raises UsageError for a login that no image can carry.
    """
    named = os.environ.get("GITLAB_USER_LOGIN")
    if not named:
        return None
    from kernelspec_lib.kernels import identity

    return identity.login(named)


def valid_project(path: str) -> KernelProject:
    """The project at *path*. Raises Rejected where its requirements.json has errors."""
    place = projects.locate(path)
    found = opened(place, projects.load(place))
    if found.project is None:
        raise Rejected([one for one in found.findings if one.is_error])
    return found.project
