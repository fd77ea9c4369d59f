"""KS3xx again: a lock that was committed, against what the index offers today."""

from __future__ import annotations

from collections.abc import Iterator

from kernelspec_lib.checks import pins
from kernelspec_lib.findings import Finding
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.packages.standing import Loss, Lost, Standing
from kernelspec_lib.project import LOCK, KernelProject
from kernelspec_lib.wording import shown

_HINT = "run `kernelspec resolve`, and commit the lock"


def check(project: KernelProject, standing: Standing) -> Iterator[Finding]:
    """What has become of the packages in the lock of *project*, at the lines that ask for them."""
    for lost in standing.lost:
        yield from _lost(project, lost)
    yield from pins.check(project, Unresolved(problems=standing.problems))


def _lost(project: KernelProject, lost: Lost) -> Iterator[Finding]:
    code = "KS306" if lost.loss is Loss.WITHDRAWN else "KS310"
    document = project.document
    release = f"{lost.package.name} {lost.package.version}"
    why = f": {shown(lost.reason, 200)}" if lost.reason else ""
    message = f"{LOCK} names {release}, and {lost.loss.value}{why}"
    for lib in lost.asked_by:
        own = lib.name == lost.package.name
        behind = "" if own else f"{lib.requirement.name} needs it; "
        yield Finding.of(
            code,
            message,
            f"{behind}{_HINT}",
            path=project.place.requirements,
            pointer=lib.pointer,
            span=document.span_of(lib.pointer),
        )
    if not lost.asked_by:
        span = document.span_of_key("/libs")
        path = project.place.requirements
        yield Finding.of(code, message, _HINT, path=path, pointer="/libs", span=span)
