"""The target is the image's Python, never the one that runs the tests."""

from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.tags import Tag

from kernelspec_lib.packages import target
from kernelspec_lib.policy import OwnImage
from tests.projects import a_project


@pytest.mark.parametrize(
    ("python_version", "base_image", "glibc"),
    [
        ("3.8", None, (2, 36)),
        ("3.9", None, (2, 41)),
        ("3.13", "docker.io/library/python:3.13-slim", (2, 41)),
        ("3.11", "python:3.11-slim-bookworm", (2, 36)),
        ("3.11", "python:3.11.9-slim-bullseye@sha256:" + "a" * 64, (2, 31)),
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


def test_alpine_has_a_c_library_of_its_own() -> None:
    aimed = target.of(a_project("ipykernel", base_image="python:3.11.9-alpine3.20"))
    assert (aimed.platform, aimed.python_full_version) == ("musllinux_1_2_x86_64", "3.11.9")
    assert Tag("cp311", "cp311", "musllinux_1_1_x86_64") in aimed.tags
    assert not any("manylinux" in tag.platform for tag in aimed.tags)


def test_policy_tells_what_the_site_s_images_hold() -> None:
    images = (
        OwnImage(pattern="registry.example/base/py312*", python="3.12.4", glibc=(2, 17)),
        OwnImage(pattern="registry.example/base/*", glibc=(2, 31), machine="aarch64"),
    )
    project = a_project("ipykernel", base_image="registry.example/base/py312-and-311:7")
    aimed = target.of(project, images)
    assert (aimed.glibc, aimed.machine) == ((2, 31), "aarch64")
    assert aimed.python_full_version.startswith("3.11.")
    newer = a_project("ipykernel", base_image=project.base_image, python_version="3.12")
    assert target.of(newer, images).python_full_version == "3.12.4"
    other = a_project("ipykernel", base_image="registry.example/other:1")
    assert target.of(other, images).glibc == target.SAFE_GLIBC


def test_tags_of_an_arm_image_are_its_own() -> None:
    aimed = target.Target(
        python_version="3.11", python_full_version="3.11.9", glibc=(2, 31), machine="aarch64"
    )
    assert Tag("cp311", "cp311", "manylinux2014_aarch64") in aimed.tags
    assert not any("x86_64" in tag.platform for tag in aimed.tags)


def test_tags_are_ranked_as_pip_likes_them() -> None:
    tags = target.of(a_project("ipykernel")).tags
    own, stable, any_ = (
        tags[Tag("cp311", "cp311", "manylinux_2_17_x86_64")],
        tags[Tag("cp38", "abi3", "manylinux_2_17_x86_64")],
        tags[Tag("py3", "none", "any")],
    )
    assert own < stable < any_
