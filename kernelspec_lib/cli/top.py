"""`top`, `limit` and `reap`: the kernels that run on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelspec_lib import atomic
from kernelspec_lib.cli import common
from kernelspec_lib.errors import UsageError, unusable
from kernelspec_lib.kernels import budget, identity
from kernelspec_lib.launcher import notes, terms
from kernelspec_lib.policy import Policy
from kernelspec_lib.watch import containers, exposition, history, limits, reaping, rows, usage
from kernelspec_lib.watch.rows import Look, Row
from kernelspec_lib.wording import printable, shown

if TYPE_CHECKING:
    from rich.table import Table

_SIZE = re.compile(r"[1-9][0-9]{0,14}[bkmg]")
_GLANCE = 0.25
"""Seconds between the two looks that tell how many processors are in use."""
_NAME = 24
"""Letters of a name that are always shown."""
_EVERY = 2.0
"""Seconds between two looks on a terminal."""

login_option = click.option("--login", metavar="NAME", help="Only kernels of this owner.")


class _Watch:
    """Looks at the kernels of one engine again and again, and remembers what it saw."""

    def __init__(self, policy: Policy, login: str | None) -> None:
        self.policy = policy
        self.socket = containers.socket_of(policy, os.environ)
        self.login = identity.login(login) if login else None
        self.before: Look | None = None
        self.path = history.place(os.environ)
        self.traces = history.read(self.path)

    def look(self) -> list[Row]:
        """A row for each kernel at this moment."""
        return self._seen(tuple(containers.listed(self.socket, self.login)))

    def again(self) -> list[Row]:
        """The same kernels at this moment, which takes the engine no time."""
        return self._seen(self.before.kernels if self.before else ())

    def _seen(self, found: tuple[containers.Kernel, ...]) -> list[Row]:
        used = {one.id: usage.of(one.pid) for one in found}
        look = Look(now=time.time(), kernels=found, usage=used)
        seen = rows.seen(look, self.traces)
        self.traces = {**self.traces, **seen}
        self.keep(seen, look)
        told = rows.rows(look, self.before, self.traces)
        self.before = look
        return told

    def keep(self, traces: dict[str, history.Trace], look: Look) -> None:
        """Remember *traces*; what is no more is forgotten, where all kernels were looked at."""
        known = {one.id for one in look.kernels}
        history.write(self.path, traces, known if self.login is None else None)


@click.command("top")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--prometheus",
    "exposed",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    help="For node_exporter's textfile folder; FILE is written in one step.",
)
@login_option
@common.policy_option
def top_command(
    as_json: bool, exposed: str | None, login: str | None, policy_path: str | None
) -> None:
    """Show who uses what: processors, memory, age, idle time.

    On a terminal until you press q; else once. Idle: for how long it has used next to no processor,
    as far back as `top` or `reap` looked.
    """
    watch = _Watch(common.policy_in_force(policy_path), login)
    if exposed is not None:
        if as_json:
            raise UsageError("--json and --prometheus are two answers: ask for one")
        _expose(watch, exposed)
    elif as_json or not sys.stdout.isatty():
        found = _twice(watch)
        told = {"version": 1, "kernels": [rows.value(row) for row in found]}
        common.echo(json.dumps(told, indent=2) if as_json else "\n".join(rows.table(found)))
    else:
        _live(watch)


def _twice(watch: _Watch) -> list[Row]:
    found = watch.look()
    if not found:
        return found
    time.sleep(_GLANCE)
    return watch.again()


def _expose(watch: _Watch, path: str) -> None:
    found = watch.look()
    users = {row.kernel.login for row in found}
    budgets = {user: budget.of(watch.policy, user) for user in users}
    text = exposition.text(found, budgets, time.time())
    if path == "-":
        common.echo(text, nl=False)
        return
    with unusable(path, "write"):
        # node_exporter reads whenever it likes, as another user.
        atomic.write(Path(path), text.encode())


def _live(watch: _Watch) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with _keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        wait = _GLANCE
        while True:
            live.update(_drawn(watch.look()), refresh=True)
            if _pressed(wait) in ("q", "Q", "\x04"):
                return
            wait = _EVERY


def _drawn(found: Sequence[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    told = time.strftime("%H:%M:%S")
    total = sum(row.usage.memory or 0 for row in found)
    title = f"{len(found)} kernels  {notes.size(total)}  {told}  q: quit"
    drawn = Table(title=title, box=None, title_justify="left", expand=True, pad_edge=False)
    ordered = sorted(found, key=lambda one: (one.cpus or 0, one.usage.memory or 0), reverse=True)
    lines = [[printable(cell) for cell in rows.cells(row)] for row in ordered]
    for name, *cells in zip(rows.COLUMNS, *lines, strict=True):
        # What is too much for the terminal is taken from the last one, which has remarks.
        least = None if name == rows.COLUMNS[-1] else min(max(map(len, (name, *cells))), _NAME)
        drawn.add_column(name, no_wrap=True, overflow="ellipsis", min_width=least)
    for row, line in zip(ordered, lines, strict=True):
        style = "red" if row.orphan else ""
        drawn.add_row(*(Text(cell, style=style) for cell in line))
    return drawn


@contextlib.contextmanager
def _keys() -> Iterator[None]:
    """Each key is read when it is pressed, and shows nothing."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(seconds: float) -> str:
    """The key that was pressed within *seconds*; empty: none."""
    if not sys.stdin.isatty():
        time.sleep(seconds)
        return ""
    ready = select.select([sys.stdin], [], [], seconds)[0]
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""


@click.command("limit")
@click.argument("kernel", metavar="KERNEL|CONTAINER")
@click.option("--memory", metavar="SIZE", help='Such as "8g".')
@click.option("--cpus", metavar="N", type=click.FloatRange(min=0.01, max=1024))
@click.option("--pids", metavar="N", type=click.IntRange(min=1, max=4194304))
@click.option("--force", is_flag=True, help="Above what the policy allows, as root.")
@common.policy_option
def limit_command(
    kernel: str,
    memory: str | None,
    cpus: float | None,
    pids: int | None,
    force: bool,
    policy_path: str | None,
) -> None:
    """Change the limits of a running kernel, until it is restarted.

    KERNEL is its name, or OWNER/KERNEL where several users run one of that name.
    """
    wanted = _wanted(memory, cpus, pids)
    policy = common.policy_in_force(policy_path)
    socket = containers.socket_of(policy, os.environ)
    found = limits.named(containers.listed(socket), kernel)
    if (most := limits.above(policy, found.login, wanted)) and not (force and os.geteuid() == 0):
        more = "as root, --force does it all the same" if not force else "only root may use --force"
        raise UsageError(f"the site policy does not allow {', '.join(most)}; {more}")
    limits.update(socket, found, wanted, usage.of(found.pid))
    common.echo(limits.changed(found, wanted))


def _wanted(memory: str | None, cpus: float | None, pids: int | None) -> dict[str, float]:
    """The limits as numbers. Raises UsageError for what are none."""
    if memory is not None:
        if not _SIZE.fullmatch(memory):
            raise UsageError(
                f"{shown(memory)} is no size: write a whole number and b, k, m or g, such as 8g"
            )
        if terms.number("memory", memory) < limits.LEAST_MEMORY:
            raise UsageError(f"{shown(memory)} is too little: no container runs in less than 6m")
    given = {"memory": memory, "cpus": cpus, "pids": pids}
    wanted = {name: terms.number(name, value) for name, value in given.items() if value is not None}
    if not wanted:
        raise UsageError("say what to change: --memory, --cpus or --pids")
    return wanted


@click.command("reap")
@click.option(
    "--dry-run/--no-dry-run",
    default=None,
    help="Only say what would be done. [default: on a terminal]",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@login_option
@common.policy_option
def reap_command(
    dry_run: bool | None, as_json: bool, login: str | None, policy_path: str | None
) -> None:
    """Remove orphans, and kernels that are idle for too long.

    Orphaned: the connection file, the server or the `docker run` is gone. How long a kernel may be
    idle is `idle` in the policy; its user is told in the notebook first.
    """
    from kernelspec_lib.cli import running

    policy = common.policy_in_force(policy_path)
    watch = _Watch(policy, _whose(login))
    only_planned = sys.stdout.isatty() if dry_run is None else dry_run
    with running.ended_in_order():
        found = watch.look()
        steps = reaping.orphans(found)
        if policy.idle is not None and watch.before is not None:
            idle, learnt = reaping.idlers(found, watch.traces, policy.idle_of, time.time())
            steps += idle
            watch.keep(learnt, watch.before)
            watch.traces.update(learnt)
        if as_json:
            told = {"version": 1, "done": not only_planned, "steps": reaping.values(steps)}
            common.echo(json.dumps(told, indent=2))
        for step in steps:
            line = reaping.planned(step) if only_planned else _done(watch, step)
            if not as_json:
                common.echo(printable(line))
    if only_planned and any(step.deed != "spare" for step in steps):
        running.tell("nothing has been done: `kernelspec reap --no-dry-run` does it")


def _done(watch: _Watch, step: reaping.Step) -> str:
    now, limit = time.time(), watch.policy.idle_of(step.kernel.login)
    if step.deed == "warn" and watch.before is not None:
        # Kept once it was told: it may be told twice, and is never ended untold.
        trace = replace(watch.traces[step.kernel.id], warned=now)
        told = reaping.carry_out(watch.socket, step, limit, now)
        watch.keep({step.kernel.id: trace}, watch.before)
        return told
    return reaping.carry_out(watch.socket, step, limit, now)


def _whose(login: str | None) -> str | None:
    """Whose kernels are looked at: root's call is for all. Raises UsageError."""
    if os.geteuid() == 0:
        return login
    own = pwd.getpwuid(os.geteuid()).pw_name.lower()
    if login is not None and login.lower() != own:
        raise UsageError("only root can tell whether somebody else's kernel is orphaned or idle")
    return own
