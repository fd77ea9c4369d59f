"""Kernels to deliver: a locked folder, and a tiny image that carries its labels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.delivery.image import lock_digest
from tests.docker.conftest import TEST_LABEL


@dataclass(frozen=True, kw_only=True)
class Site:
    """A kernel's folder, the policy in force, and who runs the command line."""

    folder: Path
    """The kernel's."""
    policy: Path
    login: str
    engine: Engine
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def kernel(self) -> str:
        return self.folder.name

    def command(self, *words: str) -> tuple[list[str], dict[str, str]]:
        """The call of `kernelspec WORDS`, and its environment."""
        own = {"GITLAB_USER_LOGIN": self.login, "KERNELSPEC_POLICY": str(self.policy)}
        environment = {**os.environ, **own, **self.environment}
        return [sys.executable, "-m", "kernelspec_lib", *words], environment

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One run of `kernelspec WORDS`."""
        command, environment = self.command(*words)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def install(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`kernelspec install` of this kernel."""
        return self.run("install", str(self.folder), *words)

    def set_policy(self, **keys: Any) -> None:
        """Change some keys of the policy; None: take the key away."""
        value = {**json.loads(self.policy.read_text()), **keys}
        value = {key: one for key, one in value.items() if one is not None}
        self.policy.write_text(json.dumps(value))

    def image(self, version: str, reference: str, base: str = "scratch", **labels: str) -> str:
        """Build an image of this kernel on *base*, another one for each *version*; its id."""
        own = {
            "kernelspec.owner": self.login,
            "kernelspec.kernel": self.kernel,
            "kernelspec.lock": lock_digest(self.folder),
            "org.opencontainers.image.revision": f"{version:0>40}",
            **labels,
        }
        said = " ".join(f"{name}={value}" for name, value in own.items() if value)
        text = f"FROM {base}\nLABEL kernelspec.test=1 {TEST_LABEL} {said}\n"
        command = [self.engine.client, "build", "--quiet", f"--tag={reference}", "-"]
        built = subprocess.run(
            command,
            input=text,
            env=dict(self.engine.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr
        return built.stdout.strip()

    @property
    def reference(self) -> str:
        """The kernel's image, as the policy names it."""
        registry = json.loads(self.policy.read_text()).get("registry")
        name = f"{self.login}_{self.kernel}:latest"
        return f"{registry}/{name}" if registry else name

    def published(self, version: str, **labels: str) -> str:
        """Build and push an image, and forget it here; the reference by digest."""
        self.image(version, self.reference, **labels)
        environment = {**self.engine.environment, **self.environment}
        command = [self.engine.client, "push", self.reference]
        pushed = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr
        digest = next(
            word for word in reversed(pushed.stdout.split()) if word.startswith("sha256:")
        )
        pinned = f"{self.reference.rpartition(':')[0]}@{digest}"
        assert self.engine.ask("image", "rm", "--force", self.reference, pinned).returncode == 0
        return pinned


def locked(folder: Path, index_url: str) -> Path:
    """*folder* as the folder of a kernel of its name, with its lock and Dockerfile."""
    folder.mkdir(parents=True)
    value = {"kernel_name": folder.name, "python_version": "3.11", "libs": ["ipykernel", "alpha"]}
    (folder / "requirements.json").write_text(json.dumps(value, indent=2))
    template = Path(__file__).parents[2] / "{{cookiecutter.kernel_name}}"
    shutil.copy(template / "Dockerfile", folder)
    command = [sys.executable, "-m", "kernelspec_lib", "resolve", str(folder / "requirements.json")]
    done = subprocess.run(
        [*command, f"--index-url={index_url}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def seen(kernels: Path) -> dict[str, dict[str, Any]]:
    """What Jupyter lists in the folder *kernels*: name and metadata of this library."""
    manager = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    specs = manager.get_all_specs()
    return {name: one["spec"]["metadata"]["kernelspec"] for name, one in specs.items()}


@contextmanager
def untagged(engine: Engine, *references: str) -> Iterator[None]:
    """The block, after which the images *references* have these names no more."""
    try:
        yield
    finally:
        engine.ask("image", "rm", "--force", *references)
