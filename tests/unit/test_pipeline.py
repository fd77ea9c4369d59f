"""The child pipeline: GitLab takes it, nothing needs itself, and owners build their own."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from kernelspec_lib import cli
from kernelspec_lib.delivery import pipeline
from kernelspec_lib.delivery.pipeline import Kernel
from tests.repositories import git
from tests.template import support


def loaded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def jobs(value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: job for name, job in value.items() if isinstance(job, dict) and "script" in job}


KERNELS = (
    Kernel(path="ada/churn", owner="ada", delivered=True),
    Kernel(path="Grace.H/my kernel", owner="grace.h", delivered=False),
    Kernel(path="-x/$(id)", owner="x", delivered=True),
)


def test_gitlab_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "kernels.yml"
    path.write_text(pipeline.pipeline(KERNELS, "group/ci:kernels.yml"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
    told = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    lines = [sys.executable, "-m", "yamllint", "--strict", "-d", YAMLLINT, str(path)]
    told = subprocess.run(lines, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


YAMLLINT = "{extends: default, rules: {line-length: disable, document-start: disable}}"


@pytest.mark.parametrize("source", ["runner", "registry.example/ci/kernelspec:1"])
def test_the_templates_pipeline_passes_its_linter(source: str, tmp_path: Path) -> None:
    from kernelspec_lib import template

    folder = template.generate({**support.GOOD, "pipeline": source}, tmp_path)
    lines = [sys.executable, "-m", "yamllint", "--strict", "-d", YAMLLINT]
    told = subprocess.run(
        [*lines, str(folder / ".gitlab-ci.yml")], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


def test_no_job_waits_for_itself() -> None:
    for text in (pipeline.pipeline(KERNELS, None), _plain()):
        needs = {name: job.get("needs", []) for name, job in jobs(loaded(text)).items()}
        order = list(TopologicalSorter(needs).static_order())
        assert set(order) == set(needs)


def _plain() -> str:
    from jinja2 import Environment

    source = (support.ROOT / support.TEMPLATE / ".gitlab-ci.yml").read_text()
    return Environment(autoescape=False).from_string(source).render(cookiecutter=support.GOOD)  # noqa: S701


def test_one_kernels_jobs_are_those_of_the_template() -> None:
    own = jobs(loaded(pipeline.pipeline([Kernel(path=".", owner=None, delivered=True)], None)))
    whole = loaded(_plain())
    for stage in pipeline.STAGES:
        mine, theirs = own[f"kernel: {stage}"], whole[stage]
        for key in ("script", "timeout", "interruptible", "artifacts"):
            assert mine.get(key) == theirs.get(key, whole["default"].get(key)), (stage, key)
        retry = {**whole["default"]["retry"], **theirs.get("retry", {})}
        assert mine["retry"] == retry


def test_each_job_is_one_command_in_the_owners_name() -> None:
    found = jobs(loaded(pipeline.pipeline(KERNELS, None)))
    assert [name for name in found if name.startswith("Grace.H")] == ["Grace.H/my kernel: lint"]
    assert found["Grace.H/my kernel: lint"]["variables"] == {"GITLAB_USER_LOGIN": "grace.h"}
    assert found["ada/churn: build"]["script"] == [
        "kernelspec build ./ada/churn --push --dotenv build.env"
    ]
    assert found["-x/$(id): deploy"]["script"] == ["kernelspec install './-x/$(id)'"]
    assert all(len(job["script"]) == 1 for job in found.values())


def test_where_nothing_changed_there_is_a_job_all_the_same() -> None:
    assert jobs(loaded(pipeline.pipeline([], None)))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two users with two kernels, of which a commit touched one each."""
    for path in ("ada/churn", "ada/fraud", "Grace.Hopper/spam", "Grace.Hopper/ham"):
        folder = tmp_path / path
        folder.mkdir(parents=True)
        value = {"kernel_name": folder.name, "python_version": "3.11", "libs": ["ipykernel"]}
        (folder / "requirements.json").write_text(json.dumps(value))
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    for path in ("ada/churn", "Grace.Hopper/spam"):
        (tmp_path / path / "Dockerfile").write_text("FROM python:3.11-slim\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "two")
    monkeypatch.chdir(tmp_path)
    for name in ("CI_PIPELINE_SOURCE", "KERNELSPEC_POLICY", "CI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def written(folder: Path, *words: str) -> dict[str, dict[str, Any]]:
    assert cli.run(["pipeline", "--output", "kernels.yml", *words]) == 0
    return jobs(loaded((folder / "kernels.yml").read_text()))


def test_only_kernels_that_changed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "Ada")
    found = written(repository, "--changed-since", "HEAD~1")
    assert set(found) == {
        "ada/churn: lint",
        "ada/churn: build",
        "ada/churn: test",
        "ada/churn: deploy",
        "Grace.Hopper/spam: lint",
    }


def test_what_another_owns_is_judged_only(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "mallory")
    found = written(repository, "--changed-since", "HEAD~1")
    assert set(found) == {"ada/churn: lint", "Grace.Hopper/spam: lint"}
    assert "ada/churn is judged only: ada builds it, or a maintainer" in capsys.readouterr().err


def test_a_maintainer_builds_them_for_their_owners(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "mallory")
    (repository / "policy.json").write_text('{"maintainers": ["mallory"]}')
    found = written(repository, "--changed-since", "HEAD~1", "--policy", "policy.json")
    assert found["Grace.Hopper/spam: build"]["variables"] == {"GITLAB_USER_LOGIN": "grace.hopper"}


def test_a_merge_request_builds_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ada")
    monkeypatch.setenv("CI_PIPELINE_SOURCE", "merge_request_event")
    found = written(repository, "--changed-since", "HEAD~1")
    assert set(found) == {"ada/churn: lint", "Grace.Hopper/spam: lint"}


def test_the_first_push_of_a_branch_concerns_all(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ada")
    found = written(repository, "--changed-since", "0" * 40)
    assert len([name for name in found if name.endswith(": lint")]) == 4


def test_a_schedule_concerns_all_on_the_base_image_of_the_day(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ada")
    found = written(repository, "--changed-since", "0" * 40)
    assert {"ada/churn: build", "ada/fraud: build"} <= set(found)
    assert "variables" not in loaded((repository / "kernels.yml").read_text())
    monkeypatch.setenv("CI_PIPELINE_SOURCE", "schedule")
    assert written(repository, "--changed-since", "0" * 40) == found
    value = loaded((repository / "kernels.yml").read_text())
    assert value["variables"] == {"KERNELSPEC_PULL": "true"}


def test_a_folder_of_nobody_who_could_be_one_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ada")
    (repository / "ada").rename(repository / "a da")
    assert cli.run(["pipeline", "--output", "kernels.yml"]) == 2
    assert '"a da" cannot be a login here' in capsys.readouterr().err
    assert not (repository / "kernels.yml").exists()


@pytest.mark.parametrize("include", ["x", "group/ci:kernels.yml\n- evil", "group/ci:a b.yml"])
def test_an_include_that_is_none_is_refused(repository: Path, include: str) -> None:
    assert cli.run(["pipeline", "--include", include]) == 2
