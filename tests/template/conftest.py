"""Fixtures of the template's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.template import support


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home for the programs of one test."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for what is generated."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository of the tracked template. Not to be changed: several tests share it."""
    folder = support.copy_of_the_template(tmp_path_factory.mktemp("template") / "kernels")
    support.commit(folder, tmp_path_factory.mktemp("home"))
    return folder
