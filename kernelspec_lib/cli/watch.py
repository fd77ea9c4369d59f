"""`budget`: what each user's kernels may have together, and what holds them to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from kernelspec_lib.cli import common
from kernelspec_lib.errors import UsageError, unusable
from kernelspec_lib.kernels import budget
from kernelspec_lib.kernels.budget import Share
from kernelspec_lib.launcher import cgroups, notes
from kernelspec_lib.policy import Policy
from kernelspec_lib.watch import containers
from kernelspec_lib.wording import columns


@click.command("budget")
@click.option("--write", is_flag=True, help="Write what holds the budgets, as root.")
@click.option("--json", "as_json", is_flag=True, help="Print each user's use as JSON.")
@common.policy_option
def budget_command(write: bool, as_json: bool, policy_path: str | None) -> int:
    """Show each user's use of the budget, and write what holds it.

    With --write: drop-ins of systemd for the users' slices where Docker's driver is systemd; else
    the limits of their groups, which a reboot forgets.
    """
    policy = common.policy_in_force(policy_path)
    socket = containers.socket_of(policy, os.environ)
    shares = budget.shares(policy, containers.inspected(socket), Path(cgroups.ROOT))
    if write:
        return _write(policy, socket, shares)
    common.echo(budget.to_json(shares) if as_json else _table(policy, shares), nl=False)
    return 0


def _table(policy: Policy, shares: Sequence[Share]) -> str:
    if not shares:
        return f"no kernel runs; each user may have {_told(budget.of(policy, None))}\n"
    rows = [("user", "kernels", "memory in use", "memory limits", "processors")]
    for one in shares:
        most = one.budget
        rows.append(
            (
                one.login,
                _of(str(len(one.kernels)), str(int(most["kernels"])) if "kernels" in most else ""),
                "unknown" if one.memory is None else notes.size(one.memory),
                _of(notes.size(one.memory_limits), _size(most.get("memory"))),
                _of(f"{one.cpus_limits:.4g}", f"{most['cpus']:.4g}" if "cpus" in most else ""),
            )
        )
    return "".join(f"{line}\n" for line in columns(rows))


def _of(used: str, most: str) -> str:
    return f"{used} of {most}" if most else used


def _size(count: float | None) -> str:
    return "" if count is None else notes.size(count)


def _told(most: Mapping[str, float]) -> str:
    parts = [
        *([f"{int(most['kernels'])} kernels"] if "kernels" in most else []),
        *([notes.size(most["memory"])] if "memory" in most else []),
        *([f"{most['cpus']:.4g} processors"] if "cpus" in most else []),
    ]
    return ", ".join(parts) or "what the machine has: the site policy has no per_user"


def _write(policy: Policy, socket: str, shares: Sequence[Share]) -> int:
    if os.geteuid() != 0:
        raise UsageError(
            "`kernelspec budget --write` changes what root's alone is: call it as root"
        )
    if containers.asked(socket, "tell of itself", "GET", "/info")["CgroupDriver"] == "systemd":
        _write_drop_ins(policy, budget.SYSTEMD)
        return 0
    missed = 0
    for login in budget.logins(policy, shares):
        most = budget.of(policy, login)
        if cgroups.hold(login, most):
            common.echo(f"{login}: held to {_told(most)}")
        else:
            missed += 1
            common.echo(f"{login}: the machine does not take {_told(most)}: more is in use")
    common.echo(
        "a reboot forgets this: call it at each boot, and when the policy has changed", err=True
    )
    return 3 if missed else 0


def _write_drop_ins(policy: Policy, folder: Path) -> None:
    wanted = budget.drop_ins(policy)
    with unusable(str(folder), "write"):
        for name, text in wanted.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            staged = path.with_suffix(".new")
            staged.write_text(text, encoding="utf-8")
            staged.replace(path)
            common.echo(f"{path}: written")
        for path in budget.stale(folder, wanted):
            path.unlink()
            common.echo(f"{path}: removed")
    if systemctl := shutil.which("systemctl"):
        subprocess.run([systemctl, "daemon-reload"], check=False)
