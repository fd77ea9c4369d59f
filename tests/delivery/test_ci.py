"""The pipelines, run for real by gitlab-ci-local: from the template to a cell on the hub.

In both layouts: a repository for each kernel, and one with a folder for each user.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.delivery.pipelines import CELL, DEFAULT_BRANCH, Ci, committed, generated
from tests.repositories import git

pytestmark = [pytest.mark.docker, pytest.mark.network]

SMOKE = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "a",
            "metadata": {},
            "outputs": [],
            "source": "import alpha; assert alpha.__version__ == '1.1'",
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_from_cookiecutter_to_a_cell_in_a_repository_of_its_own(ci: Ci, tmp_path: Path) -> None:
    kernel = generated(tmp_path, "alone")
    (kernel / "smoke.ipynb").write_text(json.dumps(SMOKE))
    committed(kernel)
    told = ci.run(kernel, **DEFAULT_BRANCH)
    assert "smoke.ipynb (1 cells ran): ok" in told
    spec = json.loads((ci.kernels / "alone" / "kernel.json").read_text())
    image = spec["metadata"]["kernelspec"]["image"]
    assert image.startswith(f"{ci.registry.host}/ci/{ci.account.login}_alone@sha256:")
    assert ci.execute("alone", CELL) == f"1.1 {ci.account.login}\n"


def test_a_merge_request_is_judged_only(ci: Ci, tmp_path: Path) -> None:
    kernel = committed(generated(tmp_path, "asked"))
    told = ci.run(
        kernel,
        CI_PIPELINE_SOURCE="merge_request_event",
        CI_MERGE_REQUEST_IID="1",
        CI_DEFAULT_BRANCH="main",
    )
    assert "lint" in told
    assert "kernelspec build" not in told
    assert not (ci.kernels / "asked").exists()


def test_a_tag_makes_a_production_version_that_never_changes(ci: Ci, tmp_path: Path) -> None:
    production = {"stage": "production", "image_version": "1.0", "libs": ["ipykernel==7.4.0"]}
    real = {"ipykernel==7.4.0"}
    kernel = generated(tmp_path, "solid", **production)
    assert set(json.loads((kernel / "requirements.json").read_text())["libs"]) == real
    committed(kernel)
    ci.run(kernel, CI_COMMIT_TAG="v1", CI_DEFAULT_BRANCH="main")
    before = (ci.kernels / "solid" / "kernel.json").read_text()
    value = json.loads((kernel / "requirements.json").read_text())
    value["libs"].append("alpha==1.1")
    (kernel / "requirements.json").write_text(json.dumps(value))
    committed(kernel)
    again = ci.tried(kernel, CI_COMMIT_TAG="v2", CI_DEFAULT_BRANCH="main")
    assert again.returncode != 0
    assert "a production version never changes. Raise image_version" in again.stdout + again.stderr
    assert (ci.kernels / "solid" / "kernel.json").read_text() == before


def test_an_index_that_is_down_is_not_the_kernels_fault(ci: Ci, tmp_path: Path) -> None:
    kernel = committed(generated(tmp_path, "unlucky"))
    done = ci.tried(kernel, **DEFAULT_BRANCH, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode != 0
    assert "not your fault: exit 3" in done.stdout + done.stderr


PARENT = """\
changed:
  script:
    - kernelspec pipeline . --changed-since "$CI_COMMIT_BEFORE_SHA" --output kernels.yml
  artifacts:
    paths: [kernels.yml]
"""


def test_one_repository_with_a_folder_for_each_user(ci: Ci, tmp_path: Path) -> None:
    # What `pipeline` writes is run as the child that GitLab makes of it.
    for owner, name in ((ci.login, "shared"), ("Grace.Hopper", "other"), (ci.login, "still")):
        (tmp_path / owner).mkdir(exist_ok=True)
        generated(tmp_path / owner, name)
    (tmp_path / ".gitlab-ci.yml").write_text(PARENT)
    committed(tmp_path)
    before = git(tmp_path, "rev-parse", "HEAD")
    for path in (f"{ci.login}/shared", "Grace.Hopper/other"):
        (tmp_path / path / "README.md").write_text("changed")
    committed(tmp_path)
    told = ci.run(tmp_path, **DEFAULT_BRANCH, CI_COMMIT_BEFORE_SHA=before)
    assert "Grace.Hopper/other is judged only: grace.hopper builds it, or a maintainer" in told
    child = next((tmp_path / ".gitlab-ci-local" / "artifacts").rglob("kernels.yml")).read_text()
    assert "still" not in child
    (tmp_path / "kernels.yml").write_text(child)
    ci.run(tmp_path, "kernels.yml", **DEFAULT_BRANCH)
    assert ci.execute("shared", CELL) == f"1.1 {ci.account.login}\n"
    assert not (ci.kernels / "still").exists()
    assert not (ci.folder / "hub" / "grace.hopper").exists()
