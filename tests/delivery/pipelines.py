"""Pipelines that gitlab-ci-local runs for real, and the kernels that go through them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cookiecutter.main import cookiecutter

from kernelspec_lib.delivery.engine import Engine
from tests.delivery import parts
from tests.docker import jupyter
from tests.docker.conftest import TEST_LABEL
from tests.repositories import git
from tests.template import support

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
class Ci:
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
        file = runtime / "kernel.json"
        with jupyter.ready(jupyter.manager(self.kernels, kernel, file, self.account.uid)) as client:
            return jupyter.printed(client, code)


def _told(name: str, value: str) -> tuple[str, ...]:
    if name == "CI_COMMIT_TAG":
        return "--variable", f"{name}={value}", "--unset-variable", "CI_COMMIT_BRANCH"
    return "--variable", f"{name}={value}"


CELL = "import alpha, getpass; print(alpha.__version__, getpass.getuser())"
DEFAULT_BRANCH = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}


def generated(folder: Path, name: str, **keys: Any) -> Path:
    """A kernel from the template, by cookiecutter itself."""
    answers = answers_for(name)
    made = cookiecutter(
        str(support.ROOT), no_input=True, extra_context=answers, output_dir=str(folder)
    )
    return marked(Path(made), **keys)


def answers_for(name: str) -> dict[str, str]:
    """What the template is answered for the kernel *name*."""
    return {**support.GOOD, "kernel_name": name, "libs": "ipykernel alpha==1.1"}


def marked(kernel: Path, **keys: Any) -> Path:
    """The kernel, with *keys* in its requirements.json, and a label by which its images go."""
    path = kernel / "requirements.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}, indent=2))
    dockerfile = kernel / "Dockerfile"
    line = "# ---- Your own lines: end"
    dockerfile.write_text(
        dockerfile.read_text().replace(line, f"LABEL kernelspec.test=1 {TEST_LABEL}\n{line}")
    )
    return kernel


def committed(folder: Path) -> Path:
    if not (folder / ".git").exists():
        git(folder, "init")
        git(folder, "remote", "add", "origin", f"git@gitlab.example:group/{folder.name}.git")
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "--message", "x")
    return folder
