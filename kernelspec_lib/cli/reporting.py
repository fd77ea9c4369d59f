"""How `validate`, `resolve` and `lint` tell what they found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, Any

import click

from kernelspec_lib import atomic, reports
from kernelspec_lib.errors import FileUnusable, UsageError
from kernelspec_lib.findings import RULES
from kernelspec_lib.project import leads_out
from kernelspec_lib.reports import REPORTERS
from kernelspec_lib.reports.judgement import Judgement, Look
from kernelspec_lib.wording import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One report, and where it goes."""

    output_format: str
    file: str | None
    """None: standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """What the user asked of the report."""

    outputs: tuple[Output, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    color: str
    verbose: bool
    quiet: bool

    def wants(self, code: str) -> bool:
        """Whether --select and --ignore let the rule *code* pass. Both take beginnings of codes."""
        chosen = not self.select or code.startswith(self.select)
        return chosen and not (self.ignore and code.startswith(self.ignore))


_OPTIONS = (
    click.option(
        "-o", "--output-format", type=click.Choice(list(REPORTERS)), multiple=True,
        help="What the report is for; may be repeated. [default: text]",
    ),
    click.option(
        "--output-file", metavar="[FORMAT=]FILE", multiple=True,
        help="Write the report there; may be repeated, as in gitlab=quality.json.",
    ),
    click.option(
        "--select", metavar="CODE", multiple=True,
        help="Only these rules: codes, or beginnings of codes such as KS3.",
    ),
    click.option("--ignore", metavar="CODE", multiple=True, help="Not these rules."),
    click.option(
        "--color", type=click.Choice(("auto", "always", "never")), default="auto",
        show_default=True, help="Whether the text is coloured.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Name every file that was judged."),
    click.option("-q", "--quiet", is_flag=True, help="Findings only, no summary."),
)  # fmt: skip


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a report, as its argument *reporting*."""

    @wraps(command)
    def collected(
        output_format: tuple[str, ...],
        output_file: tuple[str, ...],
        select: tuple[str, ...],
        ignore: tuple[str, ...],
        color: str,
        verbose: bool,
        quiet: bool,
        **given: Any,
    ) -> Any:
        reporting = Reporting(
            outputs=outputs(output_format, output_file),
            select=tuple(_codes(select)),
            ignore=tuple(_codes(ignore)),
            color=color,
            verbose=verbose,
            quiet=quiet,
        )
        return command(reporting=reporting, **given)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def outputs(formats: Sequence[str], files: Sequence[str]) -> tuple[Output, ...]:
    """Which report goes where.

    FORMAT=FILE is a report of its own; a bare FILE is for the format that -o names. What has no
    file goes to standard output. Raises UsageError where two would meet in one place.
    """
    named: list[Output] = []
    bare: list[str] = []
    for file in files:
        output_format, sign, path = file.partition("=")
        if sign and output_format in REPORTERS:
            named.append(Output(output_format=output_format, file=path))
        else:
            bare.append(file)
    taken = [one.output_format for one in named]
    rest = [one for one in dict.fromkeys(formats or ("text",)) if one not in taken]
    spelled = "say which goes where, as in --output-file gitlab=quality.json"
    if bare and len(bare) != len(rest):
        raise UsageError(f"{len(bare)} files are named for {len(rest)} reports; {spelled}")
    if not bare and len(rest) > 1:
        raise UsageError(f"{' and '.join(rest)} would be mixed on standard output; {spelled}")
    places: Sequence[str | None] = bare or [None] * len(rest)
    named += [Output(output_format=one, file=file) for one, file in zip(rest, places, strict=True)]
    paths = [Path(one.file).absolute() for one in named if one.file is not None]
    if any(one.file == "" for one in named):
        raise UsageError(f"--output-file names no file; {spelled}")
    if len(set(paths)) < len(paths):
        raise UsageError(f"two reports would be written to one file; {spelled}")
    return tuple(named)


def _codes(given: Iterable[str]) -> Iterable[str]:
    """The codes in *given*, where commas may stand between them. Raises UsageError."""
    for code in (one.strip().upper() for text in given for one in text.split(",")):
        if not any(rule.startswith(code) for rule in RULES) or not code:
            raise UsageError(
                f"{shown(code)} is no rule's code, nor the beginning of one; "
                "`kernelspec explain` lists them"
            )
        yield code


def deliver(judgement: Judgement, reporting: Reporting, stream: IO[str]) -> None:
    """Makes every report, prints the one for standard output (*stream*), writes the others.

    Raises FileUnusable for the first that could not be written, after all of them were tried.
    """
    failed: list[FileUnusable] = []
    for one in sorted(reporting.outputs, key=lambda one: one.file is not None):
        if one.file is None:
            click.echo(printed(judgement, reporting, stream), color=True, nl=False)
            continue
        report = _made(one, judgement, reporting, None)
        try:
            _write(Path(one.file), report + "\n")
        except OSError as error:
            reason = error.strerror or str(error)
            failed.append(FileUnusable(one.file, "write", reason))
    if failed:
        raise failed[0]


def printed(judgement: Judgement, reporting: Reporting, stream: IO[str]) -> str:
    """The report that goes to standard output, which is *stream*; empty where none does."""
    for one in reporting.outputs:
        if one.file is None and (report := _made(one, judgement, reporting, stream)):
            return f"{report}\n"
    return ""


def _made(
    output: Output, judgement: Judgement, reporting: Reporting, stream: IO[str] | None
) -> str:
    look = Look(
        color=is_colored(reporting.color, os.environ, stream),
        width=terminal_width(stream) if stream else None,
        summary=not reporting.quiet,
    )
    return reports.report(output.output_format, judgement, look)


def _write(path: Path, report: str) -> None:
    """Raises OSError."""
    raw = report.encode("utf-8", errors="replace")
    # A link out of its folder is replaced: who commits one would choose what is overwritten.
    kept = path.is_relative_to("/dev") or not leads_out(path)
    target = Path(os.path.realpath(path)) if kept else path
    if kept and target.exists() and not target.is_file():
        # A pipe or a device is written to; putting a file in its place would take it away.
        target.write_bytes(raw)
        return
    atomic.write(target, raw)


def is_colored(asked: str, environment: Mapping[str, str], stream: IO[str] | None) -> bool:
    """Whether text on *stream* (None: a file) is coloured.

    As --color says; else as NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and CLICOLOR do; else on a
    terminal that is not dumb.
    """
    if asked != "auto":
        return asked == "always"
    if stream is None or environment.get("NO_COLOR"):
        return False
    if any(
        environment.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")
    ):
        return True
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()


def terminal_width(stream: IO[str]) -> int | None:
    """Columns of the terminal that *stream* is; None: it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def in_repository(
    paths: Iterable[str], environment: Mapping[str, str], here: Path
) -> Mapping[str, str]:
    """*paths*, as seen from *here*, to what they are from the root of the repository.

    The root is $CI_PROJECT_DIR, or the nearest folder around *here* with a `.git`, or *here*.
    """
    around = (here, *here.parents)
    named = environment.get("CI_PROJECT_DIR")
    if named and Path(os.path.realpath(named)) in around:
        root = Path(os.path.realpath(named))
    else:
        root = next((folder for folder in around if (folder / ".git").exists()), here)
    found = {}
    for path in paths:
        file = here / path
        real = Path(os.path.realpath(file.parent), file.name)
        if real.is_relative_to(root):
            found[path] = real.relative_to(root).as_posix()
    return found
