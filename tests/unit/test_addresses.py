"""Where the index is: looked up once for all connections, and tried address by address."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages.index import IndexConfig, open_index, pages_of
from kernelspec_lib.packages.transport import Patience
from tests.package_index import Server, serving, tree, wheel

NAMES = [f"lib{number}" for number in range(20)]
HURRIED = Patience(connect=5, read=5, tries=1)


class NameServer:
    """What a name stands for, and how often it was asked."""

    def __init__(self, addresses: Sequence[str], port: int) -> None:
        self.asked: list[object] = []
        self.usual = socket.getaddrinfo
        self.found = [
            (family, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
            for family in [socket.AF_INET6 if ":" in address else socket.AF_INET]
        ]

    def __call__(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != "index.test":
            return self.usual(host, port, *args, **options)
        self.asked.append(host)
        if not self.found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.found


def named(server: Server) -> IndexConfig:
    return IndexConfig(url=server.url.replace("127.0.0.1", "index.test"), origin="--index-url")


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["127.0.0.2", "::1", "127.0.0.1"]],
    ids=["one", "others before it, where nobody listens"],
)
def test_a_host_is_looked_up_once(
    addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tree([wheel(name, "1.0") for name in NAMES])) as server:
        asked = NameServer(addresses, int(server.url.split(":")[2].partition("/")[0]))
        monkeypatch.setattr(socket, "getaddrinfo", asked)
        with open_index(named(server), HURRIED) as index:
            pages, trouble = pages_of(index, NAMES)
    assert trouble is None
    assert all(pages.values())
    assert len(pages) == len(NAMES)
    assert len(asked.asked) == 1


def test_a_host_that_nobody_knows_is_the_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tree([])) as server:
        monkeypatch.setattr(socket, "getaddrinfo", NameServer([], 1))
        with open_index(named(server), HURRIED) as index, pytest.raises(IndexUnreachable) as told:
            index.page("alpha")
    assert "index.test" in str(told.value)
    assert told.value.reason == "its host is not known"


def test_where_nobody_listens_the_last_address_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(socket, "getaddrinfo", NameServer(["127.0.0.2", "127.0.0.1"], port))
    config = IndexConfig(url=f"http://index.test:{port}/simple", origin="--index-url")
    with open_index(config, HURRIED) as index, pytest.raises(IndexUnreachable) as told:
        index.page("alpha")
    assert "refuse" in told.value.reason
