"""Tries a kernel as Jupyter will run it: are the locked libraries there, and do they import?"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from kernelspec_lib.delivery import probe, session
from kernelspec_lib.delivery.session import Place
from kernelspec_lib.errors import KernelFailed, UsageError
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.project import KernelProject
from kernelspec_lib.wording import shown

_MISSING_LIBRARY = re.compile(r"(lib[\w.+-]+?)\.so[\d.]*: cannot open shared object file")
_KNOWN = {
    "libGL": "libgl1",
    "libgthread-2.0": "libglib2.0-0",
    "libglib-2.0": "libglib2.0-0",
    "libsndfile": "libsndfile1",
    "libXrender": "libxrender1",
    "libxcb": "libxcb1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LibResult:
    """What became of one of libs."""

    name: str
    locked: str
    installed: str | None
    """None: it is not there, or nothing could be learnt of it."""
    imports: tuple[str, ...]
    """The names that were imported; empty for stubs and for what is data only."""
    error: str | None
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookResult:
    """What became of one notebook."""

    path: str
    cells: int
    """Code cells that ran to their end."""
    error: str | None
    """What the next one said; None: there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a kernel answered."""

    libs: tuple[LibResult, ...]
    notebooks: tuple[NotebookResult, ...]
    python: str
    platform: str
    executable: str

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        errors = [lib.error for lib in self.libs] + [one.error for one in self.notebooks]
        return not any(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook that was read."""

    path: str
    content: Any
    """nbformat's own value, version 4."""


def run(
    place: Place,
    project: KernelProject,
    lock: Lock,
    notebooks: Sequence[Notebook],
    timeout: float,
    told: Callable[[str], None],
) -> Report:
    """Start the kernel at *place*, import all libs of *project*, run *notebooks* in fresh kernels.

    timeout: seconds for the start, for one library, for one cell. told: hears what is done next.
    Raises KernelFailed where the kernel does not start.
    """
    told(f"starting the kernel {project.kernel_name}")
    with _probing(place, timeout) as ask:
        where = ask("whereabouts()", timeout)
    locked = {package.name: package.version for package in lock.packages}
    # A library whose marker leaves this Python out is not in the lock, and not in the image.
    wanted = [lib.name for lib in project.libs if lib.name in locked]
    libs = tuple(
        _lib_result(name, locked[name], found)
        for name, found in _tried(place, wanted, timeout, told)
    )
    ran = tuple(_run_notebook(place, notebook, timeout, told) for notebook in notebooks)
    return Report(
        libs=libs,
        notebooks=ran,
        python=where["python"],
        platform=where["platform"],
        executable=where["executable"],
    )


@contextmanager
def _probing(place: Place, timeout: float) -> Iterator[Callable[[str, float], dict[str, Any]]]:
    """A kernel that knows the probe, as a function from one of its calls to what it finds."""
    with session.started(place) as manager, session.connected(manager, place, timeout) as client:

        def ask(call: str, timeout: float) -> dict[str, Any]:
            done = session.execute(manager, client, place, f"tell({call})", timeout)
            # Not splitlines: a record separator ends a line, too.
            for line in reversed(done.stdout.split("\n")):
                if line.startswith(probe.MARK):
                    found: dict[str, Any] = json.loads(line.removeprefix(probe.MARK))
                    return found
            raise session.failed(place, f"did not answer as a kernel does: {done.error}")

        text = Path(probe.__file__).read_text(encoding="utf-8")
        session.execute(manager, client, place, text, timeout)
        yield ask


def _tried(
    place: Place, names: Sequence[str], timeout: float, told: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the probe finds of each of *names*. One that takes the kernel with it harms no other."""
    left = list(names)
    while left:
        with _probing(place, timeout) as ask:
            while left:
                name = left.pop(0)
                told(f"importing {name}")
                try:
                    yield name, ask(f"try_lib({name!r})", timeout)
                except KernelFailed as error:
                    yield name, {"version": None, "imports": [], "error": _of_kernel(error)}
                    break


def _of_kernel(error: KernelFailed) -> str:
    return "; ".join((f"the kernel {error.reason}", *error.output[-1:]))


def _lib_result(name: str, locked: str, found: dict[str, Any]) -> LibResult:
    error, hint = found["error"], ""
    if error is None and found["version"] is None:
        error, hint = "it is not installed", "build the image again with `kernelspec build`"
    elif error is None and found["version"] != locked:
        error = f"{found['version']} is installed, and {locked} is locked"
        hint = "build the image again with `kernelspec build`"
    return LibResult(
        name=name,
        locked=locked,
        installed=found["version"],
        imports=tuple(found["imports"]),
        error=error,
        hint=hint or _hint(error or ""),
    )


def _hint(error: str) -> str:
    """What to do about an import that ended in *error*; may be empty."""
    missing = _MISSING_LIBRARY.search(error)
    if missing is None:
        return ""
    package = _KNOWN.get(missing[1])
    if package is None:
        number = re.search(r"\.so\.(\d+)", error)
        package = f"{missing[1].lower()}{number[1] if number else ''}"
        return f"a Debian package is missing, most often {package}: add it to system_packages"
    return f"the Debian package {package} is missing: add it to system_packages"


def read_notebook(path: str) -> Notebook:
    """The notebook at *path*. Raises UsageError where there is none."""
    import nbformat

    named = path if path.isprintable() else shown(path)
    try:
        content = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise UsageError(f"the notebook {named} does not exist") from None
    except OSError as error:
        raise UsageError(f"the notebook {named} cannot be read: {error.strerror}") from error
    except Exception as error:
        # nbformat lets through whatever its readers raise.
        raise UsageError(f"{named} is not a notebook: {type(error).__name__}") from error
    return Notebook(path=path, content=content)


def _run_notebook(
    place: Place, notebook: Notebook, timeout: float, told: Callable[[str], None]
) -> NotebookResult:
    told(f"running {notebook.path}")
    with session.started(place) as manager:
        cells, error = _run_cells(manager, place, notebook.content, timeout)
    return NotebookResult(path=notebook.path, cells=cells, error=error)


def _run_cells(
    manager: KernelManager, place: Place, notebook: Any, timeout: float
) -> tuple[int, str | None]:
    """How many code cells of *notebook* ran, and what the next one said."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    manager.client_class = "jupyter_client.asynchronous.AsyncKernelClient"
    client = NotebookClient(
        notebook, km=manager, timeout=timeout, startup_timeout=timeout, store_widget_state=False
    )
    done = 0
    try:
        client.start_new_kernel_client()
        # Cell by cell: nbclient's own loop takes Ctrl-C for itself.
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
            done += cell.cell_type == "code"
    except KeyboardInterrupt:
        _give_up()
        raise
    except CellExecutionError as error:
        return done, f"{error.ename}: {error.evalue}".strip()
    except CellTimeoutError:
        return done, f"no answer within {timeout:g} seconds"
    except (DeadKernelError, RuntimeError) as error:
        if manager.has_kernel and manager.is_alive():
            raise session.failed(place, f"failed: {error}") from error
        return done, _of_kernel(session.failed(place, "died"))
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
    return done, None


def _give_up() -> None:
    """End what nbclient has left half done, or asyncio complains of it once the kernel is gone."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
