"""pre-commit, for real: the hooks of a generated kernel, and those that this repository offers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kernelspec_lib import template
from tests.template import support
from tests.template.support import module, run

SHARED = ("id", "name", "entry", "files", "pass_filenames", "stages")


@pytest.fixture
def kernel(out: Path, home: Path) -> Path:
    """A generated kernel under git, with its hooks installed."""
    folder = template.generate(support.GOOD, out)
    support.commit(folder, home)
    module("pre_commit", "install", home=home, cwd=folder)
    return folder


def git_commit(kernel: Path, home: Path, code: int) -> str:
    run("git", "add", "--all", home=home, cwd=kernel)
    told = run("git", "commit", "--message=x", home=home, cwd=kernel, code=code)
    return told.stdout + told.stderr


def manifest() -> list[dict[str, Any]]:
    text = (support.ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text))


def test_install_sets_both_hooks(kernel: Path) -> None:
    assert (kernel / ".git" / "hooks" / "pre-commit").exists()
    assert (kernel / ".git" / "hooks" / "pre-push").exists()


def test_a_good_file_is_committed(kernel: Path, home: Path) -> None:
    file = kernel / "requirements.json"
    file.write_text(file.read_text().replace('"pandas>=2,<3"', '"pandas>=2,<4"'))
    told = git_commit(kernel, home, code=0)
    assert "Passed" in told
    assert "warning" not in told.lower()


def test_a_bad_file_is_not_and_the_place_is_told(kernel: Path, home: Path) -> None:
    file = kernel / "requirements.json"
    file.write_text(file.read_text().replace('"pandas>=2,<3"', '"pandas=2"'))
    told = git_commit(kernel, home, code=1)
    assert "kernelspec-validate" in told
    assert "  8:5 " in told
    assert "KS106" in told


def test_other_files_are_committed_without_a_check(kernel: Path, home: Path) -> None:
    (kernel / "README.md").write_text("mine\n")
    assert "Skipped" in git_commit(kernel, home, code=0)


def test_resolve_runs_before_a_push(kernel: Path, home: Path) -> None:
    run("git", "init", "--quiet", "--bare", home / "hub.git", home=home)
    file = kernel / "requirements.json"
    file.write_text(file.read_text().replace('"pandas>=2,<3"', '"pandas=2"'))
    run("git", "commit", "--quiet", "--no-verify", "-am", "x", home=home, cwd=kernel)
    # A mistake of the file is found before the index is asked: no network is needed here.
    told = run("git", "push", home / "hub.git", "main", home=home, cwd=kernel, code=1)
    assert "kernelspec-resolve" in told.stdout + told.stderr
    assert "KS106" in told.stdout + told.stderr


def test_the_generated_hooks_are_those_that_the_repository_offers(kernel: Path) -> None:
    text = (kernel / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    generated = [hook for repo in yaml.safe_load(text)["repos"] for hook in repo["hooks"]]
    offered = [{key: hook[key] for key in SHARED if key in hook} for hook in manifest()]
    assert [{key: hook[key] for key in SHARED if key in hook} for hook in generated] == offered
    assert {hook["language"] for hook in generated} == {"system"}, "works without the network"
    assert {hook["language"] for hook in manifest()} == {"python"}


def test_pre_commit_accepts_the_manifest(home: Path) -> None:
    module("pre_commit", "validate-manifest", support.ROOT / ".pre-commit-hooks.yaml", home=home)


@pytest.mark.network
def test_the_offered_hook_installs_itself_and_judges(kernel: Path, home: Path) -> None:
    source = home / "source"
    told = subprocess.run(["git", "ls-files", "-z"], cwd=support.ROOT, capture_output=True)
    for name in filter(None, told.stdout.decode().split("\0")):
        if (support.ROOT / name).exists() and not name.startswith(("tests/", "docs/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-P", support.ROOT / name, source / name, home=home)
    hooks = [{"id": "kernelspec-validate", "verbose": True}]
    rev = support.commit(source, home)
    repos = {"repos": [{"repo": str(source), "rev": rev, "hooks": hooks}]}
    (kernel / ".pre-commit-config.yaml").write_text(yaml.safe_dump(repos))
    command = ("run", "--all-files")
    assert "Passed" in module("pre_commit", *command, home=home, cwd=kernel).stdout
    file = kernel / "requirements.json"
    file.write_text(file.read_text().replace('"pandas>=2,<3"', '"pandas=2"'))
    assert "KS106" in module("pre_commit", *command, home=home, cwd=kernel, code=1).stdout
