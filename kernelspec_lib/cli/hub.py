"""`install`, `uninstall`, `rollback` and `list`: the kernels on the hub."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernelspec_lib.cli import common, running
from kernelspec_lib.errors import UsageError
from kernelspec_lib.kernels import identity
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import LOCK, REQUIREMENTS
from kernelspec_lib.wording import columns, printable, shown

if TYPE_CHECKING:
    from kernelspec_lib.delivery.installed import Row
    from kernelspec_lib.delivery.place import Place

_KERNEL = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which hub the user named."""

    prefix: str | None
    host: str | None
    local: bool
    identity: str | None
    known_hosts: str | None
    ssh_config: str | None


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that say where the hub is, as its argument *target*."""

    @wraps(command)
    def collected(**given: Any) -> Any:
        target = Target(**{name: given.pop(name) for name in Target.__dataclass_fields__})
        return command(target=target, **given)

    for option in reversed(
        (
            click.option(
                "--prefix",
                metavar="DIR",
                help="This machine's DIR/share/jupyter/kernels.",
            ),
            click.option("--host", metavar="[USER@]HOST", help="The hub, over ssh."),
            click.option("--local", is_flag=True, help="This machine, whatever the policy says."),
            click.option("-i", "--identity", metavar="FILE", help="The private key for ssh."),
            click.option("--known-hosts", metavar="FILE", help="Whom ssh trusts."),
            click.option("--ssh-config", metavar="FILE", help="Instead of ~/.ssh/config."),
        )
    ):
        collected = option(collected)
    return collected


@contextmanager
def place_of(target: Target, policy: Policy, told: Callable[[str], None]) -> Iterator[Place]:
    """The hub that the options name, else the policy, else this machine.

    Raises UsageError, ToolMissing or HubFailed.
    """
    from kernelspec_lib.delivery.connection import Here, Ssh, over_ssh
    from kernelspec_lib.delivery.place import Place

    if target.host and (target.prefix or target.local):
        raise UsageError("--host is another machine, and --prefix and --local are this one")
    host = target.host or (None if target.prefix or target.local else policy.hub.ssh)
    if host is None:
        folder = None
        if target.prefix is not None:
            folder = str(Path(target.prefix).absolute() / "share" / "jupyter" / "kernels")
        yield Place(connection=Here(told=told), pattern=policy.hub.kernels, folder=folder)
        return
    ssh = Ssh(
        host=host,
        identity=target.identity,
        known_hosts=target.known_hosts,
        config=target.ssh_config,
    )
    with over_ssh(ssh, os.environ, told) as connection:
        yield Place(connection=connection, pattern=policy.hub.kernels)


@click.command("install")
@running.path_argument
@running.login_option
@running.image_option
@target_options
@common.policy_option
def install_command(
    path: str, login: str | None, image: str | None, target: Target, policy_path: str | None
) -> None:
    """Put the kernel on the hub, with its image.

    PATH is a kernel's folder; by default the one you stand in. The image is brought to the hub and
    verified; then one step puts the kernel there, or the new one in its place.
    """
    from kernelspec_lib.delivery import hub
    from kernelspec_lib.delivery.image import lock_digest

    policy = common.policy_in_force(policy_path)
    project, _ = running.locked_project(path, policy, to_build=False)
    named = running.named_login(login)
    owner = identity.login(named)
    order = hub.Order(
        project=project,
        policy=policy,
        owner=owner,
        names=(named, owner),
        image=identity.reference(image)
        if image is not None
        else identity.image_reference(project, policy, owner),
        lock=lock_digest(project.place.folder),
    )
    title = f"installing {project.kernel_name}"
    with (
        running.ended_in_order(),
        running.progress(title) as progress,
        place_of(target, policy, progress.step) as place,
    ):
        done = hub.install(order, place, progress.note)
    for one in done:
        common.echo(f"{one.folder}/{project.kernel_name}")


@click.command("uninstall")
@click.argument("kernel", metavar="KERNEL", default=".")
@running.login_option
@target_options
@common.policy_option
def uninstall_command(
    kernel: str, login: str | None, target: Target, policy_path: str | None
) -> None:
    """Remove a kernel from the hub.

    And what it could be rolled back to; never the work folder. KERNEL is its name, or its folder.
    """
    from kernelspec_lib.delivery import installed

    _each_of(kernel, login, target, policy_path, installed.remove)


@click.command("rollback")
@click.argument("kernel", metavar="KERNEL", default=".")
@running.login_option
@target_options
@common.policy_option
def rollback_command(
    kernel: str, login: str | None, target: Target, policy_path: str | None
) -> None:
    """Go back to the kernel that was there before.

    Once more, and the newer one is back. KERNEL is its name, or its folder.
    """
    from kernelspec_lib.delivery import installed

    _each_of(kernel, login, target, policy_path, installed.roll_back)


def _each_of(
    kernel: str,
    login: str | None,
    target: Target,
    policy_path: str | None,
    deed: Callable[[Place, Policy, Row], str],
) -> None:
    """Do *deed* to the kernel of its owner, and to that of each who shares it."""
    from kernelspec_lib.delivery import installed

    policy = common.policy_in_force(policy_path)
    name, owner = _kernel_name(kernel), identity.login(running.named_login(login))
    with running.ended_in_order(), place_of(target, policy, running.tell) as place:
        rows = installed.of_kernel(place, owner, name)
        installed.each(rows, lambda row: deed(place, policy, row), running.tell)


def _kernel_name(text: str) -> str:
    """The kernel that *text* names: by its name, or by its folder. Raises UsageError."""
    if (Path(text) / REQUIREMENTS).is_file() or Path(text).name == REQUIREMENTS:
        return common.valid_project(text).kernel_name
    if not _KERNEL.fullmatch(text):
        raise UsageError(f"{shown(text)} is neither a kernel's name nor a folder with a kernel")
    return text


@click.command("list")
@click.argument("path", metavar="[PATH]", required=False)
@click.option("--login", metavar="NAME", help="Only kernels of this owner.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@target_options
@common.policy_option
def list_command(
    path: str | None,
    login: str | None,
    as_json: bool,
    target: Target,
    policy_path: str | None,
) -> None:
    """Show the kernels on the hub, and which are stale.

    With the PATH of a kernel's folder, that kernel only, held against the lock there.
    """
    from kernelspec_lib.delivery import installed
    from kernelspec_lib.delivery.image import lock_digest

    policy = common.policy_in_force(policy_path)
    project = common.valid_project(path) if path is not None else None
    folder = project.place.folder if project else None
    lock = lock_digest(folder) if folder is not None and (folder / LOCK).exists() else None
    with place_of(target, policy, running.tell) as place:
        rows = [
            row
            for row in installed.rows(place, policy.engine)
            if (login is None or row.owner == identity.login(login))
            and (project is None or row.kernel == project.kernel_name)
        ]
    digests = installed.newest(rows, os.environ, running.tell)
    told = [installed.described(row, digests.get(row.reference), lock) for row in rows]
    if as_json:
        common.echo(json.dumps({"version": 1, "kernels": told}, indent=2, ensure_ascii=True))
        return
    for line in _table(told):
        common.echo(line)


def _table(told: Sequence[Mapping[str, Any]]) -> list[str]:
    """The kernels in columns, a header above them."""
    rows = [("KERNEL", "OWNER", "USER", "IMAGE", "DIGEST", "BUILT", "COMMIT", "STATE")]
    for one in told:
        state = {True: "stale", False: "current", None: "unknown"}[one["stale"]]
        rows.append(
            (
                one["kernel"],
                one["owner"],
                one["user"],
                one["image"],
                one["digest"].removeprefix("sha256:")[:12],
                one["built"][:16].replace("T", " "),
                one["commit"][:8],
                f"{state}: {one['reason']}" if one["reason"] else state,
            )
        )
    # Whoever owns the folder wrote these words: none of them commands a terminal.
    return columns([printable(cell) or "-" for cell in row] for row in rows)
