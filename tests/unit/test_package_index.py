"""The tests' own indexes answer as indexes do."""

from __future__ import annotations

import hashlib

import pytest
import requests

from tests import package_index as indexes
from tests.catalogue import CATALOGUE


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a proxy of this machine has no business with loopback
    return session


def test_the_static_tree_says_requires_python_and_yanked(package_index: indexes.Server) -> None:
    headers = {"Accept": indexes.JSON_TYPE}
    with _session() as session:
        page = session.get(f"{package_index.url}/withdrawn/", headers=headers, timeout=10).json()
    assert [one["yanked"] for one in page["files"]] == [False, "it deletes your files"]


@pytest.mark.network
def test_the_wheelhouse_serves_the_real_ipykernel(wheelhouse_index: indexes.Server) -> None:
    with _session() as session:
        page = session.get(f"{wheelhouse_index.url}/ipykernel/", timeout=10).text
        href = page.split('href="')[1].split('"')[0]
        base = wheelhouse_index.url.rsplit("/", 1)[0]
        content = session.get(base + href, timeout=10).content
    path, _, digest = href.partition("#sha256=")
    assert path.endswith(".whl")
    assert len(content) > 50_000
    assert hashlib.sha256(content).hexdigest() == digest


def test_archives_made_twice_are_equal() -> None:
    again = indexes.wheel("alpha", "1.0")
    assert again.content == next(one.content for one in CATALOGUE if one.project == "alpha")
