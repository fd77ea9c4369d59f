"""KS4xx: the Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import islice

from kernelspec_lib.checks import image_end, image_secrets, index_rules, installing, lock_rules
from kernelspec_lib.checks.installing import Ran
from kernelspec_lib.checks.told import Told
from kernelspec_lib.dockerfile import Dockerfile, Word, grammar, lexer, read, reader, stages
from kernelspec_lib.dockerfile.stages import Build
from kernelspec_lib.document import START, Span
from kernelspec_lib.findings import Finding
from kernelspec_lib.project import Unusable
from kernelspec_lib.wording import shown

MAX_BYTES = 128 * 1024
"""A larger file is refused unread: nobody looks through that."""
UNKNOWN = "unknown.invalid/base-image"
"""Stands for the base image where requirements.json does not tell it."""

_MISTAKES = 20
"""So many lines that are no Dockerfile's are told, and no more."""
_REMOTE = re.compile(
    r"(https?|ftp|git|ssh)://.*|git@.*|[\w.-]+@[\w.-]+:.*|github\.com/.*",
    re.IGNORECASE | re.DOTALL,
)
_FRONTEND = re.compile(r"(docker\.io/)?docker/dockerfile(-upstream)?([:@].*)?")
"""The one that Docker itself keeps."""
_NEW = "copy the one of a new kernel: kernelspec new"


def check(
    text: str | Unusable | None,
    path: str,
    base_images: Sequence[str] | None = None,
    *,
    base_image: str = UNKNOWN,
    root_user: bool = True,
) -> Iterator[Finding]:
    """What is wrong with the Dockerfile *text* at *path*; None: there is none.

    base_images: patterns of what an image may begin from; None: anything. base_image: what the
    build hands in. root_user: whether the image may end as root.
    """
    for code, span, message, hint in _told(text, base_images, base_image, root_user):
        yield Finding.of(code, message, hint, path=path, span=span)


def _told(
    text: str | Unusable | None,
    base_images: Sequence[str] | None,
    base_image: str,
    root_user: bool,
) -> Iterator[Told]:
    if text is None:
        yield "KS401", START, "this kernel has no Dockerfile", _NEW
        return
    if isinstance(text, Unusable):
        yield "KS401", START, text.reason, _NEW
        return
    if "\0" in text:
        before = text[: text.index("\0")]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        yield "KS402", _at(line, column), "this is no text: it holds the byte 0", "save it as UTF-8"
        return
    file = read(text)
    if not file.instructions and not file.troubles:
        yield "KS401", START, "this Dockerfile says nothing", _NEW
        return
    build = stages.plan(file, {"BASE_IMAGE": base_image})
    troubles = (*grammar.troubles(file), *build.troubles)
    for one in islice(sorted(troubles, key=_place), _MISTAKES):
        yield "KS402", one.span, one.message, one.hint
    for told in _judged(file, build, text, base_images, base_image):
        # What could not be read may hold the step that is missed.
        if not (troubles and told[0] == "KS408"):
            yield told
    if not root_user:
        yield from image_end.user(build, file.escape)
    yield from image_end.entrypoint(build)


def _place(trouble: reader.Trouble) -> tuple[int, int]:
    return trouble.span.line, trouble.span.column


def _at(line: int, column: int) -> Span:
    return Span(line=line, column=column, end_line=line, end_column=column + 1)


def _judged(
    file: Dockerfile,
    build: Build,
    text: str,
    base_images: Sequence[str] | None,
    base_image: str,
) -> Iterator[Told]:
    steps = {stage.number: installing.ran(stage) for stage in build.used}
    if base_images is not None:
        yield from _frontend(text, base_images)
        yield from _images(build, steps, base_images, base_image)
    for one in file.instructions:
        # Who can read the file can read these, whatever becomes of the stage.
        yield from image_secrets.check(one)
    for ran in (ran for stage in build.used for ran in steps[stage.number]):
        yield from index_rules.check(ran)
        yield from _remote(ran, file.escape)
    yield from lock_rules.check(build, steps)


def _frontend(text: str, allowed: Sequence[str]) -> Iterator[Told]:
    """An image that would read this file: its program runs in every build."""
    named = reader.frontend(text)
    if named and not _FRONTEND.fullmatch(named.text) and not _admitted(named.text, allowed):
        message = f"this site allows no build to be run by {shown(named.text)}"
        yield "KS403", named.span, message, "# syntax=docker/dockerfile:1, or take the line out"


def _images(
    build: Build, steps: Mapping[int, Sequence[Ran]], allowed: Sequence[str], base_image: str
) -> Iterator[Told]:
    """Every image that a stage begins from or copies from, of those that end up in the kernel."""
    for stage in build.used:
        # The one of requirements.json was judged there.
        if stage.base is None and stage.image not in ("", base_image):
            yield from _foreign(stage.named, stage.image, allowed)
        for ran in steps[stage.number]:
            for source in build.sources(ran.one):
                if source.stage is None and not source.name.isdecimal():
                    yield from _foreign(source.word, source.name, allowed)


def _admitted(image: str, patterns: Sequence[str]) -> bool:
    return image == "scratch" or any(fnmatchcase(image, pattern) for pattern in patterns)


def _foreign(word: Word, image: str, allowed: Sequence[str]) -> Iterator[Told]:
    if _admitted(image, allowed):
        return
    message = f"this site allows no image to begin from {shown(image)}"
    hint = f"begin from ${{BASE_IMAGE}}, or from: {', '.join(allowed) or 'none besides'}"
    yield "KS403", word.span, message, hint


def _remote(ran: Ran, escape: str) -> Iterator[Told]:
    if ran.one.name != "ADD":
        return
    for word in ran.one.arguments[:-1]:
        try:
            source = lexer.expand(word.text, ran.step.values, escape)
        except lexer.BadExpansion:
            continue
        if _REMOTE.fullmatch(source):
            message = "ADD fetches from the network, unchecked and past the proxy's rules"
            yield "KS406", word.span, message, "put the file beside the Dockerfile and COPY it"
