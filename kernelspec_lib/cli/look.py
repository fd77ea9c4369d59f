"""`get` and `explain`: one value, one rule."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import click

from kernelspec_lib.cli import common
from kernelspec_lib.cli.reporting import terminal_width
from kernelspec_lib.errors import UsageError
from kernelspec_lib.findings import RULES
from kernelspec_lib.project import KernelProject, Resources
from kernelspec_lib.rules import page
from kernelspec_lib.wording import shown

FIELDS: Mapping[str, Callable[[KernelProject], object]] = {
    "kernel_name": lambda project: project.kernel_name,
    "display_name": lambda project: project.display_name,
    "python_version": lambda project: project.python_version,
    "base_image": lambda project: project.base_image,
    "image_name": lambda project: project.image_name,
    "image_version": lambda project: project.image_version,
    "libs": lambda project: [str(lib.requirement) for lib in project.libs],
    "system_packages": lambda project: project.system_packages,
    "stage": lambda project: project.stage,
    "environment": lambda project: [f"{name}={text}" for name, text in project.environment.items()],
    "resources": lambda project: _limits(project.resources),
    "ignore": lambda project: project.ignore,
}
"""What `get` answers, defaults filled in. A list is a line for each entry."""


@click.command("get")
@click.argument("path")
@click.argument("field")
def get_command(path: str, field: str) -> int:
    """Print one value for a shell.

    The bare value, a list with a line for each entry, and nothing else.
    FIELD is a key of requirements.json; where the file leaves it out, its default is printed.
    """
    if field not in FIELDS:
        raise UsageError(f"{shown(field)} is no field; there are {', '.join(FIELDS)}")
    value = FIELDS[field](common.valid_project(path))
    for line in [value] if isinstance(value, str) else list(value):  # type: ignore[call-overload]
        common.echo(line)
    return 0


def _limits(resources: Resources) -> list[str]:
    named = ((name, getattr(resources, name)) for name in Resources.__dataclass_fields__)
    return [f"{name}={value}" for name, value in named if value is not None]


@click.command("explain")
@click.argument("code", required=False)
@click.option("--markdown", is_flag=True, help="As in docs/rules.md.")
def explain_command(code: str | None, markdown: bool) -> int:
    """Tell the why of a rule, with a bad and a good example.

    Without CODE: all rules, a line each.
    """
    if code is None:
        rows = (f"{one.code}  {one.severity:<7}  {one.name}" for one in RULES.values())
        common.echo(page.whole(RULES.values()) if markdown else "\n".join(rows), nl=not markdown)
        return 0
    rule = RULES.get(code.upper())
    if rule is None:
        raise UsageError(f"{shown(code)} is no rule; `kernelspec explain` lists them all")
    told = page.as_markdown(rule) if markdown else page.as_text(rule, terminal_width(sys.stdout))
    common.echo(f"{rule.code} {rule.name} ({rule.severity})\n\n{told}\n\nMore: {rule.url}")
    return 0
