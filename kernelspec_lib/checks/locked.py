"""KS3xx again: a lock that was committed, against its libs and what the index offers today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernelspec_lib.checks import pins
from kernelspec_lib.findings import Finding
from kernelspec_lib.packages import lock as locks
from kernelspec_lib.packages.lock import Garbled, Lock
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.packages.standing import Loss, Lost, Standing
from kernelspec_lib.policy import OwnImage
from kernelspec_lib.project import LOCK, KernelProject
from kernelspec_lib.wording import shown

_MOST_LINES = 5
_HINT = "run `kernelspec resolve`, and commit the lock"


def check_lock(
    project: KernelProject, lock: Lock | Garbled | None, images: Sequence[OwnImage] = ()
) -> Iterator[Finding]:
    """Whether *lock*, as it was read, is one, and answers what *project* asks.

    images: what the site policy says of its own base images.
    """
    hint = "run `kernelspec resolve`, and commit the lock together with requirements.json"
    match lock:
        case None:
            yield pins.finding(
                project, "KS310", "/libs", f"there is no {LOCK} for these libs", hint
            )
        case Garbled(line=line, reason=reason):
            message = f"{LOCK} is no lock that can be used: line {line}: {reason}"
            yield pins.finding(project, "KS310", "/libs", message, hint)
        case Lock() if not locks.answers(lock, project, images):
            pointer, reason = _stale(project, lock)
            message = f"{LOCK} was made for {reason}"
            yield pins.finding(project, "KS310", pointer, message, hint)


def _stale(project: KernelProject, lock: Lock) -> tuple[str, str]:
    """Where *lock* does not answer *project* any more, and what it was made for instead."""
    told = locks.stale(lock, project)
    if told.python:
        return "/python_version", f"Python {lock.python_version}"
    new = [shown(str(lib.requirement)) for lib in told.new][:_MOST_LINES]
    gone = [shown(text) for text in told.gone][:_MOST_LINES]
    parts = [f"without {', '.join(new)}"] if new else []
    parts += [f"with {', '.join(gone)}"] if gone else []
    if parts:
        return "/libs", f"other libs: {' and '.join(parts)}"
    # Extras, markers of lines that do not count, or what the image is built on.
    value = project.document.value
    named = isinstance(value, dict) and "base_image" in value
    return "/base_image" if named else "/libs", "another base image, or for other markers"


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
