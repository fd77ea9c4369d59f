"""`kernelspec try` and `build` through the command line, with a real engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kernelspec_lib.delivery.engine import Engine
from tests.docker.conftest import LOGIN, RUN, Kernel
from tests.docker.test_line import none_left

pytestmark = [pytest.mark.docker, pytest.mark.network]


def a_notebook(path: Path, *cells: str) -> str:
    notebook = new_notebook(cells=[new_markdown_cell("# A title"), *map(new_code_cell, cells)])
    nbformat.write(notebook, path)
    return str(path)


def tried(kernel: Kernel, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One run of `try` that may leave nothing in its temporary folder."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = kernel.kernelspec("try", str(kernel.folder), *words, TMPDIR=str(temporary))
    assert list(temporary.iterdir()) == []
    return done


def test_every_lib_is_imported_by_its_own_names(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    done = tried(churn, tmp_path, "--engine=docker")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ipykernel ")
    assert lines[0].endswith(" (import ipykernel, ipykernel_launcher): ok")
    assert lines[1] == "alpha 1.1 (import alpha): ok"
    assert lines[2].startswith("the kernel answered: Python 3.11.")
    assert lines[2].endswith(", in a container of its image")
    work = f"/home/{LOGIN}/work"
    assert lines[3] == f"only what a notebook writes into {work} outlives a restart or a crash"
    assert none_left(engine)


def test_an_engine_that_answers_is_taken_unasked(churn: Kernel, tmp_path: Path) -> None:
    done = tried(churn, tmp_path)
    assert "in a container of its image" in done.stdout


def test_the_users_own_work_folder_is_not_touched(churn: Kernel, tmp_path: Path) -> None:
    writes = "import pathlib; pathlib.Path('from-try.txt').write_text('x')"
    path = a_notebook(
        tmp_path / "writes.ipynb", writes, "assert len(list(pathlib.Path().iterdir())) == 1"
    )
    done = tried(churn, tmp_path, path)
    assert done.returncode == 0, done.stdout
    assert f"{path} (2 cells ran): ok" in done.stdout
    assert not (churn.work / "from-try.txt").exists()


def test_a_notebook_stops_at_its_first_failing_cell(
    churn: Kernel, engine: Engine, tmp_path: Path
) -> None:
    path = a_notebook(tmp_path / "fails.ipynb", "x = 1", "x / 0", "print('not reached')")
    done = tried(churn, tmp_path, "--engine=docker", path)
    assert done.returncode == 1
    told = f"{path} (1 cells ran): failed: in cell 2: ZeroDivisionError: division by zero"
    assert told in done.stdout.splitlines()
    assert none_left(engine)


def test_a_cell_without_end_is_given_up(churn: Kernel, engine: Engine, tmp_path: Path) -> None:
    path = a_notebook(tmp_path / "late.ipynb", "import time; time.sleep(600)")
    done = tried(churn, tmp_path, "--engine=docker", "--timeout=5", path)
    assert done.returncode == 1
    assert "failed: in cell 1: no answer within 5 seconds" in done.stdout
    assert none_left(engine)


def test_each_notebook_has_a_kernel_of_its_own(churn: Kernel, tmp_path: Path) -> None:
    first = a_notebook(tmp_path / "a.ipynb", "x = 1")
    second = a_notebook(tmp_path / "b.ipynb", "x")
    done = tried(churn, tmp_path, "--engine=docker", first, second)
    assert f"{first} (1 cells ran): ok" in done.stdout
    assert "failed: in cell 1: NameError: name 'x' is not defined" in done.stdout


@pytest.mark.parametrize("engine_name", ["docker", "venv"])
def test_each_lib_that_does_not_import_is_told_with_its_reason(
    broken: Kernel, engine: Engine, tmp_path: Path, engine_name: str
) -> None:
    index = f"--index-url={broken.index_url}"
    done = tried(broken, tmp_path, f"--engine={engine_name}", index)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[1:5] == [
        "needs-libgl 1.0 (import needs_libgl): failed: ImportError: libGL.so.1: cannot open shared "
        "object file: No such file or directory",
        "  the Debian package libgl1 is missing: add it to system_packages",
        "takes-all-down 1.0: failed: the kernel died",
        "alpha 1.1 (import alpha): ok",
    ]
    assert none_left(engine)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_trial_leaves_nothing_behind(
    churn: Kernel, engine: Engine, tmp_path: Path, number: signal.Signals
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    path = a_notebook(tmp_path / "late.ipynb", "import time; time.sleep(600)")
    words = ["-m", "kernelspec_lib", "try", str(churn.folder), "--engine=docker", path]
    environment = {
        **os.environ,
        "GITLAB_USER_LOGIN": LOGIN,
        "KERNELSPEC_POLICY": str(churn.policy),
        "TMPDIR": str(temporary),
    }
    with subprocess.Popen(
        [sys.executable, *words], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("running "):
                process.send_signal(number)
                break
        told = process.stderr.read()
        assert process.wait() == 130
    assert told.splitlines()[-1:] == ["interrupted"]
    assert none_left(engine)
    assert list(temporary.iterdir()) == []


def test_without_an_image_the_way_to_one_is_told(churn: Kernel, tmp_path: Path) -> None:
    done = tried(churn, tmp_path, "--engine=docker", "--login=nobody.else")
    assert done.returncode == 3
    assert "there is no image nobody.else_churn:latest on this machine" in done.stderr
    assert "kernelspec build" in done.stderr


def test_an_engine_that_is_down_is_told(churn: Kernel) -> None:
    done = churn.kernelspec(
        "try", str(churn.folder), "--engine=docker", DOCKER_HOST="unix:///nowhere.sock"
    )
    assert done.returncode == 3
    assert "DOCKER_HOST" in done.stderr


def test_a_lib_more_needs_a_new_lock_first(churn: Kernel, tmp_path: Path) -> None:
    changed = tmp_path / "requirements.json"
    changed.write_text(
        (churn.folder / "requirements.json").read_text().replace("alpha==1.1", "left")
    )
    for name in ("Dockerfile", "requirements.lock"):
        (tmp_path / name).write_text((churn.folder / name).read_text())
    done = churn.kernelspec("build", str(tmp_path))
    assert done.returncode == 1
    assert "KS310" in done.stderr


def test_an_image_of_somebody_else_is_not_replaced(churn: Kernel, engine: Engine) -> None:
    engine.ask("tag", f"{LOGIN}_churn:latest", f"grace.{RUN}_churn:latest")
    try:
        index = f"--index-url={churn.index_url}"
        done = churn.kernelspec("build", str(churn.folder), index, f"--login=grace.{RUN}")
        assert done.returncode == 2
        assert f"belongs to {LOGIN}, and grace.{RUN} cannot replace it" in done.stderr
    finally:
        engine.ask("image", "rm", f"grace.{RUN}_churn:latest")


def test_a_failing_step_is_told_with_its_own_words(churn: Kernel, tmp_path: Path) -> None:
    for name in ("requirements.json", "requirements.lock"):
        (tmp_path / name).write_text((churn.folder / name).read_text())
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN echo 'E: so sad' && false\n")
    index = f"--index-url={churn.index_url}"
    done = churn.kernelspec("build", str(tmp_path), index, "--login=fails")
    assert done.returncode == 1
    assert "  E: so sad" in done.stderr.splitlines()
    assert done.stderr.splitlines()[-1] == "see to the step of the Dockerfile that is named above"


def test_no_secret_stays_in_the_image(churn: Kernel, engine: Engine) -> None:
    told = engine.ask("history", "--no-trunc", "--format={{.CreatedBy}}", f"{LOGIN}_churn:latest")
    assert told.returncode == 0
    assert churn.index_url not in told.stdout
    script = "cat /run/secrets/* /etc/pip.conf 2>/dev/null; env"
    run = ("run", "--rm", "--pull=never", "--network=none", f"{LOGIN}_churn:latest", "sh", "-c")
    assert churn.index_url not in engine.ask(*run, script).stdout
