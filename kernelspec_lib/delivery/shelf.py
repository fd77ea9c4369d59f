"""What lies in a registry: every image of the site's kernels, with its tags and its layers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kernelspec_lib.delivery.push import BUILD_TAG
from kernelspec_lib.delivery.registry import THREADS, Registry, RegistryUnreachable
from kernelspec_lib.kernels.container import KERNEL_LABEL, OWNER_LABEL

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One manifest of one repository."""

    repository: str
    digest: str
    tags: frozenset[str]
    pushed: str
    """When, as "20260301T123000" (UTC): what its newest tag of a push says, else when it was made.
    Comparable; empty: nobody knows."""
    owner: str
    """Empty: its labels name no kernel of this library's."""
    children: tuple[str, ...]
    """The digests of an index's images; empty for an image."""
    blobs: Mapping[str, int]
    """Bytes of each of its layers and of its configuration, by digest."""


def repositories(registry: Registry, below: str) -> tuple[str, ...]:
    """The repositories of *registry* whose names begin with *below*, as its catalogue has them.

    Raises RegistryUnreachable; many registries show their catalogue to nobody.
    """
    path = f"/v2/_catalog?n={_PAGE}"
    if registry.request("GET", path, "", {}).status_code == 404:
        remedy = "name the repositories, such as team/ada_churn"
        raise RegistryUnreachable(registry.host, "it shows nobody its catalogue", remedy)
    found = (
        str(name) for page in _pages(registry, path, "") for name in page.get("repositories") or ()
    )
    return tuple(sorted(name for name in found if name.startswith(below)))


def entries(registry: Registry, repository: str) -> tuple[Entry, ...]:
    """Everything in *repository* that has a tag, and the images of its indexes.

    Raises RegistryUnreachable: what cannot be seen whole is not to be pruned.
    """
    tags = tags_of(registry, repository)
    by_digest: dict[str, set[str]] = {}
    contents: dict[str, bytes] = {}
    for tag, (digest, content) in _manifests(registry, repository, tags).items():
        by_digest.setdefault(digest, set()).add(tag)
        contents[digest] = content
    found = _looked_at(registry, repository, by_digest, contents)
    # An index's images have no tags of their own, as a rule.
    within = {child for one in found for child in one.children} - set(by_digest)
    untagged = dict(_manifests(registry, repository, sorted(within)).values())
    alone: dict[str, set[str]] = {child: set() for child in untagged}
    return (*found, *_looked_at(registry, repository, alone, untagged))


def tags_of(registry: Registry, repository: str) -> tuple[str, ...]:
    """All tags of *repository*; none where there is no such repository."""
    pages = _pages(registry, f"/v2/{repository}/tags/list?n={_PAGE}", repository)
    # Where all tags were deleted there is a null.
    return tuple(str(tag) for page in pages for tag in page.get("tags") or ())


def digests_of(registry: Registry, repository: str, tags: Iterable[str]) -> dict[str, str]:
    """The digest that each of *tags* stands for; those that are gone by now are left out."""
    wanted = tuple(tags)
    with ThreadPoolExecutor(THREADS) as threads:
        found = threads.map(lambda tag: registry.digest(repository, tag), wanted)
        return {tag: digest for tag, digest in zip(wanted, found, strict=True) if digest}


def _manifests(
    registry: Registry, repository: str, references: Sequence[str]
) -> dict[str, tuple[str, bytes]]:
    """Digest and text of the manifest behind each of *references*; those gone by now are left out.

    One request for each: a thousand tags are asked for, and most tell nothing new.
    """

    def look(reference: str) -> tuple[str, bytes] | None:
        answer = registry.manifest(repository, reference)
        if answer is None:
            return None
        usual = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        return answer.headers.get("Docker-Content-Digest") or usual, answer.content

    with ThreadPoolExecutor(THREADS) as threads:
        told = zip(references, threads.map(look, references), strict=True)
        return {reference: found for reference, found in told if found is not None}


def _pages(registry: Registry, path: str, repository: str) -> Iterator[Mapping[str, Any]]:
    seen = set()
    while path not in seen:
        seen.add(path)
        answer = registry.request("GET", path, repository, {})
        if answer.status_code == 404:
            return
        if answer.status_code != 200:
            raise RegistryUnreachable(
                registry.host, f"it answered {answer.status_code} to GET {path.partition('?')[0]}"
            )
        yield registry.parsed(answer.content)
        following = answer.links.get("next", {}).get("url")
        if not following:
            return
        # Only where to go on is taken from it: another host must not be sent our login.
        last = parse_qs(urlsplit(following).query).get("last", [""])[0]
        path = f"{path.partition('?')[0]}?n={_PAGE}&last={last}"


def _looked_at(
    registry: Registry,
    repository: str,
    by_digest: Mapping[str, set[str]],
    contents: Mapping[str, bytes],
) -> tuple[Entry, ...]:
    def look(digest: str) -> Entry:
        return _entry(registry, repository, digest, frozenset(by_digest[digest]), contents[digest])

    with ThreadPoolExecutor(THREADS) as threads:
        return tuple(threads.map(look, sorted(by_digest)))


def _entry(
    registry: Registry, repository: str, digest: str, tags: frozenset[str], content: bytes
) -> Entry:
    value = registry.parsed(content)
    layers: Sequence[Mapping[str, Any]] = (value.get("config") or {}, *(value.get("layers") or ()))
    blobs = {str(one["digest"]): int(one.get("size") or 0) for one in layers if "digest" in one}
    children = tuple(str(one["digest"]) for one in value.get("manifests") or ())
    config = {} if children else registry.config(repository, value)
    labels = (config.get("config") or {}).get("Labels") or {}
    own = labels.get(KERNEL_LABEL) and labels.get(OWNER_LABEL)
    return Entry(
        repository=repository,
        digest=digest,
        tags=tags,
        pushed=_pushed(tags) or _time(str(config.get("created") or "")),
        owner=str(own or ""),
        children=children,
        blobs={digest: len(content), **blobs},
    )


def _pushed(tags: Iterable[str]) -> str:
    return max(
        (tag[len(BUILD_TAG) :][:15] for tag in tags if tag.startswith(BUILD_TAG)), default=""
    )


def _time(created: str) -> str:
    """ "2026-03-01T12:30:00.1Z" as "20260301T123000"."""
    return re.sub("[-:]", "", created)[:15]
