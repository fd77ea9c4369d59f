"""A lock is a promise: pip of the very Python installs it, and finds nothing missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernelspec_lib import policy as policies
from kernelspec_lib.packages import binaries, index
from tests.sets.product import SETS, resolve

pytestmark = pytest.mark.network

SAMPLE = {
    "marker-python-version": "",
    "old-python": "21.0.1",
    "spelled-names": "",
    "extra-unknown": "",
    "compatible-release": "",
    "pastaq": "",
    "arbitrary-equality": "20.2.4",
    "newest-python": "",
    "malformed-passed-over": "24.1.2",
}
"""Sets that resolve, and the pip that installs them; empty: the one that the Python brings."""
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def interpreter(python_version: str) -> str:
    """A Python of this machine. Skips where there is none; the one that runs is always there.

    $KERNELSPEC_TEST_PYTHONS names folders to look in besides PATH, and pyenv is asked for its own.
    """
    if python_version == RUNNING:
        return sys.executable
    places = os.environ.get("KERNELSPEC_TEST_PYTHONS", "").split(os.pathsep)
    if pyenv := shutil.which("pyenv"):
        told = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True)
        root = Path(told.stdout.strip(), "versions")
        places += [str(folder) for folder in root.glob(f"{python_version}.*/bin")]
    path = os.pathsep.join([*filter(None, places), os.environ.get("PATH", os.defpath)])
    command = [binaries.find(os.environ), "python", "find", python_version]
    command += ["--no-python-downloads", "--no-config", "--no-project", "--system"]
    seen = os.environ | {"PATH": path}
    found = subprocess.run(command, env=seen, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"there is no Python {python_version} here to install for")
    return found.stdout.strip()


def pip(environment: Path, *words: str) -> str:
    """What pip of *environment* says; it must succeed."""
    command = [str(environment / "bin" / "python"), "-m", "pip", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pythons_that_kernels_mostly_have_are_in_the_sample() -> None:
    pythons = {SETS[name]["python_version"] for name in SAMPLE}
    assert {"3.8", "3.9", "3.12", "3.13"} <= pythons


@pytest.mark.parametrize("name", SAMPLE)
def test_the_lock_installs_in_a_clean_environment_and_nothing_is_missing(
    name: str, tmp_path: Path
) -> None:
    one = SETS[name]
    python = interpreter(one["python_version"])
    config = index.configure(None, policies.load(None), os.environ)
    verdict = resolve(one, tmp_path / name, config, tmp_path / "cache")
    assert verdict.lock is not None, verdict.told
    environment = tmp_path / "environment"
    subprocess.run([python, "-m", "venv", str(environment)], check=True)
    if SAMPLE[name]:
        pip(environment, "install", "--quiet", f"pip=={SAMPLE[name]}")
        assert f"pip {SAMPLE[name]} " in pip(environment, "--version")
    # Without a cache, so that every file is weighed against its digest as it comes in.
    options = ["--no-deps", "--require-hashes", "--no-cache-dir", "--only-binary", ":all:"]
    where = ["--index-url", config.url, "-r", str(verdict.lock)]
    pip(environment, "install", "--quiet", *options, *where)
    assert "No broken requirements found." in pip(environment, "check")
