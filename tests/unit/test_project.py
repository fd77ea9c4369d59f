"""The border: files to typed values, and requirement strings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

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


@pytest.mark.parametrize(
    "text",
    ["pandas", "pandas==2.2.3", "dask[dataframe]>=2024.1", "x~=1.4 ; python_version < '3.13'",
     "torch==2.1.0+cpu", "x===1.0", "x>=1,<2,!=1.5", " spaced ", "zope.interface"],
)  # fmt: skip
def test_requirements_are_taken(text: str) -> None:
    assert isinstance(project.requirement(text), Requirement)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-r other.txt", "option"),
        ("--index-url=https://packages.example", "option"),
        ("-e .", "option"),
        ("./wheels/x.whl", "path"),
        ("/srv/x", "path"),
        ("~/x", "path"),
        ("..", "path"),
        ("C:\\x", "path"),
        ("x-1.0-py3-none-any.whl", "path"),
        ("x-1.0.tar.gz", "path"),
        ("https://files.example/x.whl", "URL"),
        ("file:///srv/x.whl", "URL"),
        ("x @ https://files.example/x.whl", "URL"),
        ("x@file:///srv/x", "URL"),
        ("git+https://git.example/x.git", "version control"),
        ("git+ssh://git@git.example/x.git@main", "version control"),
        ("x @ git+https://git.example/x.git", "version control"),
    ],
)
def test_ks107_refuses_what_goes_around_the_index(text: str, told: str) -> None:
    refusal = project.requirement(text)
    assert isinstance(refusal, project.Refusal)
    assert refusal.code == "KS107"
    assert told in refusal.reason


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pandas=2.2", 'did you mean "pandas==2.2"?'),
        ("pandas 2.2", 'did you mean "pandas==2.2"?'),
        ("pandas v2.2", 'did you mean "pandas==2.2"?'),
        ("pandas numpy", "write one requirement an entry"),
        ("pandas, numpy", "write one requirement an entry"),
        ("pändas", "write it in plain ASCII letters, digits and punctuation"),
        ("x ; " + "(" * 400, 'write it as in "pandas==2.2.3" or "dask[dataframe]>=2024.1"'),
        ("", 'write it as in "pandas==2.2.3" or "dask[dataframe]>=2024.1"'),
    ],
)
def test_ks106_says_how_to_write_it(text: str, hint: str) -> None:
    refusal = project.requirement(text)
    assert isinstance(refusal, project.Refusal)
    assert (refusal.code, refusal.hint) == ("KS106", hint)


def test_ks107_repeats_no_password() -> None:
    refusal = project.requirement("git+https://ada:secret@git.example/x.git?token=secret")
    assert isinstance(refusal, project.Refusal)
    assert "secret" not in refusal.reason + refusal.hint


@given(
    st.text(max_size=80) | st.text(alphabet="()'\"<>=!~;,[]andor 0123456789.x-@:/+", max_size=300)
)
def test_any_text_is_a_requirement_or_refused(text: str) -> None:
    assert isinstance(project.requirement(text), Requirement | project.Refusal)


@pytest.mark.parametrize(
    "text", ["x==" + "9" * 900, "x ; " + "(" * 900 + "os_name=='a'" + ")" * 900]
)
def test_numbers_and_brackets_without_end_are_refused_or_read(text: str) -> None:
    assert isinstance(project.requirement(text), Requirement | project.Refusal)
