"""`new`: a kernel's folder from the template that this library carries."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from kernelspec_lib import template
from kernelspec_lib.cli import common
from kernelspec_lib.errors import UsageError
from kernelspec_lib.template import Question

_AROUND = re.compile(r"\s*([<>=!~,;()\[\]]+)\s*")
"""Where a requirement may have spaces that mean nothing."""


@click.command("new")
@click.option("--kernel-name", metavar="NAME", help="The kernel's name, and that of its folder.")
@click.option("--display-name", metavar="TEXT", help="What the launcher shows.")
@click.option("--python", metavar="3.N", help="The version of Python.")
@click.option("--lib", "libs", metavar="LIB", multiple=True, help="A library; may be repeated.")
@click.option("--pipeline", metavar="SOURCE", help="Where GitLab CI gets kernelspec; asked else.")
@click.option(
    "-O", "--output-dir", metavar="DIR", default=".", help="Where the folder goes. [default: .]"
)
@click.option("--no-input", is_flag=True, help="Ask nothing: defaults where no answer is given.")
def new_command(
    kernel_name: str | None,
    display_name: str | None,
    python: str | None,
    libs: tuple[str, ...],
    pipeline: str | None,
    output_dir: str,
    no_input: bool,
) -> None:
    """Make the folder of a new kernel. Asks on a terminal what no option answers."""
    options = {
        "kernel_name": kernel_name,
        "display_name": display_name,
        "python_version": python,
        "libs": _one_line(libs) if libs else None,
        "pipeline": pipeline,
    }
    given = {name: answer for name, answer in options.items() if answer is not None}
    for name, answer in given.items():
        if told := template.refusal(name, answer):
            raise UsageError(told)
    folder = template.generate(
        _answers(given, asking=not no_input and sys.stdin.isatty()), Path(output_dir)
    )
    common.echo(_next_steps(folder))


def _answers(given: Mapping[str, str], *, asking: bool) -> dict[str, str]:
    answers: dict[str, str] = {}
    for question in template.questions():
        answer = given.get(question.name)
        if answer is None:
            answer = template.suggestion(question, answers)
            answer = _asked(question, answer) if asking else answer
        answers[question.name] = answer
    return answers


def _asked(question: Question, default: str) -> str:
    """The answer of whoever sits at the terminal, who is asked again until it can be taken."""

    def judged(answer: str) -> str:
        if told := template.refusal(question.name, answer.strip()):
            raise click.UsageError(told)
        return answer.strip()

    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    answer: str = click.prompt(
        question.prompt + choices, default=default, value_proc=judged, err=True
    )
    return answer


def _one_line(libs: Sequence[str]) -> str:
    return " ".join(_AROUND.sub(r"\1", lib.strip()) for lib in libs)


def _next_steps(folder: Path) -> str:
    return (
        f"The new kernel is in {folder}. What comes next:\n\n"
        f"    cd {shlex.quote(str(folder))}\n"
        "    kernelspec lint .     # checks it, and writes requirements.lock\n"
        "    kernelspec build .    # makes the image\n"
        "    kernelspec try .      # starts it, and imports every library"
    )
