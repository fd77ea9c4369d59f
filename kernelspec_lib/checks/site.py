"""KS2xx: a kernel, against the rules of its site."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernelspec_lib import document
from kernelspec_lib.findings import Finding
from kernelspec_lib.packages import lock as locks
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.policy import Denied, Policy
from kernelspec_lib.project import KernelProject, Lib, size_in_bytes
from kernelspec_lib.wording import shown

_SIZES = ("memory", "shm_size")


def check(project: KernelProject, policy: Policy, login: str | None = None) -> Iterator[Finding]:
    """Where *project* breaks a rule of *policy*. What the index says is not needed for it.

    login: whose kernel it is, in lower case; None: not known, so that no group of the policy
    widens anything, and nobody is told that production is for others.
    """
    yield from _base_image(project, policy, login)
    yield from _libs(project, policy)
    yield from _system_packages(project, policy)
    yield from _limits(project, policy, login)
    yield from _production(project, policy, login)
    yield from _environment(project, policy)
    for code in project.ignore:
        if policy.enforces(code):
            message = f"this site enforces {code}: it cannot be ignored"
            hint = f"mend what {code} tells, and take it out of ignore"
            yield _finding(project, "KS207", ("ignore", code), message, hint, key=True)


def check_lock(project: KernelProject, lock: Lock, policy: Policy) -> Iterator[Finding]:
    """The releases in *lock* that *policy* denies, at the lines that ask for them.

    What `check` tells of a pin is not told again.
    """
    told = {lib.name for lib in project.libs if any(_denials(lib, policy.denied_libs))}
    roots = locks.roots(lock, project)
    for package in lock.packages:
        for denied in policy.denied_libs if package.name not in told else ():
            versions = denied.requirement.specifier
            if _name(denied.requirement) == package.name and _within(package.version, versions):
                yield from _locked(project, package, denied, roots[package.name])


def _locked(
    project: KernelProject, package: LockedPackage, denied: Denied, asked_by: Sequence[Lib]
) -> Iterator[Finding]:
    message = f"this site forbids {package.name} {package.version}{_reason(denied)}"
    for lib in asked_by:
        hint = f"exclude it: {package.name}{_other(denied)}"
        if lib.name != package.name:
            hint = f"{lib.requirement.name} needs it; take another release of that, or {hint}"
        parts = ("libs", int(lib.pointer.rpartition("/")[2]))
        yield _finding(project, "KS202", parts, message, hint)
    if not asked_by:
        yield _finding(project, "KS202", ("libs",), message, "take another release", key=True)


def _name(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)


def images(policy: Policy, login: str | None) -> tuple[str, ...] | None:
    """Patterns of what images of *login* may begin from; None: anything."""
    if policy.base_images is None:
        return None
    more = [pattern for group in policy.groups_of(login) for pattern in group.base_images]
    return (*policy.base_images, *more)


def _base_image(project: KernelProject, policy: Policy, login: str | None) -> Iterator[Finding]:
    allowed = images(policy, login)
    if allowed is None or _admitted(project.base_image, allowed):
        return
    # Where none is named, the Python chose it.
    named = "base_image" if "base_image" in _keys(project) else "python_version"
    message = f"this site allows no image to begin from {shown(project.base_image)}"
    yield _finding(project, "KS201", (named,), message, f"allowed: {_listed(allowed)}")


def _libs(project: KernelProject, policy: Policy) -> Iterator[Finding]:
    for number, lib in enumerate(project.libs):
        for denied in _denials(lib, policy.denied_libs):
            message = f"this site forbids {denied.requirement}{_reason(denied)}"
            hint = "take another release" if denied.requirement.specifier else "take it out"
            yield _finding(project, "KS202", ("libs", number), message, hint)
    asked = {lib.name for lib in project.libs}
    for required in policy.required_libs:
        if _name(required) not in asked:
            message = f"this site wants {required} in every kernel"
            yield _finding(project, "KS203", ("libs",), message, f'add "{required}"', key=True)


def _denials(lib: Lib, denied_libs: Iterable[Denied]) -> Iterator[Denied]:
    """What of *denied_libs* forbids *lib* whatever the index offers: each release, or its pin."""
    pins = [one.version for one in lib.requirement.specifier if one.operator in ("==", "===")]
    for denied in denied_libs:
        versions = denied.requirement.specifier
        if _name(denied.requirement) == lib.name and (
            not versions or any(_within(pin, versions) for pin in pins)
        ):
            yield denied


def _within(version: str, versions: SpecifierSet) -> bool:
    try:
        return versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        # ==1.* pins no release; which one it gives, the lock tells.
        return False


def _reason(denied: Denied) -> str:
    return f": {denied.reason}" if denied.reason else ""


def _other(denied: Denied) -> str:
    """What to write so that the releases are excluded, where it can be written."""
    versions = denied.requirement.specifier
    pinned = [one for one in versions if one.operator == "=="]
    return f"!={pinned[0].version}" if len(pinned) == 1 == len(versions) else " elsewhere"


def _system_packages(project: KernelProject, policy: Policy) -> Iterator[Finding]:
    for number, name in enumerate(project.system_packages):
        if not _admitted(name, policy.system_packages):
            message = f"this site does not allow the system package {shown(name)}"
            allowed = policy.system_packages
            hint = f"allowed: {_listed(allowed)}" if allowed else "none is: ask for a base image"
            yield _finding(project, "KS204", ("system_packages", number), message, hint)


def _limits(project: KernelProject, policy: Policy, login: str | None) -> Iterator[Finding]:
    bounds = [policy.maximum_resources]
    bounds += [group.maximum_resources for group in policy.groups_of(login)]
    for name in policy.maximum_resources:
        wanted = getattr(project.resources, name)
        given = max((one[name] for one in bounds if name in one), key=partial(_measure, name))
        if wanted is not None and _measure(name, wanted) > _measure(name, given):
            written = _written(project, name)
            message = f"{name} {written} is more than this site gives to one kernel"
            yield _finding(project, "KS205", ("resources", name), message, f"at most {given}")


def _measure(name: str, value: Any) -> float:
    """*value* of a limit, as a number that can be compared."""
    if value == "all":
        return math.inf
    return float(size_in_bytes(value) if isinstance(value, str) else value)


def _production(project: KernelProject, policy: Policy, login: str | None) -> Iterator[Finding]:
    allowed = policy.production_logins
    if project.stage != "production" or allowed is None or login is None or login in allowed:
        return
    message = f"on this site {shown(login)} makes no production kernels"
    hint = "leave it at development, or hand the kernel to one of those who do"
    yield _finding(project, "KS208", ("stage",), message, hint)


def _written(project: KernelProject, name: str) -> str:
    wanted = getattr(project.resources, name)
    if name not in _SIZES:
        return str(wanted)
    for unit in "gmk":
        if wanted % size_in_bytes(f"1{unit}") == 0:
            return f"{wanted // size_in_bytes(f'1{unit}')}{unit}"
    return f"{wanted}b"


def _environment(project: KernelProject, policy: Policy) -> Iterator[Finding]:
    for name in project.environment:
        if _admitted(name, policy.denied_environment):
            message = f"this site lets no kernel set {name}"
            parts = ("environment", name)
            yield _finding(project, "KS206", parts, message, "take it out", key=True)


def _admitted(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _listed(patterns: Iterable[str]) -> str:
    return ", ".join(patterns) or "none"


def _keys(project: KernelProject) -> Iterable[str]:
    value = project.document.value
    return value if isinstance(value, dict) else ()


def _finding(
    project: KernelProject,
    code: str,
    parts: tuple[str | int, ...],
    message: str,
    hint: str,
    *,
    key: bool = False,
) -> Finding:
    pointer = document.joined(parts)
    source = project.document
    span = source.span_of_key(pointer) if key else source.span_of(pointer)
    path = project.place.requirements
    return Finding.of(code, message, hint, path=path, pointer=pointer, span=span)
