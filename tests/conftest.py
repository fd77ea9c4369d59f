"""What several tests share: package indexes on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import package_index as indexes
from tests.catalogue import CATALOGUE

# How long an example takes is the machine's affair, and no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def package_index() -> Iterator[indexes.Server]:
    """The hand-made packages of the catalogue, on an index that says all that an index can say."""
    with indexes.serving(indexes.tree(CATALOGUE)) as server:
        yield server


@pytest.fixture(scope="session")
def case_index_url(package_index: indexes.Server) -> str:
    """What the cases of KS3xx run against."""
    return package_index.url


@pytest.fixture(scope="session")
def wheelhouse_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[indexes.Server]:
    """Real wheels of ipykernel and all it needs for Python 3.11, and the catalogue, on pypiserver.

    For tests that install and start a kernel. Mark them `network`: the wheels are downloaded once.
    """
    folder = tmp_path_factory.mktemp("wheelhouse") / "wheels"
    shutil.copytree(indexes.kernel_wheels(os.environ), folder)
    real = {path.name.partition("-")[0].replace("_", "-") for path in folder.iterdir()}
    for one in CATALOGUE:
        if one.project not in real:
            (folder / one.filename).write_bytes(one.content)
    with indexes.pypiserver(folder) as server:
        yield server
