"""A Docker engine, a base image, an index and two kernels for the tests that build and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.errors import KernelspecError
from tests import package_index as indexes
from tests.catalogue import CATALOGUE

BASE_IMAGE = "python:3.11-slim"
RUN = uuid.uuid4().hex[:8]
"""Of this run alone: another one on the same engine must not be disturbed."""
TEST_LABEL = f"kernelspec.test.run={RUN}"
LOGIN = f"line.{RUN}"

_NO_LIBRARY = "libGL.so.1: cannot open shared object file: No such file or directory"
BROKEN = (
    indexes.wheel("needs-libgl", "1.0", code=f"raise ImportError({_NO_LIBRARY!r})\n"),
    indexes.wheel("takes-all-down", "1.0", code="import os\nos._exit(7)\n"),
)
"""Packages that install and do not import."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernel's folder, generated from the template, and the index that its libraries are on."""

    folder: Path
    index_url: str
    policy: Path
    work: Path
    """The owner's work folder, as the policy says it."""

    def kernelspec(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command line, as a user does it."""
        return kernelspec(*words, KERNELSPEC_POLICY=str(self.policy), **more)


def kernelspec(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One run of `kernelspec WORDS`, with *more* in its environment."""
    environment = {**os.environ, "GITLAB_USER_LOGIN": LOGIN, **more}
    command = [sys.executable, "-m", "kernelspec_lib", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine, with a client that can build."""
    try:
        return engines.find(os.environ, to_build=True)
    except KernelspecError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI there must be a Docker engine: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """The image that kernels are built on: the machine's own, else made from Debian's packages."""
    if engines.labels(engine, BASE_IMAGE) is None:
        usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kernelspec-tests")
        cache = os.environ.get("KERNELSPEC_TEST_CACHE") or str(usual)
        script = Path(__file__).with_name("base_image.sh")
        command = [str(script), BASE_IMAGE, cache, engine.client]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return BASE_IMAGE


@pytest.fixture(scope="session")
def index_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """ipykernel and all it needs, the catalogue, and packages that do not import."""
    folder = tmp_path_factory.mktemp("index") / "wheels"
    shutil.copytree(indexes.kernel_wheels(os.environ), folder)
    real = {path.name.partition("-")[0].replace("_", "-") for path in folder.iterdir()}
    for one in (*CATALOGUE, *BROKEN):
        if one.project not in real:
            (folder / one.filename).write_bytes(one.content)
    with indexes.pypiserver(folder) as server:
        yield server.url


@pytest.fixture(scope="session")
def clean_engine(engine: Engine) -> Iterator[Engine]:
    """The engine, which afterwards has no container and no image of these tests any more."""
    yield engine
    engines.remove_containers(engine, TEST_LABEL)
    images = engine.ask("image", "ls", "--quiet", f"--filter=label={TEST_LABEL}").stdout.split()
    if images:
        engine.ask("image", "rm", "--force", *dict.fromkeys(images))


def generated(folder: Path, name: str, libs: Sequence[str], index_url: str) -> Kernel:
    """A new kernel, with its lock, whose image and containers carry the label of these tests."""
    wanted = [f"--lib={lib}" for lib in libs]
    words = ["--no-input", f"--output-dir={folder}", f"--kernel-name={name}", *wanted]
    made = kernelspec("new", *words, "--python=3.11")
    assert made.returncode == 0, made.stderr
    kernel = Kernel(
        folder=folder / name, index_url=index_url, policy=folder / "policy.json", work=folder / "w"
    )
    dockerfile = kernel.folder / "Dockerfile"
    begun, line, rest = dockerfile.read_text().partition("# ---- Your own lines: end")
    assert line
    dockerfile.write_text(f"{begun}LABEL kernelspec.test=1 {TEST_LABEL}\n{line}{rest}")
    requirements = kernel.folder / "requirements.json"
    value = json.loads(requirements.read_text())
    value["resources"] = {"memory": "512m", "pids": 200, "cpus": 1}
    requirements.write_text(json.dumps(value, indent=2))
    target = "/home/{login}/work"
    kernel.policy.write_text(
        json.dumps({"work_dir": {"source": str(kernel.work), "target": target}})
    )
    kernel.work.mkdir()
    linted = kernel.kernelspec("lint", str(kernel.folder), f"--index-url={index_url}")
    assert linted.returncode == 0, linted.stdout + linted.stderr
    return kernel


def built(kernel: Kernel) -> Kernel:
    """*kernel*, with its image."""
    words = ("build", str(kernel.folder), f"--index-url={kernel.index_url}", "--network=host")
    done = kernel.kernelspec(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{LOGIN}_{kernel.folder.name}:latest\n"
    return kernel


@pytest.fixture(scope="session")
def churn(
    tmp_path_factory: pytest.TempPathFactory, clean_engine: Engine, base_image: str, index_url: str
) -> Kernel:
    """A kernel that works, built."""
    folder = tmp_path_factory.mktemp("churn")
    return built(generated(folder, "churn", ["ipykernel", "alpha==1.1"], index_url))


@pytest.fixture(scope="session")
def broken(
    tmp_path_factory: pytest.TempPathFactory, clean_engine: Engine, base_image: str, index_url: str
) -> Kernel:
    """A kernel whose libraries do not import, built."""
    folder = tmp_path_factory.mktemp("broken")
    libs = ["ipykernel", "needs-libgl==1.0", "takes-all-down==1.0", "alpha==1.1"]
    return built(generated(folder, "broken", libs, index_url))
