"""KS3xx: the pins, against what the package index offers the image's Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.version import Version

from kernelspec_lib.findings import Finding
from kernelspec_lib.packages import lock as locks
from kernelspec_lib.packages.lock import Garbled, Lock
from kernelspec_lib.packages.problems import (
    Conflict,
    NoSuchVersion,
    NoWheel,
    OnlyPrereleases,
    OtherPython,
    Problem,
    SourceOnly,
    UnknownExtra,
    UnknownLib,
    Yanked,
)
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.project import LOCK, KernelProject, Lib
from kernelspec_lib.wording import shown

_PLATFORMS = (
    ("win", "Windows"),
    ("macosx", "macOS"),
    ("musllinux", "Alpine Linux"),
    ("manylinux", "Linux"),
    ("linux", "Linux"),
)


def check(project: KernelProject, outcome: Lock | Unresolved) -> Iterator[Finding]:
    """What *outcome*, of resolving *project*, has to say about the lines of libs."""
    problems = outcome.warnings if isinstance(outcome, Lock) else outcome.problems
    for problem in problems:
        message, hint = _told(problem, project)
        for pointer in _blamed(problem):
            yield _finding(project, problem.code, pointer, message, hint)


def check_lock(project: KernelProject, lock: Lock | Garbled | None) -> Iterator[Finding]:
    """Whether *lock*, as it was read, is one, and answers what *project* asks."""
    hint = "run `kernelspec resolve`, and commit the lock together with requirements.json"
    match lock:
        case None:
            yield _finding(project, "KS310", "/libs", f"there is no {LOCK} for these libs", hint)
        case Garbled(line=line, reason=reason):
            message = f"{LOCK} is no lock that can be used: line {line}: {reason}"
            yield _finding(project, "KS310", "/libs", message, hint)
        case Lock() if not locks.answers(lock, project):
            message = f"{LOCK} was made for other libs, another Python or another base image"
            yield _finding(project, "KS310", "/libs", message, hint)


def _finding(project: KernelProject, code: str, pointer: str, message: str, hint: str) -> Finding:
    document = project.document
    whole = pointer == "/libs"
    span = document.span_of_key(pointer) if whole else document.span_of(pointer)
    path = project.place.requirements
    return Finding.of(code, message, hint, path=path, pointer=pointer, span=span)


def _blamed(problem: Problem) -> Sequence[str]:
    """The pointers of the lines to change; the list itself where no line can be named."""
    match problem:
        case Conflict(libs=libs):
            return [lib.pointer for lib in libs] or ["/libs"]
        case NoWheel(lib=None, asked_by=libs) | OtherPython(lib=None, asked_by=libs):
            return [lib.pointer for lib in libs] or ["/libs"]
        case _:
            return [problem.lib.pointer] if problem.lib else ["/libs"]


def _told(problem: Problem, project: KernelProject) -> tuple[str, str]:
    """Message and hint."""
    python = f"Python {project.python_version}"
    match problem:
        case UnknownLib(lib=lib):
            return _unknown(problem, lib)
        case NoSuchVersion(lib=lib, withdrawn=None, newest=newest):
            there = f"; the newest for {python} is {newest}" if newest else ""
            return f"{_line(lib)} has no release{there}", _remedy(lib.name, newest, python)
        case NoSuchVersion(lib=lib, newest=newest):
            message = f"every release that {_line(lib)} admits was withdrawn by its authors"
            return message, _remedy(lib.name, newest, python)
        case OtherPython():
            return _other_python(problem, python)
        case NoWheel():
            return _no_wheel(problem, python)
        case SourceOnly(lib=lib, version=version, newest=newest):
            message = f"{lib.name} {version} has no wheel for {python}, only sources"
            hint = "its own code runs at docker build, and may want a compiler in system_packages"
            return message, f"{hint}; {_remedy(lib.name, newest, python)}" if newest else hint
        case Yanked(lib=lib, version=version, reason=reason, newest=newest):
            why = f": {shown(reason, 200)}" if reason else ""
            message = f"{lib.name} {version} was withdrawn by its authors{why}"
            return message, _remedy(lib.name, newest, python)
        case UnknownExtra(lib=lib, extra=extra):
            return f"{lib.name} has no extra named {shown(extra)}", "correct it, or take it out"
        case OnlyPrereleases(lib=lib, version=version):
            message = f"{_line(lib)} is met by pre-releases only; {version} is taken"
            return message, f"write {lib.name}=={version} if you mean it"
        case Conflict(libs=libs, explanation=explanation):
            return _conflict(libs, explanation)


def _unknown(problem: UnknownLib, lib: Lib) -> tuple[str, str]:
    message = f"the index has no library named {shown(lib.requirement.name)}"
    if problem.suggestion:
        return message, f"did you mean {shown(problem.suggestion)}?"
    if problem.elsewhere:
        return message, "pip's extra indexes are not asked: the site's one index must have it"
    return message, "check its spelling: the name to install may differ from the name to import"


def _line(lib: Lib) -> str:
    """The requirement without its marker, which says nothing about versions."""
    return f"{lib.requirement.name}{lib.requirement.specifier}"


def _remedy(name: str, newest: Version | None, python: str) -> str:
    if newest is None:
        return f"no release of {name} installs on {python}: take another library or python_version"
    return f"write {name}=={newest}"


def _behind(name: str, asked_by: Sequence[Lib]) -> str:
    """Who wants *name*, in words; empty where it stands among the libs itself."""
    if not asked_by or any(lib.name == name for lib in asked_by):
        return ""
    wanting = ", ".join(lib.requirement.name for lib in asked_by)
    return f"{wanting} {'needs' if len(asked_by) == 1 else 'need'} "


def _other_python(problem: OtherPython, python: str) -> tuple[str, str]:
    wants = f"Python {problem.requires_python}"
    behind = _behind(problem.name, problem.asked_by if problem.lib is None else ())
    release = f"{problem.name} {problem.version}"
    hint = _remedy(problem.name, problem.newest, python)
    if behind:
        message = f"{behind}{release}, which needs {wants}; this kernel has {python}"
        asked = f"add {problem.name}=={problem.newest} to libs, or " if problem.newest else ""
        return message, f"{asked}take another version of this library"
    return f"{release} needs {wants}; this kernel has {python}", hint


def _no_wheel(problem: NoWheel, python: str) -> tuple[str, str]:
    behind = _behind(problem.name, problem.asked_by if problem.lib is None else ())
    release = f"{problem.name} {problem.version}"
    hint = _remedy(problem.name, problem.newest, python)
    if problem.has_source:
        message = f"{behind}{release} would have to be built from its sources"
        return message, f"kernelspec does not build yet; {hint}"
    message = f"{behind}{release} has no wheel for {python} on Linux"
    offers = _offers(problem.offers)
    return f"{message}{f'; there are wheels for {offers}' if offers else ''}", hint


def _offers(tags: Sequence[str]) -> str:
    """Platforms and Pythons of wheels, in words: "Windows, Python 3.8, 3.9"."""
    platforms: dict[str, None] = {}
    minors: set[int] = set()
    for tag in tags:
        interpreter, _, rest = tag.partition("-")
        platform = rest.partition("-")[2]
        for beginning, name in _PLATFORMS:
            if platform.startswith(beginning):
                platforms[
                    name + (" on ARM" if "arm64" in platform or "aarch" in platform else "")
                ] = None
                break
        minors |= {int(minor) for minor in re.findall(r"cp3(\d{1,2})(?!\d)", interpreter)}
    pythons = ", ".join(f"3.{minor}" for minor in sorted(minors))
    return ", ".join([*platforms, *([f"Python {pythons}"] if pythons else [])])


def _conflict(libs: Sequence[Lib], explanation: str) -> tuple[str, str]:
    lines = [_line(lib) for lib in libs]
    hint = f"loosen or change one of them: {explanation}"
    if not lines:
        return "these libs cannot stand together", hint
    if len(lines) == 1:
        return f"what {lines[0]} needs cannot be met", f"take another version: {explanation}"
    return f"{', '.join(lines[:-1])} and {lines[-1]} cannot stand together", hint
