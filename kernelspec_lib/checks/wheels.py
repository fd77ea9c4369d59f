"""What wheels are for, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PLATFORMS = (
    ("win", "Windows"),
    ("macosx", "macOS"),
    ("musllinux", "Alpine Linux"),
    ("manylinux", "Linux"),
    ("linux", "Linux"),
)


def told(tags: Sequence[str]) -> str:
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
