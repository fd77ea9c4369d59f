"""`try`: start the kernel as Jupyter will, import its libraries, run notebooks."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelspec_lib.cli import common, running
from kernelspec_lib.errors import CommandFailed, KernelspecError, ToolMissing, UsageError
from kernelspec_lib.kernels import identity
from kernelspec_lib.kernels.spec import for_owner
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, leads_out
from kernelspec_lib.wording import printable, shown

if TYPE_CHECKING:
    from kernelspec_lib.delivery.engine import Engine
    from kernelspec_lib.delivery.session import Place
    from kernelspec_lib.delivery.trial import LibResult, NotebookResult, Report


SMOKE = "smoke.ipynb"


class ImageMissing(KernelspecError):
    """There is an engine, and no image to try."""

    def __init__(self, image: str, path: str) -> None:
        super().__init__(image, path)
        self.image, self.path = image, path

    def __str__(self) -> str:
        return (
            f"there is no image {self.image} on this machine: make it with `kernelspec build "
            f"{self.path}`, or try the lock without it with `--engine venv`"
        )


@click.command("try")
@running.path_argument
@click.argument("notebooks", metavar="[NOTEBOOK]...", nargs=-1)
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(["docker", "venv"]),
    help="Where the kernel runs. [default: docker if an engine answers]",
)
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds for the start, for one import, for one cell.",
)
@click.option(
    "--conformance",
    "installed",
    metavar="NAME",
    help="Instead of PATH: run the conformance suite against an installed kernel.",
)
@click.option("--json", "as_json", is_flag=True, help="The suite's report as JSON.")
@running.login_option
@running.image_option
@running.index_option
@common.policy_option
@click.pass_context
def try_command(
    context: click.Context,
    path: str,
    notebooks: tuple[str, ...],
    installed: str | None,
    as_json: bool,
    engine_name: str | None,
    timeout: float,
    login: str | None,
    image: str | None,
    index_url: str | None,
    policy_path: str | None,
) -> int:
    """Start the kernel, import all its libs, run the notebooks in it.

    Without a NOTEBOOK the kernel's own smoke.ipynb is run, if there is one. The kernel gets an
    empty work folder that is thrown away, never your own. The conformance suite starts the kernel
    as Jupyter does, in your own work folder, some two hundred times.
    """
    policy = common.policy_in_force(policy_path)
    _refuse_mixed(context, installed, as_json)
    if installed is None:
        return _try(path, notebooks, engine_name, timeout, login, image, index_url, policy)
    from kernelspec_lib.cli import conform

    return conform.conform(installed, policy, running.owner(login, None), timeout, as_json)


def _try(
    path: str,
    notebooks: tuple[str, ...],
    engine_name: str | None,
    timeout: float,
    login: str | None,
    image: str | None,
    index_url: str | None,
    policy: Policy,
) -> int:
    from kernelspec_lib.delivery import trial

    project, lock = running.locked_project(path, policy, to_build=False)
    read = [trial.read_notebook(one) for one in notebooks or _smoke(project)]
    owner = running.owner(login, None)
    reference = (
        identity.reference(image)
        if image is not None
        else identity.image_reference(project, policy, owner.login)
    )
    with (
        running.ended_in_order(),
        tempfile.TemporaryDirectory(prefix="kernelspec-try-") as folder,
        running.progress(f"trying {project.kernel_name}") as progress,
    ):
        docker = _engine(engine_name, policy, progress.note)
        bench = (
            _container(project, policy, owner.login, reference, docker, Path(folder), progress.note)
            if docker
            else _environment(project, policy, owner.login, index_url, Path(folder), progress.step)
        )
        with bench as place:
            report = trial.run(place, project, lock, read, timeout, progress.step)
    _print(report, "in a container of its image" if docker else "in an environment of its own")
    if docker:
        work = for_owner(policy.work_dir, owner).target
        common.echo(f"only what a notebook writes into {work} outlives a restart or a crash")
    return 0 if report.passed else 1


def _smoke(project: KernelProject) -> tuple[str, ...]:
    """The notebook that the kernel's owner wrote to try it."""
    own = project.place.folder / SMOKE
    return (str(own),) if own.is_file() and not leads_out(own) else ()


def _refuse_mixed(context: click.Context, installed: str | None, as_json: bool) -> None:
    if installed is None and as_json:
        raise UsageError("--json goes with --conformance NAME only")
    given = context.get_parameter_source("path") is not click.core.ParameterSource.DEFAULT
    others = [context.params[name] for name in ("engine_name", "image", "index_url")]
    if installed is not None and (given or any(others)):
        raise UsageError(
            f"--conformance {shown(installed)} tries what is installed: leave out PATH, notebooks, "
            "--engine, --image and --index-url"
        )


def _engine(name: str | None, policy: Policy, note: Callable[[str], None]) -> Engine | None:
    """The engine to try the kernel in; None for an environment of its own."""
    from kernelspec_lib.delivery import engine

    if name == "venv":
        return None
    try:
        return engine.find(os.environ, to_build=False, name=policy.engine)
    except (CommandFailed, ToolMissing):
        if name == "docker":
            raise
        missing = f"there is no {policy.engine.capitalize()} engine here"
        note(f"{missing}: trying the lock in an environment of its own")
        return None


def _container(
    project: KernelProject,
    policy: Policy,
    login: str,
    reference: str,
    docker: Engine,
    folder: Path,
    note: Callable[[str], None],
) -> AbstractContextManager[Place]:
    from kernelspec_lib.delivery import bench, engine, image

    labels = engine.labels(docker, reference)
    if labels is None and "@" in reference:
        # By its digest it can be no other one: the runner that built it need not be this one.
        engine.pull(docker, reference)
        labels = engine.labels(docker, reference)
    if labels is None:
        raise ImageMissing(reference, str(project.place.folder))
    if labels.get(image.LOCK_LABEL) != image.lock_digest(project.place.folder):
        note(f"{reference} was built from another lock: `kernelspec build` makes it anew")
    return bench.in_container(project, policy, login, reference, docker, folder, note)


def _environment(
    project: KernelProject,
    policy: Policy,
    login: str,
    index_url: str | None,
    folder: Path,
    told: Callable[[str], None],
) -> AbstractContextManager[Place]:
    from kernelspec_lib.delivery import bench
    from kernelspec_lib.packages import index, settings

    config = index.signed_in(settings.configure(index_url, policy, os.environ))
    return bench.in_environment(project, policy, login, config, os.environ, folder, told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line of the report."""

    name: str
    version: str
    what: str
    error: str
    hint: str


def _print(report: Report, where: str) -> None:
    rows = [*map(_row_of_lib, report.libs), *map(_row_of_notebook, report.notebooks)]
    if sys.stdout.isatty():
        _print_table(rows)
    else:
        for row in rows:
            about = " ".join(filter(None, (row.name, row.version, row.what and f"({row.what})")))
            common.echo(f"{about}: failed: {row.error}" if row.error else f"{about}: ok")
            if row.hint:
                common.echo(f"  {row.hint}")
    common.echo(
        f"the kernel answered: Python {report.python} ({report.executable}) on {report.platform}, "
        f"{where}"
    )


def _row_of_lib(lib: LibResult) -> _Row:
    imported = f"import {', '.join(lib.imports)}" if lib.imports else ""
    return _Row(
        name=lib.name,
        version=lib.installed or lib.locked,
        what=imported or ("" if lib.error else "nothing to import"),
        error=lib.error or "",
        hint=lib.hint,
    )


def _row_of_notebook(notebook: NotebookResult) -> _Row:
    # Numbered as Jupyter does it: In [3] is the third cell of code.
    failed = f"in cell {notebook.cells + 1}: {notebook.error}" if notebook.error else ""
    return _Row(
        name=notebook.path, version="", what=f"{notebook.cells} cells ran", error=failed, hint=""
    )


def _print_table(rows: Sequence[_Row]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "version", "what", "verdict", box=None, pad_edge=False)
    for row in rows:
        failed = Text(printable(f"failed: {row.error}"), "red")
        verdict = failed if row.error else Text("ok", "green")
        told = Text("\n").join([verdict, *([Text(printable(row.hint))] if row.hint else [])])
        cells = (Text(printable(one)) for one in (row.name, row.version, row.what))
        table.add_row(*cells, told)
    Console().print(table)
