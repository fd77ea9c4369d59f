"""A requirements.json by itself: what the schema says of it, and the project that it describes."""

from __future__ import annotations

from dataclasses import dataclass

from kernelspec_lib import project as projects
from kernelspec_lib.checks import schema
from kernelspec_lib.document import Document
from kernelspec_lib.findings import Finding, in_order
from kernelspec_lib.project import KernelProject, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A requirements.json that was read."""

    place: Place
    document: Document
    findings: tuple[Finding, ...]
    """In the order of the file."""
    project: KernelProject | None
    """None where the file has errors."""


def opened(place: Place, document: Document) -> Opened:
    """The kernel at *place*, whose requirements.json is *document*."""
    found = tuple(in_order(schema.check(document, place.requirements)))
    usable = not any(one.is_error for one in found)
    project = projects.from_document(place, document) if usable else None
    return Opened(place=place, document=document, findings=found, project=project)
