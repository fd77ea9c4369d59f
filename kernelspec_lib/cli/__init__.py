"""The command line: parse, call, print, exit code.

Each command's module is loaded when the command is called: `validate` must not pay for `try`.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from kernelspec_lib import __version__
from kernelspec_lib.cli import standard
from kernelspec_lib.cli.standard import OutputUnwritable
from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.wording import LINES, printable

EXIT_WORLD = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

COMMANDS = {
    "new": "create",
    "validate": "lint",
    "resolve": "lint",
    "lint": "lint",
    "get": "look",
    "emit": "deliver",
    "build": "deliver",
    "try": "start",
    "pipeline": "pipeline",
    "install": "hub",
    "uninstall": "hub",
    "rollback": "hub",
    "list": "hub",
    "prune": "prune",
    "doctor": "doctor",
    "top": "top",
    "limit": "top",
    "reap": "top",
    "budget": "watch",
    "policy": "policy",
    "explain": "look",
}
"""Every command, and the module of this package that holds it as `<name>_command`."""


class _Commands(click.Group):
    """Finds a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kernelspec")
def kernelspec() -> None:
    """Self-service Jupyter kernels: one requirements.json, checked, locked, built and started."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with the code that DESIGN's table gives."""
    standard.take_over()
    try:
        code = run(arguments)
        sys.stdout.flush()
    except OutputUnwritable as error:
        error.forget()
        if error.unread:
            sys.exit(error.exit_code)
        _say(f"kernelspec: {error}")
        code = error.exit_code
    if code == EXIT_WORLD and os.environ.get("CI"):
        # Whoever looks at a red pipeline looks at its last line.
        _say(
            "kernelspec: not your fault: exit 3 means that something around your kernel did not "
            "work. Retry the job; if it fails again, tell whoever looks after the pipeline."
        )
    if code == EXIT_INTERRUPTED:
        # Python would wait for threads, and these for an index that need not answer.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one call. Errors are told here, once, in one sentence."""
    try:
        result: Any = kernelspec.main(arguments, prog_name="kernelspec", standalone_mode=False)
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except click.ClickException as error:
        told = io.StringIO()
        error.show(file=told)
        click.echo(printable(told.getvalue(), LINES), err=True, nl=False)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except OutputUnwritable:
        raise  # nothing can be told here any more
    except KernelspecError as error:
        click.echo(f"kernelspec: {printable(str(error), LINES)}", err=True)
        return error.exit_code
    except Exception as error:
        return _bug(error)
    return result if isinstance(result, int) else 0


def _say(line: str) -> None:
    """Prints *line* on standard error, where that can be."""
    try:
        click.echo(line, err=True)
    except OutputUnwritable as error:
        error.forget()


def _bug(error: Exception) -> int:
    if os.environ.get("KERNELSPEC_TRACEBACK"):
        raise error
    click.echo(
        f"kernelspec: a bug, and not your fault: {type(error).__name__}: "
        f"{printable(str(error), LINES)}\n"
        f"Please report it with kernelspec {__version__}, the command you ran, and what it prints "
        "when KERNELSPEC_TRACEBACK=1 is set.",
        err=True,
    )
    return EXIT_BUG
