"""pre-commit, for real: the hooks of a generated kernel, and those that this repository offers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kernelspec_lib import template
from tests.projects import DOCKERFILE
from tests.template import support
from tests.template.support import module, run

SHARED = ("id", "name", "entry", "args", "files", "pass_filenames", "require_serial", "stages")


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


def test_a_dockerfile_that_changed_alone_is_judged(kernel: Path, home: Path) -> None:
    with (kernel / "Dockerfile").open("a") as file:
        file.write("\nADD https://elsewhere.example/x.deb /tmp/\n")
    told = git_commit(kernel, home, code=1)
    assert "Dockerfile" in told
    assert "KS406" in told


def test_resolve_runs_before_a_push(kernel: Path, home: Path) -> None:
    run("git", "init", "--quiet", "--bare", home / "hub.git", home=home)
    file = kernel / "requirements.json"
    file.write_text(file.read_text().replace('"pandas>=2,<3"', '"pandas=2"'))
    run("git", "commit", "--quiet", "--no-verify", "-am", "x", home=home, cwd=kernel)
    # A mistake of the file is found before the index is asked: no network is needed here.
    told = run("git", "push", home / "hub.git", "main", home=home, cwd=kernel, code=1)
    assert "kernelspec-resolve" in told.stdout + told.stderr
    assert "KS106" in told.stdout + told.stderr


KERNEL = '{\n  "kernel_name": "churn",\n  "python_version": "3.11",\n  "libs": ["ipykernel"]\n}\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, case_index_url: str) -> Path:
    """A home with a repository of kernels, one folder for each login, and the offered hooks."""
    home = tmp_path_factory.mktemp("hooks")
    folder = home / "kernels"
    for name in ("ada/churn", "ada/my kernel", "bob/-x", "bob/broken"):
        (folder / name).mkdir(parents=True)
        (folder / name / "requirements.json").write_text(KERNEL)
        (folder / name / "Dockerfile").write_text(DOCKERFILE)
    (folder / "bob/broken/requirements.json").write_text(KERNEL.replace("churn", "No Name"))
    (folder / "docs").mkdir()
    (folder / "docs" / "Dockerfile").write_text("ADD https://elsewhere.example/x /\n")
    hooks = [{**hook, "language": "system"} for hook in manifest()]
    hooks[1]["args"] = ["--index-url", case_index_url]
    config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]})
    (folder / ".pre-commit-config.yaml").write_text(config)
    support.commit(folder, home)
    run("git", "init", "--quiet", "--bare", home / "hub.git", home=home)
    run("git", "remote", "add", "origin", "../hub.git", home=home, cwd=folder)
    run("git", "push", "--quiet", "origin", "main", home=home, cwd=folder)
    stages = ("--hook-type=pre-commit", "--hook-type=pre-push")
    module("pre_commit", "install", *stages, home=home, cwd=folder)
    return home


@pytest.fixture
def many(shared: Path, home: Path) -> Path:
    """That repository, in a copy of its own."""
    shutil.copytree(shared, home, dirs_exist_ok=True, symlinks=True)
    return home / "kernels"


def test_of_many_kernels_those_whose_files_changed_are_judged_whole(many: Path, home: Path) -> None:
    (many / "ada/churn/requirements.json").write_text(KERNEL.replace("3.11", "3.12"))
    (many / "ada/my kernel/Dockerfile").write_text("INSTALL x\n" + DOCKERFILE)
    (many / "bob/-x/requirements.json").write_text(KERNEL.replace('"ipykernel"', '"ipykernel="'))
    (many / "docs/Dockerfile").write_text("ADD https://elsewhere.example/y /\n")
    told = git_commit(many, home, code=1)
    assert "ada/my kernel/Dockerfile\n  1:1 " in told
    assert "bob/-x/requirements.json\n  4:12 " in told
    assert "2 errors in 3 files checked" in told
    assert "broken" not in told
    assert "docs" not in told


def test_of_many_kernels_good_ones_are_committed_and_pushed(many: Path, home: Path) -> None:
    for name in ("ada/churn", "ada/my kernel"):
        changed = KERNEL.replace('"ipykernel"', '"ipykernel", "alpha"')
        (many / name / "requirements.json").write_text(changed)
    assert "Passed" in git_commit(many, home, code=0)
    told = run("git", "push", "origin", "main", home=home, cwd=many)
    assert "kernelspec-resolve" in told.stdout + told.stderr or "Passed" in told.stdout
    locks = sorted(path.parent.name for path in many.glob("*/*/requirements.lock"))
    assert locks == ["churn", "my kernel"], "of those that are pushed, and of no other"


def test_of_many_kernels_a_bad_pin_stops_the_push(many: Path, home: Path) -> None:
    changed = KERNEL.replace('"ipykernel"', '"ipykernel", "numpy==9.9"')
    (many / "ada/my kernel/requirements.json").write_text(changed)
    assert "Passed" in git_commit(many, home, code=0)
    told = run("git", "push", "origin", "main", home=home, cwd=many, code=1)
    assert "KS301" in told.stdout + told.stderr
    assert "broken" not in told.stdout + told.stderr


def test_of_many_kernels_one_that_is_deleted_is_not_asked_for(many: Path, home: Path) -> None:
    run("git", "rm", "-rq", "ada/churn", home=home, cwd=many)
    run("git", "rm", "-q", "docs/Dockerfile", home=home, cwd=many)
    assert "Skipped" in git_commit(many, home, code=0)
    run("git", "push", "origin", "main", home=home, cwd=many)
    (many / "ada/my kernel/Dockerfile").unlink()
    (many / "ada/my kernel/requirements.json").write_text(KERNEL + "\n")
    assert "KS401" in git_commit(many, home, code=1)


def test_all_files_judges_every_kernel(many: Path, home: Path) -> None:
    told = module("pre_commit", "run", "--all-files", home=home, cwd=many, code=1)
    assert "bob/broken/requirements.json\n  2:18 " in told.stdout
    assert "1 error in 4 files checked" in told.stdout


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
        if (support.ROOT / name).exists() and not name.startswith("tests/"):
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
