"""JupyterLab, as a user sees it: the kernel in the launcher, and why a kernel died."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from kernelspec_lib.conformance.traces import happens
from kernelspec_lib.delivery.engine import Engine
from tests.conformance import browser
from tests.conformance import hub as hubs
from tests.conformance.browser import Page
from tests.conformance.conftest import DISPLAY_NAME, KERNEL, containers_of, site
from tests.conformance.hub import Hub, Server
from tests.conformance.people import Person, World

pytestmark = [pytest.mark.docker, pytest.mark.network]

PICTURES = os.environ.get("KERNELSPEC_PICTURES")
"""A folder that takes the pictures, for docs/pictures."""

SERVER_CONFIG = """
from kernelspec_lib import hub

hub.stop_in_order(c)
c.LabApp.expose_app_in_browser = True
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
"""
FOR_DAYS = "get_ipython().kernelspec_idle = lambda: 3e5\nprint('idle from now')"
EATS = "rows = []\nwhile True:\n    rows.append(b'a row of a large table' * 10**6)"


@pytest.fixture(scope="module")
def server(
    world: World, somebody: Callable[[str], Person], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose pages tell what they can be asked to do."""
    site(world, idle={"after": "2h", "warn": "1h"})
    world.write(hubs.SERVER_CONFIG, SERVER_CONFIG)
    with hubs.running(world, tmp_path_factory.mktemp("hub")) as hub:
        yield hub.start(somebody("supervised"))


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser of its own: a notebook that was changed asks before it lets one leave."""
    with browser.chromium(tmp_path_factory.mktemp("browser")) as one:
        yield one


def address(hub: Hub, who: Person, path: str) -> str:
    return f"{hub.url}/user/{who.login}/{path}?token={hub.token}"


def taken(page: Page, name: str, folder: Path) -> None:
    """A picture, which has something on it."""
    path = folder / f"{name}.png"
    page.evaluate("document.querySelectorAll('.Toastify').forEach(one => one.remove())")
    page.picture(path)
    assert path.stat().st_size > 10_000
    if PICTURES:
        shutil.copy(path, PICTURES)


def test_the_launcher_shows_the_kernel(server: Server, page: Page, tmp_path: Path) -> None:
    page.open(address(server.hub, server.who, "lab"))
    page.wait("window.jupyterapp && document.querySelector('.jp-LauncherCard') && true")
    page.wait(f"document.querySelector('.jp-Launcher').innerText.includes({DISPLAY_NAME!r})")
    page.wait("[...document.querySelectorAll('.jp-LauncherCard img')].every(one => one.complete)")
    taken(page, "launcher", tmp_path)


def test_a_notebook_is_told_why_its_kernel_died(server: Server, page: Page, tmp_path: Path) -> None:
    metadata = {"kernelspec": {"name": KERNEL, "display_name": DISPLAY_NAME}}
    cells = [new_code_cell("numbers = range(10)\nsum(numbers)"), new_code_cell(EATS)]
    path = server.who.work / "report.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    os.chown(path, server.who.uid, server.who.gid)

    page.open(address(server.hub, server.who, "lab/tree/report.ipynb"))
    page.wait("window.jupyterapp && document.querySelectorAll('.jp-CodeCell').length == 2")
    notebook = "[...jupyterapp.shell.widgets('main')].find(one => one.sessionContext)"
    page.wait(f"{notebook}?.sessionContext.session?.kernel?.status == 'idle'")
    page.click(".jp-CodeCell .cm-content")
    page.shift_enter()
    page.wait("document.querySelectorAll('.jp-OutputArea')[0]?.innerText.includes('45')")
    page.shift_enter()
    page.wait("document.querySelectorAll('.jp-OutputArea')[1]?.innerText.includes('memory')")
    # Jupyter itself tells only this much.
    page.wait("document.querySelector('.jp-Dialog')?.innerText.includes('appears to have died')")
    page.evaluate("document.querySelector('.jp-Dialog .jp-mod-accept').click()")
    page.wait("!document.querySelector('.jp-Dialog')")
    taken(page, "out-of-memory", tmp_path)


def test_a_notebook_is_told_before_its_idle_kernel_is_ended(
    server: Server, page: Page, world: World, engine: Engine, tmp_path: Path
) -> None:
    metadata = {"kernelspec": {"name": KERNEL, "display_name": DISPLAY_NAME}}
    cells = [new_code_cell(FOR_DAYS), new_code_cell("numbers")]
    path = server.who.work / "idle.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    os.chown(path, server.who.uid, server.who.gid)
    memory = tmp_path / "watch.json"

    def reaped(**earlier: float) -> str:
        """What `kernelspec reap` says, once what it remembers was so much earlier."""
        if earlier:
            value = json.loads(memory.read_text())
            for trace in value["kernels"].values():
                # Of a kernel of another test nothing need be known.
                known = {key: less for key, less in earlier.items() if trace.get(key) is not None}
                trace.update({key: trace[key] - less for key, less in known.items()})
            memory.write_text(json.dumps(value))
        words = ["-m", "kernelspec_lib", "reap", "--no-dry-run", f"--login={server.who.login}"]
        done = world.run([sys.executable, *words], KERNELSPEC_CACHE=str(tmp_path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    page.open(address(server.hub, server.who, "lab/workspaces/idle/tree/idle.ipynb"))
    page.wait("window.jupyterapp && document.querySelectorAll('.jp-CodeCell').length == 2")
    notebook = "[...jupyterapp.shell.widgets('main')].find(one => one.sessionContext)"
    page.wait(f"{notebook}?.sessionContext.session?.kernel?.status == 'idle'")
    run = "void jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
    page.evaluate(run)
    page.wait("document.querySelectorAll('.jp-OutputArea')[0]?.innerText.includes('idle from now')")
    reaped()
    assert "its notebook says so" in reaped(active=3e5)
    page.wait("document.querySelectorAll('.jp-OutputArea')[0]?.innerText.includes('Run any cell')")
    taken(page, "idle", tmp_path)
    running = len(containers_of(engine, server.who))
    assert "; ended" in reaped(warned=3601)
    # What a kernel is told while it dies, nobody answers.
    assert happens(lambda: len(containers_of(engine, server.who)) < running, 30)
    page.wait(f"{notebook}.sessionContext.session.kernel.status == 'idle'")
    page.evaluate(run)
    page.wait("document.querySelectorAll('.jp-OutputArea')[1]?.innerText.includes('was ended at')")
    assert page.evaluate("document.querySelector('.jp-Dialog') === null")
