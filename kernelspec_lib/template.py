"""The template: its questions, and a kernel's folder from their answers.

Nothing is read but the files that this library carries: no network, no settings and no replay files
of cookiecutter, no home. What would be accepted is said by the template's own hook, so that
`kernelspec new` and cookiecutter refuse the same.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from kernelspec_lib import data
from kernelspec_lib.errors import FileUnusable, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that the template wants to know."""

    name: str
    prompt: str
    choices: tuple[str, ...]
    """Empty where any text may be an answer; else the first is the default."""
    default: str
    """Jinja: it may speak of the answers before it."""


def questions() -> tuple[Question, ...]:
    """What the template asks, in order."""
    asked = {name: value for name, value in _settings().items() if not name.startswith("_")}
    return tuple(_question(name, value) for name, value in asked.items())


def suggestion(question: Question, answers: Mapping[str, str]) -> str:
    """The default answer to *question*, after *answers* to the ones before it."""
    from cookiecutter.utils import create_env_with_context

    environment = create_env_with_context({"cookiecutter": _settings()})
    return str(environment.from_string(question.default).render(cookiecutter=answers))


def refusal(question: str, answer: str) -> str | None:
    """Why *answer* to the question of this name cannot be taken, in a sentence; None: it can."""
    told: str | None = _hook().refusal(question, answer)
    return told


def generate(answers: Mapping[str, str], into: Path) -> Path:
    """A new kernel's folder in *into*, from one answer to each question; returns its path.

    All or nothing: an interrupted run leaves no half of a kernel. Raises UsageError where an answer
    is refused or the folder exists already, FileUnusable where it cannot be written.
    """
    for question in questions():
        if told := refusal(question.name, answers[question.name]):
            raise UsageError(told)
    target = into / answers["kernel_name"]
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already; choose another name, or another folder for it")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".new-kernel-") as staged:
            Path(_rendered(answers, staged)).rename(target)
    except OSError as error:
        raise FileUnusable(str(target), "write", error.strerror or str(error)) from error
    return target


def _rendered(answers: Mapping[str, str], folder: str) -> str:
    from cookiecutter.generate import generate_files

    settings = {name: value for name, value in _settings().items() if name.startswith("_")}
    # Not cookiecutter's main function: that reads and writes files in the home, and would render
    # the answers themselves as Jinja. The hook has judged them already, in refusal.
    context = {"cookiecutter": {**settings, **answers}}
    return str(generate_files(data.root(), context, folder, accept_hooks=False))


def _question(name: str, value: str | list[str]) -> Question:
    choices = tuple(value) if isinstance(value, list) else ()
    default = choices[0] if choices else str(value)
    prompt = _settings()["__prompts__"][name]
    return Question(name=name, prompt=prompt, choices=choices, default=default)


@cache
def _settings() -> dict[str, Any]:
    text = (data.root() / "cookiecutter.json").read_text(encoding="utf-8")
    settings: dict[str, Any] = json.loads(text)
    return settings


@cache
def _hook() -> ModuleType:
    """hooks/pre_gen_project.py as a module: it is Python even before cookiecutter renders it."""
    path = data.root() / "hooks" / "pre_gen_project.py"
    module = ModuleType("pre_gen_project")
    # An import would leave its bytecode beside the template.
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))  # noqa: S102
    return module
