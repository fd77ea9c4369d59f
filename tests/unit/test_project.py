"""The border: files to typed values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernelspec_lib import document, project
from kernelspec_lib.errors import FileUnusable, UsageError

GOOD = b'{"kernel_name": "churn", "python_version": "3.12", "libs": ["ipykernel", "Dask_ML >=1"]}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requirements.json").write_bytes(GOOD)
    return tmp_path


def test_defaults_are_filled_in(folder: Path) -> None:
    place = project.locate(str(folder))
    kernel = project.from_document(place, project.load(place))
    assert kernel.display_name == kernel.image_name == kernel.kernel_name == "churn"
    assert kernel.base_image == "python:3.12-slim"
    assert (kernel.image_version, kernel.stage) == ("latest", "development")
    assert [(lib.name, lib.pointer) for lib in kernel.libs] == [
        ("ipykernel", "/libs/0"),
        ("dask-ml", "/libs/1"),
    ]
    assert kernel.resources == project.Resources()


def test_limits_are_numbers() -> None:
    asked = {"memory": "4g", "cpus": 1.5, "shm_size": "512m", "gpus": "all"}
    limits = project.resources(asked)
    assert (limits.memory, limits.shm_size) == (4 * 1024**3, 512 * 1024**2)
    assert (limits.cpus, limits.pids, limits.gpus) == (1.5, None, "all")


def test_a_folder_stands_for_the_file_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    place = project.locate(f"{folder.name}/")
    assert place.requirements == f"{folder.name}/requirements.json"
    assert place.whole
    assert not project.locate(place.requirements).whole
    monkeypatch.chdir(folder)
    assert project.locate(".").requirements == "requirements.json"


def test_a_path_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        project.locate(str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match=r"no requirements.json in the folder"):
        project.locate(str(tmp_path))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "requirements.json"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is not a file"):
        project.load(project.locate(str(tmp_path)))


def test_a_file_that_cannot_be_opened_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="cannot read"):
        project.read_bytes(str(tmp_path / "gone"), 10)


def test_a_hundred_megabytes_are_refused_unread(folder: Path) -> None:
    path = folder / "requirements.json"
    os.truncate(path, 100 * 1024**2)
    source = project.load(project.locate(str(folder)))
    assert [fault.code for fault in source.faults] == ["KS008"]
    assert len(project.read_bytes(str(path), document.MAX_BYTES + 1)) == document.MAX_BYTES + 1
