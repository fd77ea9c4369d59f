"""How `validate`, `resolve` and `lint` tell what they found."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, Any

import click

from kernelspec_lib.errors import FileUnusable, UsageError
from kernelspec_lib.findings import RULES, Finding
from kernelspec_lib.reports import REPORTERS
from kernelspec_lib.wording import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """What the user asked of the report."""

    output_format: str
    output_file: str | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    color: str
    verbose: bool
    quiet: bool

    def wants(self, finding: Finding) -> bool:
        """Whether --select and --ignore let *finding* pass. Both take beginnings of codes."""
        chosen = not self.select or finding.code.startswith(self.select)
        return chosen and not (self.ignore and finding.code.startswith(self.ignore))


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a report, as its argument *reporting*."""

    @wraps(command)
    def collected(**given: Any) -> Any:
        names = Reporting.__dataclass_fields__
        chosen = {name: given.pop(name) for name in names}
        for codes in (chosen["select"], chosen["ignore"]):
            _known(codes)
        return command(reporting=Reporting(**chosen), **given)

    for option in reversed(
        (
            click.option(
                "-o", "--output-format", type=click.Choice(list(REPORTERS)), default="text",
                show_default=True, help="What the report is for.",
            ),
            click.option("--output-file", metavar="FILE", help="Write the report there."),
            click.option("--select", metavar="CODE", multiple=True, help="Only these rules."),
            click.option("--ignore", metavar="CODE", multiple=True, help="Not these rules."),
            click.option(
                "--color", type=click.Choice(("auto", "always", "never")), default="auto",
                show_default=True, help="Whether the text is coloured.",
            ),
            click.option("-v", "--verbose", is_flag=True, help="Name every file that was judged."),
            click.option("-q", "--quiet", is_flag=True, help="Findings only, no summary."),
        )
    ):  # fmt: skip
        collected = option(collected)
    return collected


def _known(codes: Sequence[str]) -> None:
    for code in codes:
        if not any(rule.startswith(code) for rule in RULES) or not code:
            raise UsageError(f"{shown(code)} is no rule's code, nor the beginning of one")


def deliver(report: str, reporting: Reporting) -> None:
    """Prints *report*, or writes it to the file that was named. Raises FileUnusable."""
    if reporting.output_file is None:
        if report:
            click.echo(report, color=True)
        return
    target = Path(reporting.output_file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{target.name}.{os.getpid()}")
        staged.write_text(report + "\n", encoding="utf-8")
        staged.replace(target)
    except OSError as error:
        raise FileUnusable(str(target), "write", error.strerror or str(error)) from error


def is_colored(reporting: Reporting, environment: Mapping[str, str], stream: IO[str]) -> bool:
    """Whether the text is coloured: as asked, else on a terminal that does not say NO_COLOR."""
    if reporting.color != "auto":
        return reporting.color == "always"
    if reporting.output_file is not None or environment.get("NO_COLOR"):
        return False
    return bool(environment.get("FORCE_COLOR")) or stream.isatty()


def terminal_width() -> int:
    """Columns of the terminal, or 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
