"""Logins, users and image references."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelspec_lib import document
from kernelspec_lib import project as projects
from kernelspec_lib.errors import UsageError
from kernelspec_lib.kernels import identity
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Place


def a_project() -> KernelProject:
    text = b'{"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}'
    place = Place(requirements="requirements.json", folder=projects.Path(), whole=False)
    return projects.from_document(place, document.read(text))


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("anikishin", "anikishin"),
        ("Ada.LoveLace", "ada.lovelace"),
        ("a_b", "a_b"),
        ("a__b", "a__b"),
        ("a---b", "a---b"),
        ("7", "7"),
        ("x" * 100, "x" * 100),
    ],
)
def test_login_is_lower_cased(text: str, login: str) -> None:
    assert identity.login(text) == login


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "a-",
        ".a",
        "a..b",
        "a___b",
        "a b",
        "a/b",
        "é",
        "\u212a",
        "{x}",
        "a,b",
        "x" * 101,
    ],
)
def test_login_that_no_image_can_carry_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="accepted are ASCII letters and digits"):
        identity.login(text)


def test_user_is_two_numbers() -> None:
    assert identity.user("1000:100") == (1000, 100)


@pytest.mark.parametrize(
    "text", ["1000", "ada:users", "1:2:3", "-1:0", "4294967295:0", "1:2\n", ""]
)
def test_user_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="1000:1000"):
        identity.user(text)


@pytest.mark.parametrize(
    ("registry", "pattern", "expected"),
    [
        ("", "{registry}/{login}_{image_name}:{image_version}", "ada_churn:latest"),
        (
            "registry.example:5000/hub",
            "{registry}/{login}_{image_name}:{image_version}",
            "registry.example:5000/hub/ada_churn:latest",
        ),
        ("registry.example", "{registry}/k/{login}_{image_name}", "registry.example/k/ada_churn"),
        ("", "{login}_{image_name}:v-{image_version}", "ada_churn:v-latest"),
    ],
)
def test_image_reference_fills_the_pattern(registry: str, pattern: str, expected: str) -> None:
    policy = Policy(registry=registry, image=pattern)
    assert identity.image_reference(a_project(), policy, "ada") == expected


def test_image_reference_that_docker_would_refuse_is_refused() -> None:
    policy = Policy(registry="registry.example", image="{registry}//{login}_{image_name}")
    with pytest.raises(UsageError, match="is no image reference"):
        identity.image_reference(a_project(), policy, "ada")


def test_image_reference_of_a_name_too_long_is_refused() -> None:
    policy = Policy(registry="r.example/" + "x" * 240)
    with pytest.raises(UsageError, match="is no image reference"):
        identity.image_reference(a_project(), policy, "anikishin")


@pytest.mark.parametrize(
    "text",
    [
        "python:3.11-slim",
        "registry.example:5000/a/b__c@sha256:" + "0" * 64,
        "localhost/x:Tag_1",
        "a/b:t@sha256:" + "a" * 64,
    ],
)
def test_reference_is_taken(text: str) -> None:
    assert identity.reference(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "--privileged",
        "",
        "A",
        "a:",
        "a b",
        "a@sha256:0",
        "a:-t",
        "a\n",
        "a/",
        "/a",
        "a@",
        "x" * 256,
    ],
)
def test_reference_that_docker_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no image reference"):
        identity.reference(text)


_logins = st.from_regex(identity._LOGIN, fullmatch=True).filter(
    lambda text: len(text) <= identity.MAX_LOGIN
)
_names = st.from_regex(r"[a-z0-9]+([.-][a-z0-9]+)*", fullmatch=True).filter(
    lambda text: len(text) <= 64
)


@settings(deadline=None)
@given(login=_logins, name=_names)
def test_an_image_splits_at_its_last_underscore_one_way_only(login: str, name: str) -> None:
    project = dataclasses.replace(a_project(), image_name=name)
    reference = identity.image_reference(project, Policy(), login)
    assert reference.removesuffix(":latest").rpartition("_") == (login, "_", name)
