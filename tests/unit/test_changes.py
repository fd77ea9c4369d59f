"""What a branch touched, in real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kernelspec_lib import changes
from kernelspec_lib.errors import ToolMissing, UsageError


def git(folder: Path, *arguments: str) -> None:
    own = ["-c", "user.name=Test", "-c", "user.email=test@host.example"]
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a main branch of one commit, and a branch `topic` checked out."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    for name in ("a", "b", "c"):
        (folder / name).mkdir()
        (folder / name / "requirements.json").write_text("{}")
    git(folder, "add", ".")
    git(folder, "commit", "--message=first")
    git(folder, "checkout", "-b", "topic")
    return folder


def touched(folder: Path, revision: str) -> set[str]:
    top = folder.resolve()
    found = changes.touched(folder, revision, os.environ)
    return {str(path.relative_to(top)) for path in found}


def test_a_new_branch_touched_nothing(repository: Path) -> None:
    assert touched(repository, "main") == set()


def test_committed_staged_changed_new_and_gone_files_count(repository: Path) -> None:
    (repository / "a" / "requirements.json").write_text("[]")
    git(repository, "commit", "--all", "--message=second")
    (repository / "b" / "requirements.json").write_text("[]")
    git(repository, "rm", "--quiet", "c/requirements.json")
    (repository / "new").write_text("")
    assert touched(repository, "main") == {
        "a/requirements.json", "b/requirements.json", "c/requirements.json", "new",
    }  # fmt: skip


def test_what_main_did_since_does_not_count(repository: Path) -> None:
    git(repository, "checkout", "main")
    (repository / "b" / "requirements.json").write_text("[]")
    git(repository, "commit", "--all", "--message=main goes on")
    git(repository, "checkout", "topic")
    (repository / "a" / "requirements.json").write_text("[]")
    git(repository, "commit", "--all", "--message=second")
    assert touched(repository, "main") == {"a/requirements.json"}


def test_both_ends_of_a_move_count(repository: Path) -> None:
    git(repository, "mv", "a", "moved")
    git(repository, "commit", "--message=move")
    assert touched(repository, "main") == {"a/requirements.json", "moved/requirements.json"}


@pytest.mark.parametrize("name", ["with space", 'a "quote"', "umlaut ü", "line\nbreak", "$(false)"])
def test_any_name_comes_as_it_is(repository: Path, name: str) -> None:
    (repository / name).write_text("")
    git(repository, "add", ".")
    git(repository, "commit", "--message=odd")
    assert touched(repository, "main") == {name}


def test_the_whole_repository_is_told_from_any_folder_in_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "new").write_text("")
    git(repository, "config", "diff.relative", "true")
    # As a hook of git sees it, which begins at the top of another repository.
    monkeypatch.setenv("GIT_DIR", ".git")
    found = changes.touched(repository / "a", "main", os.environ)
    assert found == {repository.resolve() / "new"}


@pytest.mark.parametrize("revision", ["", "-h", "--output=x", "nowhere", "main..topic", "HEAD^9"])
def test_what_is_no_revision_is_a_wrong_call(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError, match=r"revision"):
        touched(repository, revision)
    assert sorted(path.name for path in repository.iterdir()) == [".git", "a", "b", "c"]


def test_a_branch_with_another_beginning_is_a_wrong_call(repository: Path) -> None:
    git(repository, "checkout", "--orphan", "other")
    git(repository, "commit", "--message=another first")
    with pytest.raises(UsageError, match="no commit in common"):
        touched(repository, "main")


def test_no_repository_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is in no git repository"):
        changes.touched(tmp_path, "main", os.environ)


def test_no_git_is_told(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="git is needed"):
        changes.touched(repository, "main", {"PATH": str(tmp_path)})
