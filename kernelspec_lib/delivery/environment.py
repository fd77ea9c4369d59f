"""A throwaway environment from the lock: where a kernel is tried when there is no Docker."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from kernelspec_lib.delivery import command
from kernelspec_lib.errors import CommandFailed, KernelspecError, ToolMissing
from kernelspec_lib.packages import settings
from kernelspec_lib.packages.settings import IndexConfig

_TIMEOUT = 1800.0
"""Seconds: a library may be compiled from its source."""
_MAX_TOLD = 8


def make(
    folder: Path,
    python_version: str,
    lock: Path,
    index: IndexConfig,
    environment: Mapping[str, str],
    told: Callable[[str], None],
) -> Path:
    """The Python of a new environment in *folder* that holds exactly what *lock* does.

    index: where packages come from. Raises ToolMissing where the machine
    has no such Python, CommandFailed where the packages cannot be installed.
    """
    import uv

    tool = uv.find_uv_bin()
    own = _variables(index, environment)
    told(f"making an environment with Python {python_version}")
    venv = (tool, "venv", "--quiet", "--no-project", f"--python={python_version}", str(folder))
    made = command.follow(venv, own, _TIMEOUT, told)
    if made.returncode != 0:
        raise _no_environment(python_version, made)
    told("installing the lock")
    python = folder / "bin" / "python"
    install = (tool, "pip", "install", "--quiet", "--no-deps", "--require-hashes")
    whence = (f"--python={python}", f"--requirements={lock}")
    done = command.follow((*install, *whence), own, _TIMEOUT, told)
    if done.returncode != 0:
        raise _failed("installing the lock", done)
    return python


def _no_environment(python_version: str, made: command.Followed) -> KernelspecError:
    if not any("No interpreter found" in line for line in made.lines):
        return _failed("making an environment", made)
    return ToolMissing(
        f"Python {python_version}",
        "try this kernel without Docker",
        "install it, or build the image with `kernelspec build` and try that with "
        "`--engine docker`",
    )


def _variables(index: IndexConfig, environment: Mapping[str, str]) -> dict[str, str]:
    """What uv is run with, where it is told of *index*."""
    # An environment that is active here, or a uv.toml that lies about, must not have a say.
    own = {name: value for name, value in environment.items() if name not in _LEADING_ASTRAY}
    own.update(_index(index), UV_NO_CONFIG="1", UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1")
    return own


_LEADING_ASTRAY = frozenset(
    {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_SYSTEM_PYTHON"}
)


def _index(index: IndexConfig) -> dict[str, str]:
    """What tells uv of *index*."""
    told = {"UV_DEFAULT_INDEX": f"site={index.url}"}
    if index.login is not None:
        user, password = index.login
        told |= {"UV_INDEX_SITE_USERNAME": user, "UV_INDEX_SITE_PASSWORD": password}
    if index.trusted:
        told["UV_INSECURE_HOST"] = urlsplit(index.url).netloc
    return told | settings.for_uv(index)


def variables(folder: Path, home: Path) -> dict[str, str]:
    """What keeps a kernel of the environment in *folder* away from the user's own files."""
    return {
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "MPLCONFIGDIR": str(home / ".matplotlib"),
        "PYTHONHOME": "",
        "PYTHONPATH": "",
        "PYTHONNOUSERSITE": "1",
        "VIRTUAL_ENV": str(folder),
        "PATH": f"{folder / 'bin'}{os.pathsep}${{PATH}}",
    }


def _failed(what: str, done: command.Followed) -> CommandFailed:
    said = [line for line in done.lines if line.strip()][-_MAX_TOLD:]
    return CommandFailed(what, done.returncode, said)
