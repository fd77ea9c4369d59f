"""What commands need that take their time: whose kernel it is, progress, an orderly end."""

from __future__ import annotations

import os
import pwd
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from kernelspec_lib import project as projects
from kernelspec_lib.checks.opened import opened
from kernelspec_lib.cli import common
from kernelspec_lib.cli.common import Rejected, pipeline_login
from kernelspec_lib.errors import UsageError
from kernelspec_lib.kernels import identity
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.packages import lock
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import LOCK, KernelProject
from kernelspec_lib.wording import printable

if TYPE_CHECKING:
    from rich.text import Text

IMAGE_VARIABLE = "KERNELSPEC_IMAGE"
"""What `build --dotenv` hands to the later jobs of a pipeline: the image, by its digest."""
PULL_VARIABLE = "KERNELSPEC_PULL"
"""Set where `build` shall look for a newer base image first."""

path_argument = click.argument("path", metavar="PATH", default=".")
login_option = click.option(
    "--login", metavar="NAME", help="The kernel's owner. [default: $GITLAB_USER_LOGIN, else you]"
)
image_option = click.option(
    "--image",
    metavar="REF",
    envvar=IMAGE_VARIABLE,
    help=f"Another image than the one the policy names. [default: ${IMAGE_VARIABLE}]",
)
index_option = click.option("--index-url", metavar="URL", help="The package index to use.")


def owner(login: str | None, user: str | None) -> Owner:
    """The owner that the options, GitLab or this machine name; uid and gid where they are known.

    Raises UsageError for a login that no image can carry.
    """
    named = named_login(login)
    found = Owner(login=identity.login(named))
    if user is not None:
        uid, gid = identity.user(user)
        return replace(found, uid=uid, gid=gid)
    for name in (named, found.login):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return replace(found, uid=account.pw_uid, gid=account.pw_gid)
    return found


def named_login(login: str | None) -> str:
    """Whom the option, GitLab or this machine name, in their own letters. Raises UsageError."""
    return login or os.environ.get("GITLAB_USER_LOGIN") or _who_runs_this()


def _who_runs_this() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise UsageError("you have no login on this machine: name one with --login") from None


def locked_project(path: str, policy: Policy, *, to_build: bool) -> tuple[KernelProject, Lock]:
    """The kernel at *path* with its lock. Raises Rejected where its files have errors.

    to_build: judge its Dockerfile, even where requirements.json alone was named.
    """
    from kernelspec_lib.checks import kernel, locked, site

    place = projects.locate(path)
    whole = replace(place, whole=place.whole or to_build)
    examined = kernel.examine(opened(whole, projects.load(place)), policy, pipeline_login())
    project = examined.project
    errors = [one for one in examined.findings if one.is_error]
    found = lock.read(place.folder / LOCK)
    if project is not None and isinstance(found, Lock):
        errors += site.check_lock(project, found, policy)
    if project is not None:
        errors += [one for one in locked.check_lock(project, found, policy.images) if one.is_error]
    if errors or project is None or not isinstance(found, Lock):
        raise Rejected(errors)
    return project, found


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a long command tells what it does: on standard error."""

    step: Callable[[str], None]
    """Takes a line that matters until the next one comes."""
    note: Callable[[str], None]
    """Takes a line that stays."""
    watched: bool = False
    """Whether a person waits at a terminal: what does not matter to them is left out."""


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """On a terminal one line that changes; elsewhere all lines, one after the other."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield Progress(step=tell, note=tell)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    line = _Line(title=title, begun=time.monotonic())
    with console.status(line):
        yield Progress(
            watched=True,
            step=line.say,
            note=lambda told: console.print(Text(printable(told)), soft_wrap=True),
        )


class _Line:
    """One line of a terminal, in which the seconds go on while nothing is said."""

    def __init__(self, *, title: str, begun: float) -> None:
        self._title, self._begun, self._said = title, begun, ""

    def say(self, line: str) -> None:
        self._said = line

    def __rich__(self) -> Text:
        from rich.text import Text

        seconds = time.monotonic() - self._begun
        told = printable(f"{self._title}  {seconds:.0f} s  {self._said}")
        return Text(told, no_wrap=True, overflow="ellipsis")


@contextmanager
def bar(total: int, *, wanted: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error that every call moves on; on a terminal, and for several only."""
    if total < 2 or not wanted or not sys.stderr.isatty() or os.environ.get("CI"):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    told = (TextColumn("resolving"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*told, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("resolving", total=total)
        yield lambda: progress.advance(task)


def tell(line: str) -> None:
    """Print *line* on standard error."""
    common.echo(line, err=True)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """A SIGTERM, as a cancelled pipeline sends it, ends the block as Ctrl-C does: cleaned up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
