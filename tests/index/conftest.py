"""One site and one proxy for all tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogue import CATALOGUE
from tests.index import devpi as devpis
from tests.index import parts


@pytest.fixture(scope="session")
def site() -> Iterator[parts.Site]:
    """nginx with the catalogue."""
    temporary = tempfile.TemporaryDirectory(prefix="kernelspec-site-")
    with temporary as folder, parts.site(CATALOGUE, Path(folder)) as running:
        yield running


@pytest.fixture(scope="session")
def devpi() -> Iterator[str]:
    """devpi with the catalogue: the URL of its index."""
    temporary = tempfile.TemporaryDirectory(prefix="kernelspec-devpi-")
    with temporary as folder, devpis.serving(CATALOGUE, Path(folder)) as url:
        yield url


@pytest.fixture(scope="session")
def proxy(site: parts.Site) -> Iterator[parts.Proxy]:
    """squid, which lets nothing through but the site's index."""
    temporary = tempfile.TemporaryDirectory(prefix="kernelspec-squid-")
    with temporary as folder, parts.squid(site, Path(folder)) as running:
        yield running
