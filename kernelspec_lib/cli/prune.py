"""`prune`: the registry and the hub, emptied of what nobody can run any more."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kernelspec_lib.cli import common, running
from kernelspec_lib.cli.hub import Target, place_of, target_options
from kernelspec_lib.errors import UsageError
from kernelspec_lib.kernels.container import OWNER_LABEL
from kernelspec_lib.policy import Policy
from kernelspec_lib.wording import printable

if TYPE_CHECKING:
    from kernelspec_lib.delivery.place import Place
    from kernelspec_lib.delivery.prune import Plan, Rules
    from kernelspec_lib.delivery.registry import Registry
    from kernelspec_lib.delivery.shelf import Entry


@click.command("prune")
@click.argument("repositories", metavar="[REPOSITORY]...", nargs=-1)
@click.option(
    "--dry-run/--no-dry-run",
    default=None,
    help="Only say what would go. [default: on a terminal]",
)
@click.option(
    "--keep-last",
    metavar="N",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="So many images of each kernel stay, the newest.",
)
@click.option(
    "--keep-tag",
    "keep_tags",
    metavar="PATTERN",
    multiple=True,
    default=("*",),
    help="Only versions like this stay for their tag, such as latest. [default: all]",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@target_options
@common.policy_option
def prune_command(
    repositories: tuple[str, ...],
    dry_run: bool | None,
    keep_last: int,
    keep_tags: tuple[str, ...],
    as_json: bool,
    target: Target,
    policy_path: str | None,
) -> None:
    """Remove images that nobody can run any more.

    From the registry and from the hub. What an installed kernel starts by stays, and what it can be
    rolled back to. REPOSITORY: only these, where the registry shows nobody its catalogue.
    """
    from kernelspec_lib.delivery import prune

    policy = common.policy_in_force(policy_path)
    only_planned = sys.stdout.isatty() if dry_run is None else dry_run
    with running.ended_in_order(), place_of(target, policy, running.tell) as place:
        hub = _Hub(place=place, policy=policy, known=_is_known(target, policy))
        registry = _registry(policy)
        plan = None
        if registry is not None:
            found = _gathered(registry, policy, repositories)
            plan = prune.plan(found, hub.rules(keep_tags, keep_last))
        unused = hub.unused()
        _tell(plan, unused, as_json=as_json, done=not only_planned)
        if only_planned:
            return
        if registry is not None and plan is not None:
            _delete(registry, plan, hub.rules(keep_tags, keep_last))
        hub.drop([one["id"] for one in unused])


def _is_known(target: Target, policy: Policy) -> bool:
    """Whether somebody said which machine the hub is."""
    return bool(target.host or target.local or target.prefix or policy.hub.ssh)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hub:
    """The hub, asked for what its kernels need."""

    place: Place
    policy: Policy
    known: bool

    def rules(self, tags: tuple[str, ...], last: int) -> Rules:
        """What is kept by now. Raises UsageError where nobody can know what is in use."""
        from kernelspec_lib.delivery import installed, prune

        used = installed.images_in_use(self.place, self.policy)
        if not used and not self.known:
            raise UsageError(
                "no kernel is installed on this machine, so what is in use cannot be known: "
                "name the hub with --host, or say --local if this is it"
            )
        return prune.Rules(installed=prune.digests_of(used), tags=tags, last=last)

    def unused(self) -> Sequence[dict[str, Any]]:
        """The images on the hub that no kernel there needs."""
        found: Sequence[dict[str, Any]] = self.place.connection.ask("unused", **self._request)
        return found

    def drop(self, ids: Sequence[str]) -> None:
        """Remove those of *ids* that are unused still."""
        dropped = self.place.connection.ask("drop", **self._request, ids=ids)
        hub = self.place.connection.hub
        running.tell(f"{len(dropped)} of {len(ids)} images are gone from {hub}")

    @property
    def _request(self) -> dict[str, Any]:
        return {
            "engine": self.policy.engine,
            "pattern": self.place.pattern,
            "folder": self.place.folder,
            "label": OWNER_LABEL,
        }


def _gathered(
    registry: Registry, policy: Policy, repositories: tuple[str, ...]
) -> tuple[Entry, ...]:
    """All that lies in *repositories*, or below the path that the policy names."""
    from kernelspec_lib.delivery import prune, shelf

    path = policy.registry.partition("/")[2]
    with running.progress("looking at the registry") as progress:
        wanted = repositories or shelf.repositories(registry, f"{path}/" if path else "")
        return prune.gathered(registry, wanted, progress.step)


def _delete(registry: Registry, plan: Plan, rules: Rules) -> None:
    from kernelspec_lib.delivery import prune

    gone = sum(went for _, went in prune.carry_out(registry, plan, rules))
    running.tell(f"{gone} of {len(plan.doomed)} images are gone from the registry")


def _registry(policy: Policy) -> Registry | None:
    """The policy's registry; None: it names none."""
    from kernelspec_lib.delivery.registry import Registry

    return Registry(policy.registry.partition("/")[0], os.environ) if policy.registry else None


def _tell(
    plan: Plan | None, unused: Sequence[dict[str, Any]], *, as_json: bool, done: bool
) -> None:
    if as_json:
        common.echo(json.dumps(_value(plan, unused), indent=2))
        return
    for line in _lines(plan, unused, done=done):
        common.echo(printable(line))


def _value(plan: Plan | None, unused: Sequence[dict[str, Any]]) -> dict[str, Any]:
    doomed = plan.doomed if plan else ()
    return {
        "version": 1,
        "registry": [
            {
                "repository": one.repository,
                "digest": one.digest,
                "tags": sorted(one.tags),
                "pushed": one.pushed,
            }
            for one in doomed
        ],
        "kept": [
            {"repository": repository, "digest": digest, "reason": reason}
            for (repository, digest), reason in sorted(plan.kept.items())
        ]
        if plan
        else [],
        "freed": plan.freed if plan else 0,
        "hub": [{"id": one["id"], "names": one["names"], "size": one["size"]} for one in unused],
    }


def _lines(plan: Plan | None, unused: Sequence[dict[str, Any]], *, done: bool) -> Iterator[str]:
    will = "goes" if done else "would go"
    if plan is None:
        yield "the policy names no registry: only the hub is looked at"
    else:
        for one in plan.doomed:
            tags = ", ".join(sorted(one.tags)) or "no tag"
            yield f"{one.repository}@{one.digest[7:19]}  {one.pushed or '-'}  {tags}"
        yield (
            f"registry: {_size(plan.freed)} in {len(plan.doomed)} images {will}, "
            f"{len(plan.kept)} stay"
        )
        if plan.doomed:
            yield "the disk is free once the registry's own garbage-collect has run (without -m)"
    for each in unused:
        yield f"{each['id'][7:19]}  {_size(each['size'])}  {', '.join(each['names']) or 'no name'}"
    yield f"hub: {len(unused)} images {will}"
    if not done and (unused or (plan and plan.doomed)):
        yield "nothing has been removed: `kernelspec prune --no-dry-run` does it"


def _size(number: int) -> str:
    """Bytes as people read them."""
    size, unit = float(number), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, bigger
    return f"{size:.0f} {unit}" if unit in ("B", "kB") else f"{size:.1f} {unit}"
