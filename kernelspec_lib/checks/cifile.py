"""KS42x: the CI file still holds the lint in front of the build."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from kernelspec_lib import cifile, yamltext
from kernelspec_lib.checks import lint_jobs
from kernelspec_lib.checks.told import Told
from kernelspec_lib.cifile import CIFile, Job
from kernelspec_lib.dockerfile import Word
from kernelspec_lib.document import START, Span
from kernelspec_lib.findings import Finding
from kernelspec_lib.project import Unusable
from kernelspec_lib.wording import shown
from kernelspec_lib.yamltext import Mapped, Scalar, Unreadable

MAX_BYTES = 128 * 1024
_BUILDERS = {
    "docker": ("build", "push", "buildx"), "podman": ("build", "push"),
    "nerdctl": ("build", "push"),
    "buildah": ("bud", "build", "push"), "skopeo": ("copy",), "crane": ("push", "append"),
    "kernelspec": ("build", "install"),
}  # fmt: skip
_LOCALS = 10
"""So many files of the same repository are looked into, and no more."""

Reader = Callable[[str], "str | Unusable | None"]


def check(
    text: str | Unusable | None, path: str, included: Sequence[str], local: Reader
) -> Iterator[Finding]:
    """What is wrong with the CI file *text* at *path*.

    None: there is none, which is no finding: a folder in a repository of many has none of its own,
    and without one nothing is built. included: patterns of the files that bring the site's lint;
    none: whatever a file of another repository brings is trusted. local: reads a file of this one.
    """
    if text is None:
        return
    lines = text.split("\n") if isinstance(text, str) else [""]
    for code, span, message, hint in _told(text, included, local):
        yield Finding.of(code, message, hint, path=path, span=_within(span, lines))


def _within(span: Span, lines: Sequence[str]) -> Span:
    """*span*, at most to the end of its line: a command that YAML folds may stand on several."""
    if span.end_column <= len(lines[min(span.end_line, len(lines)) - 1]) + 1:
        return span
    width = len(lines[min(span.line, len(lines)) - 1])
    column = min(span.column, max(width, 1))
    return Span(line=span.line, column=column, end_line=span.line, end_column=max(width, 1) + 1)


def _told(text: str | Unusable, included: Sequence[str], local: Reader) -> Iterator[Told]:
    if isinstance(text, Unusable):
        yield "KS421", START, text.reason, "copy the one of a new kernel: kernelspec new"
        return
    found = yamltext.read(text)
    if isinstance(found, Unreadable):
        message = f"this CI file cannot be relied on: {found.reason}"
        yield "KS421", found.span, message, "mend it; GitLab reads the file as YAML"
        return
    top = found[-1] if found else None
    if not isinstance(top, Mapped):
        message = "this CI file holds no jobs"
        yield "KS422", START, message, "copy the one of a new kernel: kernelspec new"
        return
    parts, elsewhere = _parts(top, included, local)
    if sum(len(part.pairs) for part in parts) > cifile.MAX_JOBS:
        message = f"this CI file holds more than {cifile.MAX_JOBS} jobs and templates"
        yield "KS421", top.span, message, "keep to what this kernel needs"
        return
    yield from _judged(cifile.read(parts, text), elsewhere=elsewhere)


def _parts(top: Mapped, included: Sequence[str], local: Reader) -> tuple[list[Mapped], bool]:
    """*top* and what it includes; and whether a file that is not here may hold the lint."""
    parts: list[Mapped] = []
    elsewhere = False
    for word in list(cifile.includes([top]))[:_LOCALS]:
        if any(fnmatchcase(word.text, pattern) for pattern in included):
            elsewhere = True
            continue
        found = local(word.text) if ":" not in word.text else None
        nodes = yamltext.read(found, at=word.span) if isinstance(found, str) else []
        if isinstance(nodes, list) and nodes and isinstance(nodes[-1], Mapped):
            parts.append(nodes[-1])
        elif not included and not isinstance(found, Unusable):
            elsewhere = True
    return [*parts, top], elsewhere


def _judged(file: CIFile, *, elsewhere: bool) -> Iterator[Told]:
    lints = [job for job in file.jobs if lint_jobs.lints(job)]
    builds = [job for job in file.jobs if any(_builds(job))]
    if not lints and not elsewhere:
        span = builds[0].name.span if builds else (file.jobs[0].name.span if file.jobs else START)
        message = "no job of this file runs kernelspec lint"
        hint = "lint: {stage: lint, script: [kernelspec lint .]}, in front of what builds"
        yield "KS422", span, message, hint
        return
    weak = {job.name.text: list(lint_jobs.weaknesses(job, file, builds)) for job in lints}
    if elsewhere:
        overrides = [job for job in file.jobs if "lint" in job.name.text and not job.script]
        for job in overrides:
            weak.setdefault(job.name.text, list(lint_jobs.settings(job)))
    if weak and all(weak.values()):
        for troubles in weak.values():
            yield from troubles
        return
    if elsewhere and not lints:
        return
    sound = [job for job in lints if not weak[job.name.text]]
    for job in builds:
        yield from _order(job, sound, file)


def _builds(job: Job) -> Iterator[Word]:
    for command in lint_jobs.commands(job):
        words = [word.text for word in command.words]
        if not words:
            continue
        verbs = _BUILDERS.get(command.program, ())
        if any(verb in words[1:3] for verb in verbs) or words[0] == "/kaniko/executor":
            yield command.words[0]


def _order(job: Job, lints: Sequence[Job], file: CIFile) -> Iterator[Told]:
    """Whether *job* waits until one of *lints* has passed."""
    name = shown(job.name.text, 40)
    hint = f"put it into a later stage than {lints[0].name.text}, or name that in needs"
    if job in lints:
        if not lint_jobs.lints_first(job, next(_builds(job)).span):
            yield "KS424", job.name.span, f"{name} builds before it lints", "lint first"
        return
    if when := lint_jobs.runs_regardless(job):
        yield "KS424", when, f"{name} builds even where the lint has failed", "take it out"
    if job.needs is not None:
        if not _waits(job, {lint.name.text for lint in lints}, file):
            node = job.fields["needs"]
            yield "KS424", node.span, f"{name} does not wait for the lint", hint
    elif all(file.rank(job.stage) <= file.rank(lint.stage) for lint in lints):
        stage = job.fields.get("stage")
        span = stage.span if isinstance(stage, Scalar) else job.name.span
        yield "KS424", span, f"{name} is built no later than the lint runs", hint


def _waits(job: Job, lints: set[str], file: CIFile) -> bool:
    by_name = {one.name.text: one for one in file.jobs}
    waiting, seen = list(job.needs or ()), set[str]()
    ranks = [file.rank(by_name[name].stage) for name in lints]
    while waiting:
        name = waiting.pop()
        if name in lints:
            return True
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        needed = by_name[name]
        if needed.needs is None and any(rank < file.rank(needed.stage) for rank in ranks):
            return True
        waiting += needed.needs or ()
    return False


def local_reader(folder_read: Reader) -> Reader:
    """*folder_read* for paths as include has them: below the top of the repository, or none."""

    def read(name: str) -> str | Unusable | None:
        tidy = posixpath.normpath(name.lstrip("/"))
        if tidy.startswith("..") or not tidy.endswith((".yml", ".yaml")) or "*" in tidy:
            return None
        return folder_read(tidy)

    return read
