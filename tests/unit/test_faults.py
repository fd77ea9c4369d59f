"""What goes wrong on the way to an index: cause and remedy, and how much of the index it takes."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import faults
from kernelspec_lib.packages.index import IndexConfig, open_index, pages_of
from kernelspec_lib.packages.transport import Patience
from tests.package_index import Answer, serving, tree, wheel

TODAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALPHA, BETA = wheel("alpha", "1.0"), wheel("beta", "1.0")
QUICK = Patience(connect=1, read=0.3, pause=0)


def of(status: int, *, proxied: bool = False, known: bool = False, **headers: str) -> faults.Fault:
    named = {name.replace("_", "-").lower(): text for name, text in headers.items()}
    fault = faults.of_status(status, named, proxied=proxied, known=known, today=TODAY)
    assert fault is not None
    return fault


def test_answers_are_no_faults() -> None:
    for status in (200, 404, 410):
        told = faults.of_status(status, {}, proxied=False, known=False, today=TODAY)
        assert told is None


def test_a_login_that_is_missing_or_wrong() -> None:
    assert of(401).reason == "it wants a login (401)"
    assert of(401, known=True).reason == "it refuses this login (401)"
    assert of(401).whole


def test_403_is_of_a_page_or_of_the_proxy() -> None:
    """An index forbids a page; a proxy forbids a host."""
    page = of(403)
    assert (page.reason, page.whole) == ("it forbids the access (403)", False)
    assert "your login may lack a right" in page.remedy
    perhaps = of(403, proxied=True)
    assert (perhaps.reason, perhaps.whole) == (
        "it, or the proxy before it, forbids the access (403)",
        False,
    )
    squid = of(403, proxied=True, X_Squid_Error="ERR_ACCESS_DENIED 0")
    assert squid.reason == "the proxy forbids the way to it (ERR_ACCESS_DENIED)"
    assert squid.whole
    assert "$NO_PROXY" in squid.remedy


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("ERR_DNS_FAIL 0", "the proxy does not know its host"),
        ("ERR_CONNECT_FAIL 111", "the proxy cannot connect to it"),
        ("ERR_READ_TIMEOUT 0", "the proxy gets no answer from it in time"),
        ("ERR_ODD 7", "the proxy answers with status 503"),
    ],
)
def test_squid_says_what_it_could_not_do(error: str, cause: str) -> None:
    fault = of(503, proxied=True, X_Squid_Error=error)
    assert fault.reason == f"{cause} ({error.split()[0]})"
    assert fault.passing


@pytest.mark.parametrize(
    ("told", "pause"),
    [
        ("7", 7),
        ("Tue, 24 Nov 2026 12:00:09 GMT", 9),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("9" * 400, 9_999_999_999),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(told: str, pause: float | None) -> None:
    assert of(429, Retry_After=told).pause == pause


def is_told(config: IndexConfig, cause: str) -> None:
    with open_index(config, QUICK) as index, pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert cause in str(caught.value)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_gets_no_answer(status: int) -> None:
    with serving(lambda *_: Answer(status=status)) as proxy:
        address = proxy.url.removesuffix("/simple")
        config = IndexConfig(
            url="http://index.invalid/simple", origin="", proxies={"http": address}
        )
        is_told(config, f"status {status}")
    assert len(proxy.requests) == QUICK.tries


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "the proxy refuses with status 407",
        ),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy refuses with status 403"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy gets no answer from it (status 502)"),
        (b"HTTP/1.1 504 Gateway Timeout\r\n\r\n", "the proxy gets no answer from it (status 504)"),
        (b"SSH-2.0-OpenSSH\r\n", "the connection broke off"),
        (b"", "the connection broke off"),
    ],
)
def test_a_tunnel_that_is_not_dug(answer: bytes, cause: str) -> None:
    with _answering(answer) as address:
        config = IndexConfig(
            url="https://index.invalid/simple", origin="", proxies={"https": address}
        )
        is_told(config, cause)


def test_a_proxy_that_is_silent() -> None:
    for scheme in ("http", "https"):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            config = IndexConfig(
                url=f"{scheme}://index.invalid/simple", origin="", proxies={scheme: address}
            )
            is_told(config, "does not answer")


@contextmanager
def _answering(answer: bytes) -> Any:
    """The URL of a proxy that says *answer* to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    peer, _ = door.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(answer)

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)


def test_an_address_of_ipv6_that_is_dead_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = socket.getaddrinfo

    def both(host: str, port: int, *args: Any, **named: Any) -> list[Any]:
        if host != "index.test":
            return usual(host, port, *args, **named)
        dead = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [dead, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with serving(tree([ALPHA])) as server:
        url = server.url.replace("127.0.0.1", "index.test")
        with open_index(IndexConfig(url=url, origin=""), QUICK) as index:
            assert index.page("alpha") is not None


def test_a_page_that_is_forbidden_hides_no_other() -> None:
    inner = tree([ALPHA, BETA])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        return Answer(status=403) if "beta" in path else inner(path, headers)

    with (
        serving(respond) as server,
        open_index(IndexConfig(url=server.url, origin=""), QUICK) as index,
    ):
        found, trouble = pages_of(index, ["alpha", "beta"])
    assert found["alpha"] is not None
    assert trouble is not None
    assert trouble.unseen == ("beta",)
    assert "it forbids the access (403); not checked: beta; ask who looks after it" in str(trouble)


def test_a_host_that_the_proxy_forbids_is_asked_once() -> None:
    def respond(*_: object) -> Answer:
        return Answer(status=403, headers={"X-Squid-Error": "ERR_ACCESS_DENIED 0"})

    with serving(respond) as proxy:
        address = proxy.url.removesuffix("/simple")
        config = IndexConfig(
            url="http://index.invalid/simple", origin="", proxies={"http": address}
        )
        with open_index(config, QUICK) as index:
            index_trouble = pages_of(index, ["alpha"])[1]
            again = pages_of(index, [f"lib{number}" for number in range(50)])[1]
    assert index_trouble is not None
    assert str(index_trouble) == str(again)
    assert len(proxy.requests) == 1
