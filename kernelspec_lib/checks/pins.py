"""KS3xx: the pins, against what the package index offers the image's Python."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from packaging.version import Version

from kernelspec_lib.checks import wheels
from kernelspec_lib.findings import Finding
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.metadata import Trust
from kernelspec_lib.packages.problems import (
    Conflict,
    Malformed,
    NoSuchVersion,
    NoWheel,
    OnlyPrereleases,
    OtherPython,
    Problem,
    ReleaseProblem,
    Remedy,
    SourceOnly,
    SourceRefused,
    UnknownExtra,
    UnknownLib,
    Yanked,
    is_error,
)
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.project import KernelProject, Lib
from kernelspec_lib.wording import shown

_ANOTHER = "take another version of this library"


def check(project: KernelProject, outcome: Lock | Unresolved) -> Iterator[Finding]:
    """What *outcome*, of resolving *project*, has to say about the lines of libs."""
    problems = outcome.warnings if isinstance(outcome, Lock) else outcome.problems
    single = [one for one in problems if is_error(one) and not isinstance(one, Conflict)]
    wrong = {pointer for one in single for pointer in _blamed(one)}
    quarrels = [one for one in problems if isinstance(one, Conflict)]
    following = [one for one in quarrels if _follows(one, wrong, project)]
    for problem in problems:
        if problem in following:
            continue
        message, hint = _told(problem, project)
        pointers = _blamed(problem)
        if isinstance(problem, Conflict):
            # A line that cannot stay anyway is told once.
            pointers = [one for one in pointers if one not in wrong] or pointers
        elif problem in single and problem.lib is not None:
            hint += _besides(problem.lib, following, wrong)
        for pointer in pointers:
            yield finding(project, problem.code, pointer, message, hint)


def _follows(conflict: Conflict, wrong: Collection[str], project: KernelProject) -> bool:
    """Whether there is *conflict* only once a line in *wrong*, by pointer, is mended: of the others
    in it nothing is wrong as they stand."""
    written = {lib.pointer: lib for lib in project.libs}
    pointers = {lib.pointer for lib in conflict.libs}
    mended = any(lib != written[lib.pointer] for lib in conflict.libs)
    return mended and not pointers.isdisjoint(wrong) and not pointers <= set(wrong)


def _besides(lib: Lib, conflicts: Sequence[Conflict], wrong: Collection[str]) -> str:
    """What else has to be changed to mend *lib*, one of the lines in *wrong*, because of
    *conflicts*."""
    ours = [one for one in conflicts if any(line.pointer == lib.pointer for line in one.libs)]
    lines = [line for one in ours for line in one.libs if line.pointer not in wrong]
    if not lines:
        return ""
    ways = [
        _other_version(way)
        for one in ours
        for way in one.remedies[:1] or one.together
        if way.lib.pointer not in wrong
    ]
    also = f"write {' and '.join(ways)}, too" if ways else "loosen or change that, too"
    return f"; no release of {lib.name} goes with {' and '.join(map(_line, lines))}: {also}"


def finding(project: KernelProject, code: str, pointer: str, message: str, hint: str) -> Finding:
    """What is wrong at *pointer* of requirements.json; of the libs as a whole, at their key."""
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
        case SourceOnly(held_by=(_, *_) as libs) | SourceRefused(held_by=(_, *_) as libs):
            return [lib.pointer for lib in libs]
        case ReleaseProblem(lib=None, asked_by=libs):
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
            return f"{_line(lib)} has no release{there}", _number(problem, project)
        case NoSuchVersion(lib=lib):
            message = f"every release that {_line(lib)} admits was withdrawn by its authors"
            return message, _number(problem, project)
        case OtherPython():
            return _other_python(problem, python)
        case NoWheel():
            return _no_wheel(problem, python)
        case SourceOnly():
            return _source_only(problem, project)
        case SourceRefused():
            message = (
                f"{_beside(problem.held_by)}{_release(problem)} has no wheel for {python}, and "
            )
            message += "this site builds nothing from sources"
            return message, _ANOTHER if problem.held_by else _other_release(problem, python)
        case Yanked():
            return _yanked(problem, python)
        case UnknownExtra():
            return _unknown_extra(problem)
        case OnlyPrereleases(lib=lib, version=version):
            message = f"{_line(lib)} is met by pre-releases only; {version} is taken"
            return message, f"write {lib.name}{_extras(lib)}=={version} if you mean it"
        case Malformed():
            return _malformed(problem, python)
        case Conflict():
            return _conflict(problem)


def _unknown(problem: UnknownLib, lib: Lib) -> tuple[str, str]:
    if problem.placeholder:
        message = f"{lib.requirement.name} on the index is an empty package that does not install"
        meant = problem.suggestion
        if meant and problem.listed:
            return message, _superfluous(meant)
        return message, f"write {meant}" if meant else "name the library that you mean"
    from kernelspec_lib.packages import names

    message = f"the index has no library named {shown(lib.requirement.name)}"
    if lib.name in names.SYSTEM:
        return message, f"pip does not install it: {names.SYSTEM[lib.name]}"
    if lib.name.replace("-", "_") in names.BUILT_IN:
        return message, f"take this line out: {lib.requirement.name} comes with Python"
    if problem.suggestion:
        there = ", which is among the libs already" if problem.listed else ""
        return message, f"did you mean {shown(problem.suggestion)}{there}?"
    if problem.elsewhere:
        told = "what only pip's extra indexes and find-links have is not looked at"
        return message, f"{told}: the site's one index must have it"
    return message, "check its spelling: the name to install may differ from the name to import"


def _unknown_extra(problem: UnknownExtra) -> tuple[str, str]:
    lib, extra = problem.lib, f"extra named {shown(problem.extra)}"
    if problem.newer is None:
        there = f"; it has {', '.join(map(shown, problem.known[:20]))}" if problem.known else ""
        return f"{lib.name} has no {extra}{there}", "correct it, or take it out"
    others = " and ".join(map(_line, problem.held_by))
    message = f"{lib.name} {problem.version} has no {extra}; {problem.newer} has it"
    if others:
        return f"{message}, and does not go with {others}", f"loosen {others}, or take it out"
    wanted = f"{lib.requirement.name}{_extras(lib)}=={problem.newer}"
    return message, f"write {wanted}, of which something may have to be built, or take it out"


def _meant(name: str, project: KernelProject) -> str:
    """What to write for *name*, of an empty package that was put there for another one."""
    from kernelspec_lib.packages import names

    meant = names.ALIASES[name]
    if any(lib.name == meant for lib in project.libs):
        return _superfluous(meant)
    return f"write {meant}: {name} is an empty package"


def _superfluous(meant: str) -> str:
    return f"take this line out: {meant} is among the libs already"


def _line(lib: Lib) -> str:
    """The requirement without its marker, which says nothing about versions."""
    return f"{lib.requirement.name}{_extras(lib)}{lib.requirement.specifier}"


def _extras(lib: Lib | None) -> str:
    """What stands in brackets on a line: who writes another version wants the same extras."""
    extras = lib.requirement.extras if lib is not None else ()
    return f"[{','.join(sorted(extras))}]" if extras else ""


def _remedy(name: str, remedy: Version | None, newest: Version | None, python: str) -> str:
    """What to write in place of *name*, extras included. newest: of those that install as they
    are."""
    if remedy is not None:
        return f"write {name}=={remedy}{'' if newest else ', which has sources only and is built'}"
    if newest is None:
        from kernelspec_lib.packages import names

        meant = names.ALIASES.get(name.partition("[")[0])
        instead = f"write {meant}" if meant else "take another library or python_version"
        return f"no release of {name} installs on {python} without being built: {instead}"
    return f"no release of {name} is known that goes with the other lines as they are"


def _newest(problem: ReleaseProblem, python: str) -> str:
    """The newest that installs, for who is told to write another one."""
    if _behind(problem) or problem.newest in (None, problem.remedy):
        return ""
    return f"; the newest for {python} is {problem.newest}"


def _number(problem: NoSuchVersion, project: KernelProject) -> str:
    from kernelspec_lib.packages import names

    name, python = problem.lib.name, f"Python {project.python_version}"
    if problem.newest is None and name in names.SYSTEM:
        return f"pip does not install it: {names.SYSTEM[name]}"
    if problem.newest is None and name in names.PLACEHOLDERS:
        return _meant(name, project)
    return _remedy(f"{name}{_extras(problem.lib)}", problem.remedy, problem.newest, python)


def _behind(problem: ReleaseProblem) -> str:
    """Who wants the release, in words; empty where it stands among the libs itself."""
    asked_by = problem.asked_by if problem.lib is None else ()
    if not asked_by or any(lib.name == problem.name for lib in asked_by):
        return ""
    wanting = ", ".join(lib.requirement.name for lib in asked_by)
    return f"{wanting} {'needs' if len(asked_by) == 1 else 'need'} "


def _release(problem: ReleaseProblem) -> str:
    """The beginning of a sentence on it, such as "numpy 1.0" or "pandas needs numpy 1.0, which"."""
    behind = _behind(problem)
    return f"{behind}{problem.name} {problem.version}{', which' if behind else ''}"


def _beside(lines: Sequence[Lib]) -> str:
    """Beside which *lines* it is so; empty where it is so anyway."""
    return f"beside {' and '.join(map(_line, lines))}, " if lines else ""


def _other_python(problem: OtherPython, python: str) -> tuple[str, str]:
    wants = f"Python {problem.requires_python}"
    message = f"{_release(problem)} needs {wants}; this kernel has {python}"
    return message + _newest(problem, python), _other_release(problem, python)


def _other_release(problem: ReleaseProblem, python: str) -> str:
    """What helps where a release is no good."""
    if _behind(problem) and problem.remedy:
        who = problem.asked_by[0]
        return f"write {who.requirement.name}{_extras(who)}=={problem.remedy}"
    if _behind(problem):
        # What needs it admits no release that would do: that was tried.
        return _ANOTHER
    return _remedy(f"{problem.name}{_extras(problem.lib)}", problem.remedy, problem.newest, python)


def _source_only(problem: SourceOnly, project: KernelProject) -> tuple[str, str]:
    python = f"Python {project.python_version}"
    behind = _behind(problem)
    message = (
        f"{_beside(problem.held_by)}{_release(problem)} has no wheel for {python}, only sources"
    )
    if problem.trust is Trust.APPROXIMATE:
        message += "; what it needs is known approximately"
    elif problem.trust is Trust.UNKNOWN:
        message += "; what it needs is not known: add that to libs"
    if problem.unreadable:
        message += f"; it says that it needs {shown(problem.unreadable)}, which pip and setuptools "
        message += "of today cannot read: its build is likely to fail"
    hint = "its own code runs at docker build, in the container"
    from kernelspec_lib.packages import names, system_packages

    if problem.name in names.PLACEHOLDERS and not behind:
        return message, _meant(problem.name, project)
    wanted = system_packages.helping(problem.name)
    missing = [one for one in wanted if one not in project.system_packages]
    if missing:
        hint += f", and usually needs {' '.join(missing)} in system_packages"
    elif not wanted:
        hint += ", and may want a compiler (gcc g++) in system_packages"
    if problem.held_by:
        hint += f"; without {' and '.join(map(_line, problem.held_by))} it would not be built"
    elif problem.remedy and not behind:
        hint += f"; {_other_release(problem, python)}"
    return message, hint


def _yanked(problem: Yanked, python: str) -> tuple[str, str]:
    why = f": {shown(problem.reason, 200)}" if problem.reason else ""
    message = f"{_release(problem)} was withdrawn by its authors{why}"
    return message, _other_release(problem, python)


def _malformed(problem: Malformed, python: str) -> tuple[str, str]:
    message = f"{_release(problem)} says that it needs {shown(problem.text)}: "
    message += "pip cannot read that, and refuses it"
    return message, _other_release(problem, python)


def _no_wheel(problem: NoWheel, python: str) -> tuple[str, str]:
    hint = _other_release(problem, python)
    message = f"{_release(problem)} has no wheel for {python} on Linux"
    if problem.glibc:
        wanted = f"glibc {problem.glibc[0]}.{problem.glibc[1]}"
        message += f" with the C library of the base image: it wants {wanted}"
        return message, f"{hint}, or take a base image with {wanted} or newer"
    offers = wheels.told(problem.offers)
    message += f"; there are wheels for {offers}" if offers else ""
    return message + _newest(problem, python), hint


def _conflict(conflict: Conflict) -> tuple[str, str]:
    lines = [_line(lib) for lib in conflict.libs]
    why = f": {conflict.explanation}" if conflict.explanation else ""
    if not lines:
        return f"these libs cannot stand together{why}", "loosen or change one of them"
    ways = list(map(_other_version, conflict.remedies))
    if len(lines) == 1:
        # Of a line that says no version, all were tried.
        more = "python_version" if not conflict.libs[0].requirement.specifier else "version"
        hint = f"write {ways[0]}" if ways else f"take another library or {more}"
        return f"what {lines[0]} needs cannot be met{why}", hint
    hint = "loosen or change one of them"
    if joined := " or ".join(ways) or " and ".join(map(_other_version, conflict.together)):
        beside = "all other lines as they are" if conflict.alone else "the other errors mended"
        hint = f"write {joined}: with {beside}, that resolves"
    return f"{', '.join(lines[:-1])} and {lines[-1]} cannot stand together{why}", hint


def _other_version(remedy: Remedy) -> str:
    requirement = remedy.lib.requirement
    if remedy.version is None:
        return f"{requirement.name}{requirement.specifier} without {_extras(remedy.lib)}"
    return f"{requirement.name}{_extras(remedy.lib)}=={remedy.version}"
