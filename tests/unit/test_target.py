"""The target is the image's Python, never the one that runs the tests."""

from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.tags import Tag

from kernelspec_lib.packages import target
from tests.projects import a_project


@pytest.mark.parametrize(
    ("python_version", "base_image", "glibc"),
    [
        ("3.8", None, (2, 36)),
        ("3.9", None, (2, 41)),
        ("3.13", "docker.io/library/python:3.13-slim", (2, 41)),
        ("3.11", "python:3.11-slim-bookworm", (2, 36)),
        ("3.11", "python:3.11.9-slim-bullseye@sha256:" + "a" * 64, (2, 31)),
        ("3.11", "python:3.11-alpine", target.SAFE_GLIBC),
        ("3.11", "registry.example/team/python:3.11-slim", target.SAFE_GLIBC),
    ],
)
def test_glibc_of_base_image(
    python_version: str, base_image: str | None, glibc: tuple[int, int]
) -> None:
    keys = {"base_image": base_image} if base_image else {}
    assert target.of(a_project("ipykernel", python_version=python_version, **keys)).glibc == glibc


def test_patch_is_the_newest_known() -> None:
    assert target.of(a_project("ipykernel", python_version="3.8")).python_full_version == "3.8.20"


def test_patch_that_the_image_names_is_taken() -> None:
    project = a_project("ipykernel", base_image="python:3.11.4-slim-bookworm")
    assert target.of(project).python_full_version == "3.11.4"


def test_tags_are_those_of_the_target() -> None:
    tags = target.of(a_project("ipykernel", python_version="3.8")).tags
    assert Tag("cp38", "cp38", "manylinux_2_36_x86_64") in tags
    assert Tag("cp36", "abi3", "manylinux1_x86_64") in tags
    assert Tag("py3", "none", "any") in tags
    assert Tag("cp38", "cp38", "manylinux_2_37_x86_64") not in tags
    assert Tag("cp311", "cp311", "manylinux_2_17_x86_64") not in tags


def test_abi_of_old_pythons_has_its_letter() -> None:
    tags = target.of(a_project("ipykernel", python_version="3.7")).tags
    assert Tag("cp37", "cp37m", "manylinux2014_x86_64") in tags


def test_markers_are_held_against_the_target() -> None:
    environment = dict(target.of(a_project("ipykernel", python_version="3.13")).marker_environment)
    assert Marker("python_version >= '3.13' and sys_platform == 'linux'").evaluate(environment)
    assert not Marker("platform_machine == 'arm64' or os_name == 'nt'").evaluate(environment)
