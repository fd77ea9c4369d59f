"""What the packages are for: the Python of the kernel's image, never the one that runs here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from packaging.tags import Tag, compatible_tags, cpython_tags

from kernelspec_lib.policy import OwnImage
from kernelspec_lib.project import KernelProject, Lib

SAFE_GLIBC = (2, 28)
"""Every image that is still cared for has this C library, or a newer one."""

_DEBIAN_GLIBC = {
    "buster": (2, 28),
    "bullseye": (2, 31),
    "bookworm": (2, 36),
    "trixie": (2, 41),
}
_OFFICIAL = re.compile(r"(?:docker\.io/)?(?:library/)?python:(?P<tag>[^@/]+)")
_NEWEST_PATCH = {6: 15, 7: 17, 8: 20, 9: 25, 10: 19, 11: 14, 12: 12, 13: 9, 14: 0}
"""By minor version, the newest patch known when this was written: images follow it closely."""

_ALPINE_MUSL = (1, 2)
"""Of every Alpine since 3.13, so of every one that official images stand on."""

_OLDEST_GLIBC_MINOR = 5
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An interpreter and a platform."""

    python_version: str
    """Major and minor, such as "3.11"."""
    python_full_version: str
    """With the patch: `>=3.8.1` admits 3.8.20 and not 3.8."""
    glibc: tuple[int, int] = SAFE_GLIBC
    machine: str = "x86_64"
    musl: tuple[int, int] | None = None
    """The C library of an image on Alpine, where *glibc* counts for nothing; None: it has none."""

    @property
    def platform(self) -> str:
        """The newest platform whose wheels install, such as "manylinux_2_36_x86_64"."""
        major, minor = self.musl or self.glibc
        return f"{'musl' if self.musl else 'many'}linux_{major}_{minor}_{self.machine}"

    @property
    def tags(self) -> Mapping[Tag, int]:
        """The tags of every wheel that installs, with their rank: pip takes the lowest."""
        return _tags(self)

    @property
    def marker_environment(self) -> Mapping[str, str]:
        """What the markers of a requirement are held against (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python_full_version,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python_full_version,
            "python_version": self.python_version,
            "sys_platform": "linux",
            "extra": "",
        }


def of(project: KernelProject, images: Sequence[OwnImage] = ()) -> Target:
    """The target of *project*: its Python, and the C library of its base image.

    images: what the site says of its own.
    """
    version = project.python_version
    minor = int(version.partition(".")[2])
    own = _own(project, images)
    official = _OFFICIAL.match(project.base_image)
    tag = official["tag"] if official else ""
    named = re.match(rf"{re.escape(version)}\.\d+(?![\d.a-z])", tag)
    patch = named[0] if named else f"{version}.{_NEWEST_PATCH.get(minor, 0)}"
    alpine = re.search(r"-alpine(?:\d+(?:\.\d+)?)?\Z", tag) is not None and own.glibc is None
    return Target(
        python_version=version,
        python_full_version=own.python or patch,
        glibc=own.glibc or _glibc(tag),
        machine=own.machine,
        musl=_ALPINE_MUSL if alpine else None,
    )


def counted(libs: Sequence[Lib], target: Target) -> tuple[Lib, ...]:
    """Those of *libs* that count on *target*: their marker holds there."""
    seen = dict(target.marker_environment)
    markers = [(lib, lib.requirement.marker) for lib in libs]
    return tuple(lib for lib, marker in markers if marker is None or marker.evaluate(seen))


def _own(project: KernelProject, images: Sequence[OwnImage]) -> OwnImage:
    """The first of *images* that the base image is, and that has the Python of *project*."""
    for image in images:
        fits = image.python is None or image.python.startswith(f"{project.python_version}.")
        if fits and fnmatchcase(project.base_image, image.pattern):
            return image
    return OwnImage(pattern="*")


def _glibc(tag: str) -> tuple[int, int]:
    """That of an official image with *tag*; the safe one where it says nothing.

    Source: which Debian the official images stood on in November 2026.
    """
    for name, glibc in _DEBIAN_GLIBC.items():
        if tag.endswith(f"-{name}"):
            return glibc
    version = re.fullmatch(r"3\.(\d+)(?:\.\d+)?(?:-slim)?", tag)
    if version is None:
        return SAFE_GLIBC
    return _DEBIAN_GLIBC["bookworm" if int(version[1]) <= 8 else "trixie"]


@cache
def _tags(target: Target) -> Mapping[Tag, int]:
    major, minor = (int(part) for part in target.python_version.split("."))
    name = f"cp{major}{minor}"
    platforms = list(_platforms(target))
    # Named here, because packaging would take the ABI of the Python that runs.
    abi = f"{name}m" if minor < 8 else name
    ordered = (
        *cpython_tags((major, minor), abis=[abi], platforms=platforms),
        *compatible_tags((major, minor), interpreter=name, platforms=platforms),
    )
    ranks: dict[Tag, int] = {}
    for rank, tag in enumerate(ordered):
        ranks.setdefault(tag, rank)
    return ranks


def _platforms(target: Target) -> Iterator[str]:
    if target.musl:
        for minor in range(target.musl[1], -1, -1):
            yield f"musllinux_{target.musl[0]}_{minor}_{target.machine}"
        yield f"linux_{target.machine}"
        return
    major, newest = target.glibc
    for minor in range(newest, _OLDEST_GLIBC_MINOR - 1, -1):
        yield f"manylinux_{major}_{minor}_{target.machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{target.machine}"
    yield f"linux_{target.machine}"
