"""One kernel, judged with everything that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kernelspec_lib import project as projects
from kernelspec_lib.checks import dockerfile, schema
from kernelspec_lib.document import Document
from kernelspec_lib.findings import Finding, in_order
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


def examine(place: Place, document: Document) -> Examined:
    """The kernel at *place*, whose requirements.json is *document*.

    Reads the Dockerfile beside it if the folder was named. Raises FileUnusable.
    """
    found = in_order(schema.check(document, place.requirements))
    usable = not any(one.is_error for one in found)
    project = projects.from_document(place, document) if usable else None
    beside = tuple(_beside(place)) if place.whole else ()
    kept = (*_not_ignored(found, project), *_not_ignored(beside, project))
    return Examined(place=place, document=document, findings=kept, project=project)


def _beside(place: Place) -> Iterator[Finding]:
    path = place.folder / projects.DOCKERFILE
    text = None
    if path.is_file():
        text = projects.read_bytes(str(path), _MAX_DOCKERFILE).decode("utf-8", errors="replace")
    yield from dockerfile.check(text, str(path))


def _not_ignored(
    findings: tuple[Finding, ...] | list[Finding], project: KernelProject | None
) -> Iterator[Finding]:
    ignored = project.ignore if project else {}
    return (one for one in findings if one.is_error or one.code not in ignored)
