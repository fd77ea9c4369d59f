"""What build and try ask of a kernel before they begin."""

from __future__ import annotations

import json
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
