"""What uv chose, as it writes it down: a pylock.toml (PEP 751) for one platform."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib.packages import pages
from kernelspec_lib.packages.pages import File

_WITHDRAWN = re.compile(r"`([A-Za-z0-9._-]+)==([^`\s]+)` is yanked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package as uv chose it."""

    name: str
    version: str
    files: tuple[File, ...] = ()
    """Its wheels that have tags of the target. Which Pythons they are for is not told."""
    withdrawn: bool = False
    """Whether uv said that all of it was."""
    uploaded: datetime | None = None
    """When the oldest of its wheels was, with its time zone; None: the index does not tell."""


def read(text: str, remarks: str) -> Iterator[Pin]:
    """The releases in *text*. remarks: what uv said beside it, withdrawn releases among it."""
    withdrawn = {(canonicalize_name(name), told) for name, told in _WITHDRAWN.findall(remarks)}
    for package in tomllib.loads(text).get("packages", ()):
        name, told = canonicalize_name(package["name"]), package["version"]
        release = Version(told)
        wheels = package.get("wheels", ())
        yield Pin(
            name=name,
            version=told,
            files=tuple(_file(release, wheel) for wheel in wheels),
            withdrawn=(name, told) in withdrawn,
            uploaded=_oldest(wheels),
        )


def _oldest(wheels: Sequence[Mapping[str, Any]]) -> datetime | None:
    times = [wheel.get("upload-time") for wheel in wheels]
    told = [one for one in times if isinstance(one, datetime) and one.tzinfo is not None]
    return min(told) if times and len(told) == len(times) else None


def _file(release: Version, wheel: Mapping[str, Any]) -> File:
    filename = unquote(urlsplit(wheel["url"]).path.rpartition("/")[2])
    hashes = wheel.get("hashes", {})
    row = (filename, wheel["url"], hashes.get("sha256"), "", None, False, wheel.get("size"))
    return pages.file_of(release, row)
