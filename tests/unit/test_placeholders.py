"""Packages that are there to say that another one was meant: some releases of them are built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.version import Version

from kernelspec_lib.checks import pins
from kernelspec_lib.packages import names, resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.resolver import Unresolved
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project

FILES = [
    wheel("ipykernel", "7.0"),
    wheel("scikit-learn", "1.5"),
    wheel("asking", "1.0", requires=["sklearn"]),
    wheel("over-pytorch", "1.0", requires=["pytorch"]),
    sdist("pytorch", "1.0.2"),
    sdist("sklearn", "0.0", requires=["scikit-learn"]),
    sdist("sklearn", "0.0.post12"),
]


def told(tmp_path: Path, *libs: str) -> tuple[Mapping[str, str], list[tuple[str, str, str]]]:
    """What is locked, and code, line and hint of all that is said."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    project = a_project("ipykernel", *libs)
    with serving(tree(FILES)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome: Lock | Unresolved = resolver.resolve(project, config, environment)
    found = [
        (one.code, (project.libs[int(one.pointer.rpartition("/")[2])].name), one.hint)
        for one in pins.check(project, outcome)
    ]
    packages = outcome.packages if isinstance(outcome, Lock) else ()
    return {one.name: one.version for one in packages if one.name != "ipykernel"}, found


@pytest.mark.parametrize(
    ("name", "version", "refuses"),
    [
        ("sklearn", "0.0", False),
        ("sklearn", "0.0.post1", True),
        ("pytorch", "1.0.2", True),
        ("numpy", "0.0", False),
    ],
)
def test_which_releases_refuse_to_be_built(name: str, version: str, refuses: bool) -> None:
    assert names.refuses(name, Version(version)) is refuses


def test_the_release_that_only_needs_the_one_meant_is_built(tmp_path: Path) -> None:
    """A "sklearn==0.0" stands in many a list that `pip freeze` wrote, and pip installs it."""
    versions, found = told(tmp_path, "sklearn==0.0")
    assert versions == {"scikit-learn": "1.5", "sklearn": "0.0"}
    assert found == [("KS305", "sklearn", "write scikit-learn: sklearn is an empty package")]
    _, found = told(tmp_path, "sklearn==0.0", "scikit-learn")
    assert [hint for *_, hint in found] == [
        "take this line out: scikit-learn is among the libs already"
    ]


@pytest.mark.parametrize("line", ["sklearn", "sklearn==0.0.post12", "pytorch"])
def test_those_that_refuse_to_be_built_are_errors(tmp_path: Path, line: str) -> None:
    versions, found = told(tmp_path, line)
    assert versions == {}
    assert [(code, name) for code, name, _ in found] == [("KS302", line.partition("=")[0])]


def test_a_library_that_needs_one_gets_a_release_that_is_built(tmp_path: Path) -> None:
    versions, found = told(tmp_path, "asking")
    assert versions == {"asking": "1.0", "scikit-learn": "1.5", "sklearn": "0.0"}
    assert [(code, name) for code, name, _ in found] == [("KS305", "asking")]


def test_a_library_that_needs_one_that_is_never_built_is_an_error(tmp_path: Path) -> None:
    versions, found = told(tmp_path, "over-pytorch")
    assert versions == {}
    assert [(code, name) for code, name, _ in found] == [("KS309", "over-pytorch")]


def test_of_a_number_that_it_never_had_the_one_meant_is_told(tmp_path: Path) -> None:
    _, found = told(tmp_path, "sklearn==9.9")
    assert found == [("KS301", "sklearn", "write scikit-learn: sklearn is an empty package")]
    _, found = told(tmp_path, "sklearn==9.9", "scikit-learn")
    (code, name, hint), *_ = found
    assert (code, name) == ("KS301", "sklearn")
    assert hint == "take this line out: scikit-learn is among the libs already"
