"""`kernelspec try` without Docker: an environment of its own, from the same lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from kernelspec_lib import cli
from tests import package_index as indexes
from tests import projects

GOOD = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel", "alpha==1.1"]}


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A kernel's folder."""
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "Dockerfile").write_text(projects.DOCKERFILE)
    write(folder, GOOD)
    return folder


def write(folder: Path, value: dict[str, object]) -> None:
    (folder / "requirements.json").write_text(json.dumps(value))


def kernelspec(kernel: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One run in which the engine does not answer, with a temporary folder left empty."""
    temporary = kernel.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "DOCKER_HOST": "unix:///nowhere.sock",
        "GITLAB_USER_LOGIN": "ada",
        "TMPDIR": str(temporary),
        **more,
    }
    command = [sys.executable, "-m", "kernelspec_lib", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert list(temporary.iterdir()) == []
    return done


def locked(kernel: Path, index: indexes.Server) -> str:
    """The option that names *index*, from which the kernel now has its lock."""
    option = f"--index-url={index.url}"
    done = kernelspec(kernel, "resolve", str(kernel), option)
    assert done.returncode == 0, done.stdout + done.stderr
    return option


@pytest.mark.network
def test_without_an_engine_an_environment_is_made(
    kernel: Path, wheelhouse_index: indexes.Server
) -> None:
    option = locked(kernel, wheelhouse_index)
    done = kernelspec(kernel, "try", str(kernel), option, PYTHONPATH="/nowhere", PYTHONHOME="")
    assert done.returncode == 0, done.stderr
    assert "there is no Docker engine here" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith(" (import ipykernel, ipykernel_launcher): ok")
    assert lines[1] == "alpha 1.1 (import alpha): ok"
    assert lines[2].startswith("the kernel answered: Python 3.11.")
    assert lines[2].endswith(", in an environment of its own")


@pytest.mark.network
def test_a_notebook_has_the_kernels_variables_and_a_home_of_its_own(
    kernel: Path, wheelhouse_index: indexes.Server
) -> None:
    write(kernel, {**GOOD, "environment": {"COST": "5 $HOME $$"}})
    option = locked(kernel, wheelhouse_index)
    home = os.environ["HOME"]
    cells = [
        "import os, pathlib",
        "assert os.environ['COST'] == '5 $HOME $$'",
        f"assert str(pathlib.Path.home()) != {home!r}",
        "assert not any(pathlib.Path().iterdir())",
    ]
    path = kernel / "check.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    done = kernelspec(kernel, "try", str(kernel), str(path), "--engine=venv", option)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{path} (4 cells ran): ok" in done.stdout.splitlines()


def a_lock(kernel: Path, index: indexes.Server, python_version: str) -> str:
    write(kernel, {"kernel_name": "old", "python_version": python_version, "libs": ["ipykernel"]})
    return locked(kernel, index)


def test_a_python_that_is_not_here_is_told_with_the_engine_that_would_do(
    kernel: Path, package_index: indexes.Server
) -> None:
    option = a_lock(kernel, package_index, "3.14")
    # Nothing but this Python is to be found on such a PATH.
    done = kernelspec(kernel, "try", str(kernel), option, "--engine=venv", PATH="/nowhere")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Python 3.14 is needed to try this kernel without Docker" in done.stderr
    assert "--engine docker" in done.stderr


def test_without_a_lock_nothing_is_tried(kernel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["try", str(kernel), "--engine=venv"]) == 1
    assert "KS310" in capsys.readouterr().err


def test_requirements_json_named_alone_needs_no_dockerfile(
    kernel: Path, package_index: indexes.Server
) -> None:
    option = a_lock(kernel, package_index, "3.11")
    (kernel / "Dockerfile").unlink()
    alone = str(kernel / "requirements.json")
    # The index's ipykernel is hollow, so that trying begins, and ends with a kernel that dies.
    done = kernelspec(kernel, "try", alone, "--engine=venv", option)
    assert done.returncode == 3
    assert "the kernel old died" in done.stderr
    assert kernelspec(kernel, "build", alone).returncode == 1


def test_what_is_no_notebook_is_refused_before_anything_is_made(
    kernel: Path, package_index: indexes.Server
) -> None:
    a_lock(kernel, package_index, "3.11")
    for name, told in (("nowhere.ipynb", "does not exist"), ("Dockerfile", "is not a notebook")):
        done = kernelspec(kernel, "try", str(kernel), str(kernel / name), "--engine=venv")
        assert done.returncode == 2
        assert done.stderr.startswith("kernelspec: ")
        assert f"{kernel / name} {told}" in done.stderr


def test_an_index_that_went_away_is_the_worlds_fault(
    kernel: Path, package_index: indexes.Server
) -> None:
    a_lock(kernel, package_index, "3.11")
    words = ("try", str(kernel), "--engine=venv", "--index-url=http://127.0.0.1:9/simple")
    done = kernelspec(kernel, *words)
    assert done.returncode == 3
    assert "installing the lock failed" in done.stderr


def test_an_image_is_built_though_the_cache_cannot_be_bounded(
    kernel: Path, package_index: indexes.Server
) -> None:
    option = a_lock(kernel, package_index, "3.11")
    versions = json.dumps({"Client": {"Version": "20.10"}, "Server": {"Version": "20.10"}})
    docker = kernel.parent / "docker"
    docker.write_text(
        f"#!/bin/sh\ncase $1 in version) echo '{versions}';; image) echo null;;\n"
        "builder) echo 'the engine is busy' >&2; exit 1;; esac\n"
    )
    docker.chmod(0o755)
    done = kernelspec(kernel, "build", str(kernel), option, PATH=f"{docker.parent}:{os.defpath}")
    assert (done.returncode, done.stdout) == (0, "ada_old:latest\n")
    assert "what builds left may be more than 20g by now: the engine is busy" in done.stderr
