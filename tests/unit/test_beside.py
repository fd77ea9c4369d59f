"""The files beside requirements.json: which of them are read, and which are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernelspec_lib import project as projects
from kernelspec_lib.checks import cifile, dockerfile, kernel
from kernelspec_lib.checks.opened import opened
from kernelspec_lib.cli import running
from kernelspec_lib.cli.common import Rejected
from kernelspec_lib.policy import Policy
from tests.projects import DOCKERFILE

REQUIREMENTS = '{"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}'
BUILD_ALONE = "build:\n  script: [kernelspec build .]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kernel in which nothing is found."""
    made = tmp_path / "churn"
    made.mkdir()
    (made / "requirements.json").write_text(REQUIREMENTS)
    (made / "Dockerfile").write_text(DOCKERFILE)
    return made


def told(folder: Path) -> list[tuple[str, str, int]]:
    place = projects.locate(str(folder))
    findings = kernel.examine(opened(place, projects.load(place)), Policy()).findings
    return [(one.code, Path(one.path).name, one.span.line) for one in findings]


def test_a_kernel_without_a_ci_file_is_well(folder: Path) -> None:
    assert told(folder) == []


@pytest.mark.parametrize(
    ("name", "code", "limit"),
    [
        ("Dockerfile", "KS401", dockerfile.MAX_BYTES),
        (".gitlab-ci.yml", "KS421", cifile.MAX_BYTES),
    ],
)
def test_what_is_no_file_or_too_large_is_not_read(
    folder: Path, name: str, code: str, limit: int
) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.mkdir()
    assert told(folder) == [(code, name, 1)]
    path.rmdir()
    os.mkfifo(path)
    assert told(folder) == [(code, name, 1)]
    path.unlink()
    path.write_bytes(b"#" * (limit + 1))
    assert told(folder) == [(code, name, 1)]


def test_a_dockerfile_that_is_missing_or_says_nothing(folder: Path) -> None:
    path = folder / "Dockerfile"
    for content in ("", "\n \n", "# a remark\n# escape=`\n", "\ufeff"):
        path.write_text(content)
        assert told(folder) == [("KS401", "Dockerfile", 1)]
    path.unlink()
    assert told(folder) == [("KS401", "Dockerfile", 1)]


def test_a_link_within_the_folder_is_followed_and_no_other_one(folder: Path) -> None:
    inside, outside = folder / "real", folder.parent / "outside"
    inside.write_text(DOCKERFILE)
    outside.write_text("FROM scratch\nUSER hunter2\n")
    path = folder / "Dockerfile"
    path.unlink()
    path.symlink_to("real")
    assert told(folder) == []
    path.unlink()
    path.symlink_to(outside)
    assert told(folder) == [("KS009", "Dockerfile", 1)]


def test_a_file_that_is_included_is_read_below_the_folder_only(folder: Path) -> None:
    lint = "lint:\n  stage: build\n  script: [kernelspec lint .]\n"
    (folder.parent / "lint.yml").write_text(lint)
    ci = folder / ".gitlab-ci.yml"
    ci.write_text(f"include: /lint.yml\n{BUILD_ALONE}")
    (folder / "lint.yml").write_text(lint)
    assert told(folder) == []
    (folder / "lint.yml").unlink()
    (folder / "lint.yml").symlink_to(folder.parent / "lint.yml")
    assert told(folder) == [("KS422", ".gitlab-ci.yml", 2)]
    (folder / "ci").symlink_to(folder.parent)
    ci.write_text(f"include: /ci/lint.yml\n{BUILD_ALONE}")
    assert told(folder) == [("KS422", ".gitlab-ci.yml", 2)]


def test_a_pipeline_whose_lint_was_taken_out_does_not_build(folder: Path) -> None:
    (folder / ".gitlab-ci.yml").write_text(BUILD_ALONE)
    with pytest.raises(Rejected) as refused:
        running.locked_project(str(folder), Policy(), to_build=True)
    assert "KS422" in [one.code for one in refused.value.findings]
