"""What nobody can run any more, removed from the registry: planned, then done.

An image is deleted by its digest, with all its tags: so none of them may be one to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kernelspec_lib.delivery import shelf
from kernelspec_lib.delivery.push import BUILD_TAG
from kernelspec_lib.delivery.registry import Registry
from kernelspec_lib.delivery.shelf import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is kept."""

    installed: frozenset[str]
    """Digests that a kernel on the hub starts by, or can be rolled back to."""
    tags: tuple[str, ...] = ("*",)
    """Patterns with * and ? of tags to keep; the tags of single pushes never count."""
    last: int = 3
    """How many digests of each kernel are kept, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be deleted, and why all else stays."""

    doomed: tuple[Entry, ...]
    """By repository, and in each from old to new; an index stands before its images."""
    kept: Mapping[tuple[str, str], str]
    """By repository and digest: the first reason to keep it."""
    freed: int
    """Bytes of the layers that nothing kept needs, in the repositories that were looked at."""


def plan(entries: Iterable[Entry], rules: Rules) -> Plan:
    """What of *entries* can go under *rules*."""
    shelves: dict[str, list[Entry]] = {}
    for one in entries:
        shelves.setdefault(one.repository, []).append(one)
    kept: dict[tuple[str, str], str] = {}
    doomed: list[Entry] = []
    for repository, found in sorted(shelves.items()):
        reasons = _reasons(found, rules)
        kept |= {(repository, digest): reason for digest, reason in reasons.items()}
        going = [one for one in found if one.digest not in reasons]
        doomed += sorted(going, key=lambda one: (not one.children, one.pushed, one.digest))
    return Plan(doomed=tuple(doomed), kept=kept, freed=_freed(shelves.values(), kept))


def _reasons(found: Sequence[Entry], rules: Rules) -> dict[str, str]:
    """Why each of the entries of one repository stays; those that can go are missing."""
    parents = {child: one for one in found for child in one.children}
    alone = [one for one in found if one.digest not in parents]
    recent = sorted((one for one in alone if _is_ours(one, found)), key=_age)[-rules.last :]
    reasons: dict[str, str] = {}
    for one in found:
        if reason := _reason(one, found, rules, recent if rules.last else ()):
            reasons[one.digest] = reason
    # Where an index stays, so do the images that it names, whatever becomes of their own tags.
    waiting = [one for one in found if one.digest in reasons]
    while waiting:
        for child in waiting.pop().children:
            if child not in reasons:
                reasons[child] = "a part of an index that stays"
                waiting += [one for one in found if one.digest == child]
    return reasons


def _age(one: Entry) -> tuple[str, str]:
    return one.pushed, one.digest


def _is_ours(one: Entry, found: Sequence[Entry]) -> bool:
    return bool(one.owner) or any(other.owner for other in found if other.digest in one.children)


def _reason(
    one: Entry, found: Sequence[Entry], rules: Rules, recent: Iterable[Entry]
) -> str | None:
    if not _is_ours(one, found):
        return "no kernel of this library's"
    if one.digest in rules.installed:
        return "installed"
    for tag in sorted(one.tags):
        if not tag.startswith(BUILD_TAG) and any(fnmatchcase(tag, each) for each in rules.tags):
            return f"tag {tag}"
    return f"among the last {rules.last}" if one in recent else None


def _freed(shelves: Iterable[Sequence[Entry]], kept: Mapping[tuple[str, str], str]) -> int:
    needed: set[str] = set()
    going: dict[str, int] = {}
    for found in shelves:
        for one in found:
            if (one.repository, one.digest) in kept:
                needed.update(one.blobs)
            else:
                going.update(one.blobs)
    return sum(size for digest, size in going.items() if digest not in needed)


def carry_out(registry: Registry, plan: Plan, rules: Rules) -> Iterator[tuple[Entry, bool]]:
    """Delete what is *doomed*, one after the other; with each, whether it went.

    Looks at each repository once more before: what has got a tag since stays. rules: what is kept
    by now. Whatever ends this half-way, each image is either whole or gone. Raises
    RegistryUnreachable.
    """
    for repository, doomed in _by_repository(plan.doomed):
        known = {tag for one in doomed for tag in one.tags}
        others = [tag for tag in shelf.tags_of(registry, repository) if tag not in known]
        held = set(shelf.digests_of(registry, repository, others).values())
        for one in doomed:
            stays = one.digest in held or one.digest in rules.installed
            yield one, not stays and registry.delete(repository, one.digest)


def _by_repository(doomed: Sequence[Entry]) -> Iterator[tuple[str, Sequence[Entry]]]:
    for repository in sorted({one.repository for one in doomed}):
        yield repository, [one for one in doomed if one.repository == repository]


def digests_of(references: Iterable[str]) -> frozenset[str]:
    """The digests that pinned *references* name; ids of images name none."""
    return frozenset(one.rpartition("@")[2] for one in references if "@" in one)


def gathered(
    registry: Registry, repositories: Sequence[str], told: Callable[[str], None]
) -> tuple[Entry, ...]:
    """All entries of *repositories*. told: hears which one is looked at."""
    found: list[Entry] = []
    for repository in repositories:
        told(repository)
        found += shelf.entries(registry, repository)
    return tuple(found)
