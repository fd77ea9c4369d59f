"""A kernel against the rules of its site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelspec_lib import policy as policies
from kernelspec_lib.checks import site
from kernelspec_lib.packages.lock import Lock, LockedPackage
from tests.projects import a_project


def locked(*packages: tuple[str, str, str]) -> Lock:
    return Lock(
        python_version="3.11",
        fingerprint="sha256:" + "0" * 64,
        packages=tuple(
            LockedPackage(name=name, version=version, hashes=(), asked_by=(by,))
            for name, version, by in packages
        ),
    )


@pytest.mark.parametrize(
    ("lib", "denied", "found"),
    [
        ("alpha", "alpha", True),
        ("alpha-extra", "alpha", False),
        ("ALPHA>=3", "alpha", True),
        ("alpha==1.5", "alpha<2", True),
        ("alpha===1.5", "alpha<2", True),
        ("alpha==2.0", "alpha<2", False),
        ("alpha==2.0rc1", "alpha<2.1", True),
        # Which release these give, only the lock can tell.
        ("alpha<2", "alpha<2", False),
        ("alpha==1.*", "alpha<2", False),
        ("beta", "alpha", False),
    ],
)
def test_a_line_is_denied_where_its_name_or_its_pin_is(lib: str, denied: str, found: bool) -> None:
    policy = policies.from_value({"libs": {"denied": [denied]}})
    codes = [one.code for one in site.check(a_project(lib), policy)]
    assert codes == (["KS202"] if found else [])


def test_a_denied_release_in_the_lock_is_told_at_the_line_that_brings_it() -> None:
    policy = policies.from_value(
        {"libs": {"denied": [{"requirement": "common==1.0", "reason": "it deletes files"}]}}
    )
    project = a_project("alpha", "left")
    lock = locked(("alpha", "1.0", "alpha"), ("left", "1.0", "left"), ("common", "1.0", "via left"))
    (found,) = site.check_lock(project, lock, policy)
    own = next(lib for lib in project.libs if lib.name == "left")
    assert (found.code, found.pointer) == ("KS202", own.pointer)
    assert found.message == "this site forbids common 1.0: it deletes files"
    assert found.hint.startswith("left needs it;")


def test_what_no_line_of_today_asks_for_is_told_at_the_libs() -> None:
    """A lock that was made for other lines."""
    policy = policies.from_value({"libs": {"denied": ["common"]}})
    (found,) = site.check_lock(a_project("alpha"), locked(("common", "1.0", "via gone")), policy)
    assert (found.code, found.pointer) == ("KS202", "/libs")
    assert found.hint == "take another release"


def test_what_the_pin_was_told_for_is_not_told_of_the_lock_again() -> None:
    policy = policies.from_value({"libs": {"denied": ["alpha"]}})
    project = a_project("alpha")
    assert len(list(site.check(project, policy))) == 1
    assert list(site.check_lock(project, locked(("alpha", "1.0", "alpha")), policy)) == []


def test_the_built_in_policy_has_nothing_to_say() -> None:
    project = a_project("alpha==1.0")
    assert list(site.check(project, policies.Policy())) == []
    assert list(site.check_lock(project, locked(("alpha", "1.0", "a")), policies.Policy())) == []


def test_validate_obeys_the_policy_and_an_enforced_warning_cannot_be_silenced(
    tmp_path: Path,
) -> None:
    (tmp_path / "policy.json").write_text(json.dumps({"enforced": ["KS305"]}))
    (tmp_path / "requirements.json").write_text(
        '{"kernel_name": "k", "python_version": "3.11", "libs": ["ipykernel"],\n'
        ' "ignore": {"KS305": "we know"}}\n'
    )
    command = [sys.executable, "-m", "kernelspec_lib", "validate", "requirements.json", "-ojson"]
    done = subprocess.run(
        [*command, "--policy", "policy.json"], cwd=tmp_path, capture_output=True, text=True
    )
    (told,) = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert (told["code"], told["line"], told["column"]) == ("KS207", 2, 13)


WIDENED = {
    "base_images": ["python:*"],
    "resources": {"maximum": {"memory": "8g", "gpus": 0}},
    "groups": {
        "learners": {
            "members": ["ada"],
            "base_images": ["registry.example/cuda/*"],
            "resources": {"maximum": {"memory": "4096m", "gpus": 2, "cpus": 1}},
        }
    },
}


@pytest.mark.parametrize(
    ("login", "keys", "codes"),
    [
        ("ada", {"base_image": "registry.example/cuda/12:1"}, []),
        ("bob", {"base_image": "registry.example/cuda/12:1"}, ["KS201"]),
        (None, {"base_image": "registry.example/cuda/12:1"}, ["KS201"]),
        ("ada", {"resources": {"gpus": 2}}, []),
        ("ada", {"resources": {"gpus": "all"}}, ["KS205"]),
        ("bob", {"resources": {"gpus": 1}}, ["KS205"]),
        # A group widens, and takes nothing away; what nobody bounds stays without bound.
        ("ada", {"resources": {"memory": "8g", "cpus": 64}}, []),
        ("ada", {"resources": {"memory": "9g"}}, ["KS205"]),
    ],
)
def test_a_group_widens_what_its_members_may_have(
    login: str | None, keys: dict[str, object], codes: list[str]
) -> None:
    policy = policies.from_value(WIDENED)
    assert [one.code for one in site.check(a_project("alpha", **keys), policy, login)] == codes


def test_the_login_of_the_pipeline_counts_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(json.dumps({"production": {"logins": ["ada"]}}))
    (tmp_path / "requirements.json").write_text(
        '{"kernel_name": "k", "python_version": "3.11", "libs": ["ipykernel==7.4.0"],\n'
        ' "image_version": "1.0", "stage": "production"}\n'
    )
    command = [sys.executable, "-m", "kernelspec_lib", "validate", "requirements.json"]
    codes = [
        subprocess.run(
            [*command, "--policy", "policy.json"],
            cwd=tmp_path,
            env={**os.environ, "GITLAB_USER_LOGIN": login},
            capture_output=True,
        ).returncode
        for login in ("Ada", "Bob", "")
    ]
    assert codes == [0, 1, 0]
