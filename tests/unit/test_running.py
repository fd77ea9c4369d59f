"""What build and try ask of a kernel before they begin."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kernelspec_lib import policy as policies
from kernelspec_lib import project as projects
from kernelspec_lib.cli import running
from kernelspec_lib.cli.common import Rejected
from kernelspec_lib.packages import lock
from kernelspec_lib.packages.lock import Lock, LockedPackage
from kernelspec_lib.policy import Policy

KERNEL = {
    "kernel_name": "churn",
    "python_version": "3.11",
    "base_image": "registry.example/base:1",
    "libs": ["ipykernel"],
}
OWN = policies.from_value(
    {"images": [{"pattern": "registry.example/*", "glibc": "2.31", "python": "3.11.9"}]}
)


def locked_for(folder: Path, policy: Policy) -> None:
    """A kernel in *folder*, and the lock that resolving it under *policy* would sign."""
    (folder / "requirements.json").write_text(json.dumps(KERNEL))
    (folder / "Dockerfile").write_text("FROM registry.example/base:1\n")
    place = projects.locate(str(folder))
    project = projects.from_document(place, projects.load(place))
    signed = lock.fingerprint(project, policy.images)
    one = LockedPackage(
        name="ipykernel", version="7.4.0", hashes=(f"sha256:{'0' * 64}",), asked_by=("ipykernel",)
    )
    lock.write(
        Lock(python_version="3.11", fingerprint=signed, packages=(one,)),
        folder / "requirements.lock",
    )


def test_a_lock_is_held_against_what_the_policy_says_of_the_sites_images(tmp_path: Path) -> None:
    locked_for(tmp_path, OWN)
    project, _ = running.locked_project(str(tmp_path), OWN, to_build=False)
    assert project.kernel_name == "churn"
    with pytest.raises(Rejected, match="KS310"):
        running.locked_project(str(tmp_path), Policy(), to_build=False)


def test_a_kernel_without_a_lock_is_rejected_and_told_how_to_get_one(tmp_path: Path) -> None:
    locked_for(tmp_path, Policy())
    (tmp_path / "requirements.lock").unlink()
    with pytest.raises(Rejected, match="run `kernelspec resolve`"):
        running.locked_project(str(tmp_path), Policy(), to_build=False)


def seen(script: str, tmp_path: Path, **environment: str) -> str:
    """What a terminal of 80 columns shows last of *script*, which has `progress`."""
    code = (
        "import sys, time\n"
        "from kernelspec_lib.cli import running\n"
        "with running.progress('building a-kernel-with-a-long-name') as progress:\n"
        f"    {script}\n"
    )
    told = tmp_path / "told"
    command = [sys.executable, "-c", code]
    own = {"PATH": os.environ["PATH"], "COLUMNS": "80", "TERM": "xterm", **environment}
    read, write = pty.openpty()
    done = subprocess.run(command, stderr=write, stdin=subprocess.DEVNULL, env=own, check=True)
    assert done.returncode == 0
    os.close(write)
    with told.open("wb") as file, contextlib.suppress(OSError):
        while piece := os.read(read, 4096):
            file.write(piece)
    os.close(read)
    return told.read_text()


def test_a_terminal_shows_one_line_with_the_seconds_and_never_a_second_one(tmp_path: Path) -> None:
    told = seen("progress.step('4/5  ' + 'x' * 200); time.sleep(0.3)", tmp_path)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told).replace("\r", "\n").splitlines()
    lines = [line for line in last if "building a-kernel" in line]
    assert any(re.search(r"name  \d+ s  4/5  x+…", line) for line in lines)
    assert max(map(len, last)) <= 80


def test_in_ci_each_line_is_told_as_it_is(tmp_path: Path) -> None:
    told = seen("progress.step('#9 1.0 x'); assert not progress.watched", tmp_path, CI="true")
    assert told.replace("\r", "") == "#9 1.0 x\n"
