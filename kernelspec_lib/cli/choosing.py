"""Which kernels `validate`, `resolve` and `lint` are about."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from kernelspec_lib import changes
from kernelspec_lib.errors import FileUnusable, UsageError
from kernelspec_lib.project import REQUIREMENTS
from kernelspec_lib.wording import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which kernels the user named."""

    paths: tuple[str, ...]
    recursive: bool
    changed_since: str | None
    changed_files: bool
    """Whether the paths are files that changed, and not kernels."""


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command its PATHs and what narrows or widens them, as its argument *choice*."""

    @wraps(command)
    def collected(**given: Any) -> Any:
        choice = Choice(**{name: given.pop(name) for name in Choice.__dataclass_fields__})
        return command(choice=choice, **given)

    for option in reversed(
        (
            click.argument("paths", metavar="[PATH]...", nargs=-1),
            click.option("-r", "--recursive", is_flag=True, help="Every kernel below each PATH."),
            click.option(
                "--changed-since", metavar="REV", envvar="PRE_COMMIT_FROM_REF",
                help="Only kernels that this git branch touched since it left REV. "
                "[default: what pre-commit says at a push]",
            ),
            click.option(
                "--changed-files", is_flag=True,
                help="Each PATH is a file that changed: judge the kernels around them.",
            ),
        )
    ):  # fmt: skip
        collected = option(collected)
    return collected


def chosen(choice: Choice, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The kernels, each as a PATH of its own: in the order given, below a PATH by name.

    Raises UsageError where there is no kernel, or no git branch to ask.
    """
    if choice.changed_files:
        if choice.recursive:
            raise UsageError("--changed-files names files, and --recursive is for folders")
        return tuple(dict.fromkeys(one for path in choice.paths if (one := _around(path))))
    found: list[str] = []
    for path in choice.paths or (".",):
        kernels = list(_below(path)) if choice.recursive and Path(path).is_dir() else [path]
        if choice.changed_since is not None:
            kernels = _touched(path, kernels, choice.changed_since, environment)
        found += kernels
    return tuple(dict.fromkeys(found) if choice.recursive else found)


def _around(file: str) -> str | None:
    """The nearest folder around *file* that is a kernel's."""
    folders = (folder for folder in Path(file).parents if (folder / REQUIREMENTS).is_file())
    return next(map(str, folders), None)


def _below(path: str) -> Iterator[str]:
    """Raises FileUnusable for a folder that is closed: who knows what is in it."""

    def closed(error: OSError) -> None:
        raise FileUnusable(str(error.filename), "look into", error.strerror or str(error))

    none = True
    for folder, inside, files in os.walk(path, onerror=closed):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        if REQUIREMENTS in files and not Path(folder, REQUIREMENTS).is_symlink():
            none = False
            yield str(Path(folder))
    if none:
        raise UsageError(f"there is no {REQUIREMENTS} in {shown(path)}, nor in any folder below it")


def _touched(
    path: str, kernels: list[str], revision: str, environment: Mapping[str, str]
) -> list[str]:
    named = Path(path)
    if not named.exists():
        raise UsageError(f"{shown(path)} does not exist")
    around = named if named.is_dir() else named.parent
    folders = {
        folder for file in changes.touched(around, revision, environment) for folder in file.parents
    }
    return [one for one in kernels if _folder(one) in folders]


def _folder(kernel: str) -> Path:
    path = Path(kernel)
    return (path if path.is_dir() else path.parent).resolve()
