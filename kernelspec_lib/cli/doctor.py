"""`doctor`: what works, and how to mend the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from kernelspec_lib.cli import common, running
from kernelspec_lib.cli.hub import Target, place_of, target_options
from kernelspec_lib.errors import UsageError
from kernelspec_lib.policy import Policy
from kernelspec_lib.watch import containers, machine, onthehub, verdict
from kernelspec_lib.watch.verdict import Verdict, guarded
from kernelspec_lib.wording import printable, shown

_SOMETHING_FAILS = 3


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--config",
    "configs",
    metavar="FILE",
    multiple=True,
    help="Jupyter's configuration, hub and servers. [default: the usual places]",
)
@target_options
@common.policy_option
def doctor_command(
    as_json: bool, configs: tuple[str, ...], target: Target, policy_path: str | None
) -> int:
    """Say what works, and how to mend the rest.

    Docker, index, proxy, registry, hub and policy. On the hub also: images that are missing or old,
    orphans, hooks. Exit code 3: something does not work.
    """
    for path in configs:
        if not Path(path).is_file():
            raise UsageError(f"{shown(path)}, named by --config, is no file")
    with running.ended_in_order():
        found = list(_verdicts(target, policy_path, configs))
    if as_json:
        common.echo(json.dumps(verdict.value(found), indent=2))
    else:
        for line in verdict.text(found):
            common.echo(printable(line))
    return _SOMETHING_FAILS if any(one.state == "fail" for one in found) else 0


def _verdicts(
    target: Target, policy_path: str | None, configs: tuple[str, ...]
) -> Iterator[Verdict]:
    first, found = machine.policy(policy_path, os.environ)
    yield first
    site = found or Policy()
    yield guarded("engine", lambda: machine.engine(site, os.environ))
    yield guarded("socket", lambda: machine.socket_of(site, os.environ))
    if found is None:
        return
    yield guarded("proxy", lambda: machine.proxy(site, os.environ))
    yield guarded("index", lambda: machine.index(site, os.environ))
    yield guarded("registry", lambda: machine.registry(site, os.environ))
    if target.host or (site.hub.ssh and not target.local and not target.prefix):
        yield from _kernels(target, site)
        said = "the hub is another machine: call doctor there"
        for name in ("launcher", "orphans", "hooks"):
            yield Verdict(name=name, state="skip", said=said)
        return
    yield guarded("launcher", lambda: machine.launcher(site, os.environ))
    yield machine.sudoers(site)
    yield from _kernels(target, site)
    yield guarded("orphans", lambda: _orphans(site))
    yield from onthehub.hooks(onthehub.configurations(configs), site)


def _kernels(target: Target, site: Policy) -> Iterator[Verdict]:
    """What is installed on the hub; where it cannot be asked, that alone."""
    from kernelspec_lib.delivery import installed

    rows: list[installed.Row] = []

    def listed() -> Verdict:
        with place_of(target, site, running.tell) as place:
            rows.extend(installed.rows(place, site.engine))
            return onthehub.kernels(rows, place.connection.hub)

    hub = guarded("hub", listed)
    yield hub
    if hub.state == "ok":
        yield onthehub.images(rows)
        yield guarded("newer", lambda: onthehub.newer(rows, os.environ))


def _orphans(site: Policy) -> Verdict:
    if os.geteuid() != 0:
        return Verdict(name="orphans", state="skip", said="only root can tell")
    return onthehub.orphans(containers.listed(containers.socket_of(site, os.environ)))
