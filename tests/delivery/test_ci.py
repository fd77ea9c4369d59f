"""The pipelines, run for real by gitlab-ci-local: from the template to a cell on the hub.

In both layouts: a repository for each kernel, and one with a folder for each user.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from kernelspec_lib.delivery.engine import Engine
from tests.delivery import parts
from tests.docker.conftest import TEST_LABEL
from tests.template import support

pytestmark = [pytest.mark.docker, pytest.mark.network]

VERSION = "4.72.0"
"""The last one that runs on node 20."""


def gitlab_ci_local() -> str:
    """The program: the machine's, else one that is installed for tests."""
    if found := shutil.which("gitlab-ci-local"):
        return found
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kernelspec-tests")
    prefix = Path(os.environ.get("KERNELSPEC_TEST_CACHE") or usual) / "gitlab-ci-local"
    found_there = prefix / "node_modules/.bin/gitlab-ci-local"
    if not found_there.exists():
        command = ["npm", "install", "--silent", "--prefix", str(prefix)]
        done = subprocess.run(
            [*command, f"gitlab-ci-local@{VERSION}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return str(found_there)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A registry, an index, a hub's folder, and a user whose login has capitals and a dot."""

    folder: Path
    account: parts.Account
    login: str
    """As GitLab knows it."""
    index_url: str
    registry: parts.Registry
    engine: Engine

    @property
    def kernels(self) -> Path:
        return self.folder / "hub" / self.account.login / "kernels"

    def policy(self, **more: Any) -> Path:
        path = self.folder / "policy.json"
        value = {
            "registry": f"{self.registry.host}/ci",
            "hub": {"kernels": f"{self.folder}/hub/{{login}}/kernels"},
            "work_dir": {"source": f"{self.folder}/{{login}}", "target": "/home/{login}/work"},
        }
        path.write_text(json.dumps({**value, **more}))
        return path

    def run(self, repository: Path, file: str = ".gitlab-ci.yml", **variables: str) -> str:
        """What the pipeline of *repository* prints; it must pass."""
        done = self.tried(repository, file, **variables)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout + done.stderr

    def tried(
        self, repository: Path, file: str = ".gitlab-ci.yml", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        home = self.folder / "home"
        own = {
            "PIP_INDEX_URL": self.index_url,
            "KERNELSPEC_POLICY": str(self.policy()),
            "KERNELSPEC_BUILD_NETWORK": "host",
            "KERNELSPEC_CACHE": str(self.folder / "cache"),
            "DOCKER_CONFIG": str(self.registry.docker_config),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITLAB_USER_LOGIN": self.login,
            **variables,
        }
        settings = home / ".gitlab-ci-local" / "variables.yml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        # A value that begins with a slash would be taken for a file.
        whole = {name: {"type": "variable", "values": {"*": text}} for name, text in own.items()}
        settings.write_text(json.dumps({"global": whole}))
        command = [
            *("timeout", "-s", "KILL", "600", gitlab_ci_local(), "--home", str(home)),
            *("--file", file, "--no-color", "--force-shell-executor", "--shell-isolation"),
            *("--no-artifacts-to-source", "--ignore-predefined-vars", ",".join(own)),
            *(word for name in variables for word in _told(name, variables[name])),
        ]
        return subprocess.run(
            command,
            cwd=repository,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def execute(self, kernel: str, code: str) -> str:
        """What *code* prints in the kernel that is on the hub."""
        runtime = self.folder / f"runtime-{uuid.uuid4().hex[:6]}"
        runtime.mkdir()
        manager = KernelManager(
            kernel_name=kernel,
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(self.kernels)]),
            connection_file=str(runtime / "kernel.json"),
            cache_ports=False,
        )
        manager.write_connection_file()
        os.chown(manager.connection_file, self.account.uid, self.account.gid)
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=90)
            told: list[str] = []
            client.execute_interactive(
                code,
                timeout=60,
                output_hook=lambda one: told.append(one["content"].get("text", "")),
            )
            return "".join(told)
        finally:
            client.stop_channels()
            manager.shutdown_kernel()


def _told(name: str, value: str) -> tuple[str, ...]:
    if name == "CI_COMMIT_TAG":
        return "--variable", f"{name}={value}", "--unset-variable", "CI_COMMIT_BRANCH"
    return "--variable", f"{name}={value}"


@pytest.fixture(scope="module")
def site(
    registry: parts.Registry,
    clean_engine: Engine,
    base_image: str,
    index_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    shutil.which("npm") or pytest.fail("npm is needed for gitlab-ci-local")
    login = f"ci.{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("site")
    with parts.account(login) as account:
        (folder / login).mkdir()
        os.chown(folder / login, account.uid, account.gid)
        yield Site(
            folder=folder,
            account=account,
            login=login.replace("ci.", "Ci."),
            index_url=index_url,
            registry=registry,
            engine=clean_engine,
        )
    images = clean_engine.ask(
        "image", "ls", "--quiet", f"--filter=label=kernelspec.owner={login}"
    ).stdout.split()
    clean_engine.ask("image", "rm", "--force", *dict.fromkeys(images))


def git(folder: Path, *words: str) -> str:
    settings = [
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@localhost",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(
        ["git", *settings, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def generated(folder: Path, name: str, **keys: Any) -> Path:
    """A kernel from the template, by cookiecutter itself."""
    answers = {**support.GOOD, "kernel_name": name, "libs": "ipykernel alpha==1.1"}
    made = Path(
        cookiecutter(
            str(support.ROOT), no_input=True, extra_context=answers, output_dir=str(folder)
        )
    )
    path = made / "requirements.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}, indent=2))
    dockerfile = made / "Dockerfile"
    line = "# ---- Your own lines: end"
    dockerfile.write_text(
        dockerfile.read_text().replace(line, f"LABEL kernelspec.test=1 {TEST_LABEL}\n{line}")
    )
    return made


def committed(folder: Path) -> Path:
    if not (folder / ".git").exists():
        git(folder, "init")
        git(folder, "remote", "add", "origin", f"git@gitlab.example:group/{folder.name}.git")
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "--message", "x")
    return folder


CELL = "import alpha, getpass; print(alpha.__version__, getpass.getuser())"
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
DEFAULT_BRANCH = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}


def test_from_cookiecutter_to_a_cell_in_a_repository_of_its_own(site: Site, tmp_path: Path) -> None:
    kernel = generated(tmp_path, "alone")
    (kernel / "smoke.ipynb").write_text(json.dumps(SMOKE))
    committed(kernel)
    told = site.run(kernel, **DEFAULT_BRANCH)
    assert "smoke.ipynb (1 cells ran): ok" in told
    spec = json.loads((site.kernels / "alone" / "kernel.json").read_text())
    image = spec["metadata"]["kernelspec"]["image"]
    assert image.startswith(f"{site.registry.host}/ci/{site.account.login}_alone@sha256:")
    assert site.execute("alone", CELL) == f"1.1 {site.account.login}\n"


def test_a_merge_request_is_judged_only(site: Site, tmp_path: Path) -> None:
    kernel = committed(generated(tmp_path, "asked"))
    told = site.run(
        kernel,
        CI_PIPELINE_SOURCE="merge_request_event",
        CI_MERGE_REQUEST_IID="1",
        CI_DEFAULT_BRANCH="main",
    )
    assert "lint" in told
    assert "kernelspec build" not in told
    assert not (site.kernels / "asked").exists()


def test_a_tag_makes_a_production_version_that_never_changes(site: Site, tmp_path: Path) -> None:
    production = {"stage": "production", "image_version": "1.0", "libs": ["ipykernel==7.4.0"]}
    real = {"ipykernel==7.4.0"}
    kernel = generated(tmp_path, "solid", **production)
    assert set(json.loads((kernel / "requirements.json").read_text())["libs"]) == real
    committed(kernel)
    site.run(kernel, CI_COMMIT_TAG="v1", CI_DEFAULT_BRANCH="main")
    before = (site.kernels / "solid" / "kernel.json").read_text()
    value = json.loads((kernel / "requirements.json").read_text())
    value["libs"].append("alpha==1.1")
    (kernel / "requirements.json").write_text(json.dumps(value))
    committed(kernel)
    again = site.tried(kernel, CI_COMMIT_TAG="v2", CI_DEFAULT_BRANCH="main")
    assert again.returncode != 0
    assert "a production version never changes. Raise image_version" in again.stdout + again.stderr
    assert (site.kernels / "solid" / "kernel.json").read_text() == before


def test_an_index_that_is_down_is_not_the_kernels_fault(site: Site, tmp_path: Path) -> None:
    kernel = committed(generated(tmp_path, "unlucky"))
    done = site.tried(kernel, **DEFAULT_BRANCH, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode != 0
    assert "not your fault: exit 3" in done.stdout + done.stderr


PARENT = """\
changed:
  script:
    - kernelspec pipeline . --changed-since "$CI_COMMIT_BEFORE_SHA" --output kernels.yml
  artifacts:
    paths: [kernels.yml]
"""


def test_one_repository_with_a_folder_for_each_user(site: Site, tmp_path: Path) -> None:
    # What `pipeline` writes is run as the child that GitLab makes of it.
    for owner, name in ((site.login, "shared"), ("Grace.Hopper", "other"), (site.login, "still")):
        (tmp_path / owner).mkdir(exist_ok=True)
        generated(tmp_path / owner, name)
    (tmp_path / ".gitlab-ci.yml").write_text(PARENT)
    committed(tmp_path)
    before = git(tmp_path, "rev-parse", "HEAD")
    for path in (f"{site.login}/shared", "Grace.Hopper/other"):
        (tmp_path / path / "README.md").write_text("changed")
    committed(tmp_path)
    told = site.run(tmp_path, **DEFAULT_BRANCH, CI_COMMIT_BEFORE_SHA=before)
    assert "Grace.Hopper/other is judged only: grace.hopper builds it, or a maintainer" in told
    child = next((tmp_path / ".gitlab-ci-local" / "artifacts").rglob("kernels.yml")).read_text()
    assert "still" not in child
    (tmp_path / "kernels.yml").write_text(child)
    site.run(tmp_path, "kernels.yml", **DEFAULT_BRANCH)
    assert site.execute("shared", CELL) == f"1.1 {site.account.login}\n"
    assert not (site.kernels / "still").exists()
    assert not (site.folder / "hub" / "grace.hopper").exists()
