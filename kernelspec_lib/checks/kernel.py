"""One kernel, judged with everything that needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kernelspec_lib import project as projects
from kernelspec_lib.checks import dockerfile, schema, site
from kernelspec_lib.document import Document
from kernelspec_lib.findings import Finding, in_order
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Place

_MAX_DOCKERFILE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A kernel that was looked at."""

    place: Place
    document: Document
    findings: tuple[Finding, ...]
    project: KernelProject | None
    """None where requirements.json has errors."""


def examine(place: Place, document: Document, policy: Policy, login: str | None = None) -> Examined:
    """The kernel at *place*, whose requirements.json is *document*, on a site with *policy*.

    login: whose kernel it is, in lower case, if that is known.

    Reads the Dockerfile beside it if the folder was named. Raises FileUnusable.
    """
    found = in_order(schema.check(document, place.requirements))
    usable = not any(one.is_error for one in found)
    project = projects.from_document(place, document) if usable else None
    of_site = in_order(site.check(project, policy, login)) if project else []
    beside = list(_beside(place, site.images(policy, login))) if place.whole else []
    kept = tuple(not_ignored([*in_order([*found, *of_site]), *beside], project, policy))
    return Examined(place=place, document=document, findings=kept, project=project)


def _beside(place: Place, base_images: Sequence[str] | None) -> Iterator[Finding]:
    path = place.folder / projects.DOCKERFILE
    text = None
    if path.is_file():
        text = projects.read_bytes(str(path), _MAX_DOCKERFILE).decode("utf-8", errors="replace")
    yield from dockerfile.check(text, str(path), base_images)


def not_ignored(
    findings: Iterable[Finding], project: KernelProject | None, policy: Policy
) -> Iterator[Finding]:
    """*findings* without the warnings that *project* ignores, and that *policy* lets it ignore."""
    ignored = set(project.ignore) - policy.enforced if project else set()
    return (one for one in findings if one.is_error or one.code not in ignored)
