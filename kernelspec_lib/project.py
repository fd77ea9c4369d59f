"""A kernel's own files as typed values: the border behind which nothing is parsed again."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernelspec_lib import document, requirement
from kernelspec_lib.document import Document
from kernelspec_lib.errors import UsageError, unusable
from kernelspec_lib.wording import shown

REQUIREMENTS = "requirements.json"
LOCK = "requirements.lock"
DOCKERFILE = "Dockerfile"
CI_FILE = ".gitlab-ci.yml"

INSIDE = "put the file itself into the folder"
OUTSIDE = "the file is a link that leads out of the kernel's folder"

_MEMORY_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which files a user's PATH stands for."""

    requirements: str
    """The requirements.json, as the user named it."""
    folder: Path
    """The kernel's folder."""
    whole: bool
    """Whether the folder was named, and is judged with its Dockerfile; else the one file alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits of one container. None: none was asked for."""

    memory: int | None = None
    """Bytes."""
    cpus: float | None = None
    pids: int | None = None
    shm_size: int | None = None
    """Bytes."""
    gpus: int | Literal["all"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lib:
    """One line of libs."""

    requirement: Requirement
    name: str
    """Normalised as PEP 503 says."""
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelProject:
    """A kernel as its requirements.json describes it, defaults filled in."""

    place: Place
    document: Document
    kernel_name: str
    display_name: str
    python_version: str
    base_image: str
    image_name: str
    image_version: str
    libs: tuple[Lib, ...]
    system_packages: tuple[str, ...]
    resources: Resources
    environment: Mapping[str, str]
    stage: Literal["development", "production"]
    ignore: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a file beside requirements.json is not read."""

    reason: str


def locate(path: str) -> Place:
    """The files that *path* (a kernel folder, or a requirements.json) stands for.

    Raises UsageError where there is nothing, or no requirements.json in the folder.
    """
    named = Path(path)
    if named.is_dir():
        inside = named / REQUIREMENTS
        if not inside.exists():
            raise UsageError(
                f"there is no {REQUIREMENTS} in the folder {shown(path)}; "
                "name a kernel's folder, or make one with `kernelspec new`"
            )
        return Place(requirements=str(inside), folder=named, whole=True)
    if not named.exists():
        raise UsageError(f"{shown(path)} does not exist")
    return Place(requirements=str(named), folder=named.parent, whole=False)


def load(place: Place) -> Document:
    """The document at *place*. Raises UsageError or FileUnusable where it cannot be read."""
    if leads_out(Path(place.requirements)):
        return document.unread("KS009", OUTSIDE, INSIDE)
    return document.read(read_bytes(place.requirements, document.MAX_BYTES + 1))


def leads_out(path: Path) -> bool:
    """Whether *path* is a link to what is not in its own folder.

    Whoever commits a link would have a pipeline read, and show in its report, what is the runner's.
    """
    return os.path.realpath(path.parent) != os.path.commonpath(
        (os.path.realpath(path.parent), os.path.realpath(path))
    )


def read_bytes(path: str, limit: int) -> bytes:
    """At most *limit* bytes of the regular file *path*.

    A pipe or a device is refused, and not waited for. Raises UsageError or FileUnusable.
    """
    with unusable(path, "read"):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    # A file object over a folder cannot be made, so the handle is asked first.
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UsageError(f"{shown(path)} is not a file")
    with unusable(path, "read"), os.fdopen(handle, "rb") as file:
        return file.read(limit)


def whole(path: str | Path) -> bytes:
    """All of the file *path*, whatever it is. Raises FileUnusable."""
    with unusable(str(path), "read"):
        return Path(path).read_bytes()


def beside(path: Path, limit: int) -> str | Unusable | None:
    """The text of a file of the kernel's own; None: there is none.

    Nothing outside the kernel's folder is read, nor anything that is larger than *limit* bytes.
    Raises FileUnusable where the disk refuses.
    """
    if not os.path.lexists(path):
        return None
    if leads_out(path):
        return Unusable(OUTSIDE)
    if not path.is_file():
        return Unusable(f"{path.name} is no file")
    content = read_bytes(str(path), limit + 1)
    if len(content) > limit:
        return Unusable(f"{path.name} is larger than {limit // 1024} KiB")
    return content.decode("utf-8", errors="replace")


def size_in_bytes(text: str) -> int:
    """Bytes of a size as the schema admits it, such as "512m"."""
    return int(text[:-1]) * _MEMORY_UNITS[text[-1]]


def from_document(place: Place, source: Document) -> KernelProject:
    """The project that *source* describes; it must have passed the schema check without error."""
    value: Any = source.value
    read = map(requirement.read, value["libs"])
    libs = [one for one in read if isinstance(one, Requirement)]
    kernel_name = value["kernel_name"]
    python_version = value["python_version"]
    return KernelProject(
        place=place,
        document=source,
        kernel_name=kernel_name,
        display_name=value.get("display_name", kernel_name),
        python_version=python_version,
        base_image=value.get("base_image", f"python:{python_version}-slim"),
        image_name=value.get("image_name", kernel_name),
        image_version=value.get("image_version", "latest"),
        libs=tuple(
            Lib(requirement=lib, name=canonicalize_name(lib.name), pointer=f"/libs/{index}")
            for index, lib in enumerate(libs)
        ),
        system_packages=tuple(value.get("system_packages", ())),
        resources=resources(value.get("resources", {})),
        environment=dict(value.get("environment", {})),
        stage=value.get("stage", "development"),
        ignore=dict(value.get("ignore", {})),
    )


def resources(value: Mapping[str, Any]) -> Resources:
    """Limits from an object that the schema admits."""
    memory, shm_size = value.get("memory"), value.get("shm_size")
    return Resources(
        memory=size_in_bytes(memory) if memory else None,
        cpus=value.get("cpus"),
        pids=_whole(value.get("pids")),
        shm_size=size_in_bytes(shm_size) if shm_size else None,
        gpus=_whole(value.get("gpus")),
    )


def _whole(value: Any) -> Any:
    # JSON Schema takes 4.0 for a whole number, and docker does not.
    return int(value) if isinstance(value, float) else value
