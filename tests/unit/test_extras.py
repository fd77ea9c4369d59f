"""Extras that the chosen release does not have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kernelspec_lib.packages import resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.problems import UnknownExtra
from tests.package_index import sdist, serving, tree, wheel
from tests.projects import a_project

FILES = [
    wheel("frames", "1.0"),
    wheel("frames", "2.0"),
    wheel("connector", "1.0", extras={"arrow": []}),
    wheel("connector", "2.0", extras={"frames": ["frames<2"]}),
    wheel("built-connector", "1.0"),
    sdist("built-connector", "2.0", extras={"frames": ["frames<2"]}),
]


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


def told(environment: Mapping[str, str], *libs: str) -> UnknownExtra:
    with serving(tree(FILES)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(a_project(*libs), config, environment)
    assert isinstance(outcome, Lock), outcome
    (found,) = outcome.warnings
    assert isinstance(found, UnknownExtra)
    return found


@pytest.mark.parametrize("name", ["connector", "built-connector"])
def test_of_an_older_release_without_it_who_leaves_no_newer_one_is_told(
    environment: Mapping[str, str], name: str
) -> None:
    found = told(environment, f"{name}[frames]", "frames>=2")
    assert (str(found.version), str(found.newer)) == ("1.0", "2.0")
    assert [str(one.requirement) for one in found.held_by] == ["frames>=2"]


def test_of_an_extra_that_no_release_has_nobody_else_is_told(
    environment: Mapping[str, str],
) -> None:
    found = told(environment, "connector[frame]<2", "frames>=2")
    assert (found.newer, found.held_by, found.known) == (None, (), ("arrow",))
