"""Runs inside the kernel that is tried: what is installed there, and can it be imported?

Its text is sent to the kernel, so it needs nothing but the standard library, of any Python 3.8 or
newer, and writes what it finds to standard output behind a mark.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import platform
import sys
import traceback
from typing import Any

MARK = "\x1ekernelspec:"
"""No library prints a record separator at a line's beginning."""
MAX_NAMES = 20
_BESIDE_THE_POINT = {"test", "tests", "testing", "docs", "doc", "examples", "example", "setup"}


def import_names(distribution: importlib.metadata.Distribution) -> list[str]:
    """What *distribution* lets one import, from the list of its own files.

    A folder without `__init__` is shared by several distributions: names go down to what is this
    one's alone, such as google.cloud.storage. Empty for stubs and for what is data only.
    """
    files = distribution.files
    if files is None:
        return sorted((distribution.read_text("top_level.txt") or "").split())[:MAX_NAMES]
    packages, modules = set(), set()
    for file in files:
        parts = file.parts
        name = inspect.getmodulename(parts[-1])
        if name is None or not all(part.isidentifier() for part in (*parts[:-1], name)):
            continue
        if name == "__init__":
            packages.add(parts[:-1])
        else:
            modules.add((*parts[:-1], name))
    return _telling(_outermost(packages, packages), _outermost(modules, packages))


def _outermost(names: set[tuple[str, ...]], packages: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Those of *names* that stand in none of *packages*."""
    return {
        name
        for name in names
        if name and not any(name[:length] in packages for length in range(len(name)))
    }


def _telling(packages: set[tuple[str, ...]], modules: set[tuple[str, ...]]) -> list[str]:
    whole = packages | {module for module in modules if len(module) == 1}
    roots = {name[0] for name in whole}
    # Of loose modules in a shared folder one is as good as all.
    loose = {module[:-1]: module for module in sorted(modules, reverse=True) if len(module) > 1}
    whole |= {module for module in loose.values() if module[0] not in roots}
    public = {
        name for name in whole if not name[-1].startswith("_") and name[0] not in _BESIDE_THE_POINT
    }
    return [".".join(name) for name in sorted(public or whole)][:MAX_NAMES]


def try_lib(name: str) -> dict[str, Any]:
    """Import all of the distribution *name*: its version, the names, and the first error."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return {"version": None, "imports": [], "error": None}
    names = import_names(distribution)
    found: dict[str, Any] = {"version": distribution.version, "imports": names, "error": None}
    for one in names:
        try:
            importlib.import_module(one)
        except BaseException as error:
            found["error"] = _last_line(error)
            break
    return found


def _last_line(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(type(error), error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def whereabouts() -> dict[str, Any]:
    """Where this code runs, as it sees it itself."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": sys.executable,
    }


def tell(found: dict[str, Any]) -> None:
    """Write *found* where whoever started this looks for it."""
    print("\n" + MARK + json.dumps(found), flush=True)
