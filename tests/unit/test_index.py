"""The index as it is configured, as it answers, and as it fails."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable, UsageError
from kernelspec_lib.packages import transport
from kernelspec_lib.packages.index import Index, IndexConfig, configure, open_index, pages_of
from kernelspec_lib.packages.target import Target
from kernelspec_lib.packages.transport import Patience
from kernelspec_lib.policy import Policy
from tests.package_index import HTML_TYPE, JSON_TYPE, Answer, Respond, Server, serving, tree, wheel

TARGET = Target(python_version="3.11", python_full_version="3.11.14")
ALPHA = wheel("alpha", "1.0", requires_python=">=3.8", yanked="it is broken")


class Clock:
    """A time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time

    @property
    def patience(self) -> Patience:
        return Patience(connect=2, read=0.3, largest=1_000_000, sleep=self.sleep, now=self.now)


@contextmanager
def opened(respond: Respond, clock: Clock | None = None) -> Iterator[tuple[Index, Server]]:
    with serving(respond) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        with open_index(config, (clock or Clock()).patience) as index:
            yield index, server


# -- what it answers


@pytest.mark.parametrize("html_only", [False, True])
def test_json_and_html_say_the_same(html_only: bool) -> None:
    with opened(tree([ALPHA], html_only=html_only)) as (index, server):
        page = index.page("alpha")
    assert page is not None
    (file,) = page.of(Version("1.0"))
    assert file.filename == "alpha-1.0-py3-none-any.whl"
    assert file.sha256 == ALPHA.sha256
    assert (file.requires_python, file.yanked) == (">=3.8", "it is broken")
    assert file.url == server.url.removesuffix("/simple") + "/files/alpha-1.0-py3-none-any.whl"
    assert file.installs(TARGET)


def test_404_is_an_unknown_package() -> None:
    with opened(tree([ALPHA])) as (index, _):
        assert index.page("omega") is None


def test_a_page_is_asked_for_once() -> None:
    with opened(tree([ALPHA])) as (index, server):
        assert index.page("alpha") is index.page("alpha")
    assert server.requests == ["/simple/alpha/"]


def test_junk_files_and_versions_are_left_out() -> None:
    rows = [
        {"filename": name, "url": "x", "hashes": {}}
        for name in ("alpha-1.0.exe", "alpha-2004d.tar.gz", "alpha-nonsense-py3-none-any.whl", "-")
    ]
    rows += [{"filename": "alpha-1.0.tar.gz", "url": "x", "hashes": {"sha256": "no digest"}}, 7]  # type: ignore[list-item]
    body = json.dumps({"files": rows}).encode()
    with opened(lambda *_: Answer(headers={"Content-Type": JSON_TYPE}, body=body)) as (index, _):
        page = index.page("alpha")
    assert page is not None
    assert [(str(version), files[0].sha256) for version, files in page.releases.items()] == [
        ("1.0", None)
    ]


def test_unreadable_requires_python_excludes_nobody() -> None:
    with opened(tree([wheel("alpha", "1.0", requires_python=">=3.6.*")])) as (index, _):
        page = index.page("alpha")
    assert page is not None
    assert page.newest_for(TARGET) == Version("1.0")


def test_an_empty_page_is_a_page() -> None:
    body = b"<!DOCTYPE html><html><head><title>Links for alpha</title></head></html>"
    with opened(lambda *_: Answer(headers={"Content-Type": HTML_TYPE}, body=body)) as (index, _):
        page = index.page("alpha")
    assert page is not None
    assert page.releases == {}


def test_redirect_to_another_place_of_the_index_is_followed() -> None:
    inner = tree([ALPHA])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        if path == "/simple/alpha/":
            return Answer(status=301, headers={"Location": "/moved/alpha/"})
        return inner(path.replace("/moved/", "/simple/"), headers)

    with opened(respond) as (index, _):
        assert index.page("alpha") is not None


def test_digest_that_the_page_does_not_tell_is_made_from_the_file() -> None:
    inner = tree([ALPHA], html_only=True)

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        answer = inner(path, headers)
        assert isinstance(answer.body, bytes)
        return replace(answer, body=answer.body.replace(b"#sha256=", b"#md5="))

    with opened(respond) as (index, _):
        page = index.page("alpha")
        assert page is not None
        (file,) = page.of(Version("1.0"))
        assert file.sha256 is None
        assert index.digest(file) == ALPHA.sha256


# -- how it fails: never as "no such package"


def always(status: int = 200, body: bytes = b"", **headers: str) -> Respond:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda *_: Answer(status=status, headers=named, body=body)


LOGIN = b"<html><head><title>Sign in</title></head><body><form><input type=password></form></html>"
WHOLE = json.dumps({"files": []}).encode()


@pytest.mark.parametrize(
    ("respond", "cause"),
    [
        pytest.param(always(401), "wants a login (401)", id="401"),
        pytest.param(always(403), "forbids the access (403)", id="403"),
        pytest.param(always(407), "the proxy wants a login (407)", id="407"),
        pytest.param(always(429, Retry_After="1"), "asked too often (429)", id="429"),
        pytest.param(always(500), "answers with status 500", id="500"),
        pytest.param(always(503), "answers with status 503", id="503"),
        pytest.param(always(204), "answers with status 204", id="204"),
        pytest.param(always(200, LOGIN, Content_Type="text/html"), "login page", id="login page"),
        pytest.param(always(200, WHOLE[:9], Content_Type=JSON_TYPE), "breaks off", id="half JSON"),
        pytest.param(
            always(200, b"[" * 100_000, Content_Type=JSON_TYPE), "breaks off", id="deep JSON"
        ),
        pytest.param(
            always(200, b'{"error": 1}', Content_Type=JSON_TYPE), "without a list", id="other JSON"
        ),
        pytest.param(always(200, b"\x00", Content_Type="image/png"), "neither HTML", id="picture"),
        pytest.param(
            always(200, WHOLE, Content_Type=JSON_TYPE, Content_Length="99"), "broke off", id="short"
        ),
        pytest.param(
            always(200, b"no gzip", Content_Type=JSON_TYPE, Content_Encoding="gzip"),
            "broke off",
            id="not gzip",
        ),
        pytest.param(always(302, Location="/simple/alpha/"), "without end", id="circle"),
        pytest.param(always(302, Location="file:///etc/passwd"), "no web page", id="to a file"),
    ],
)
def test_fault_is_the_index_s(respond: Respond, cause: str) -> None:
    with opened(respond) as (index, server), pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert cause in str(caught.value)
    assert server.url in str(caught.value)


def test_login_page_of_another_host_is_named() -> None:
    with serving(always(200, LOGIN, Content_Type="text/html")) as login:
        port = login.url.split(":")[2].split("/")[0]
        respond = always(302, Location=f"http://localhost:{port}/login")
        with opened(respond) as (index, _), pytest.raises(IndexUnreachable) as caught:
            index.page("alpha")
    assert "sent on to localhost, is no page of a package" in str(caught.value)


def test_an_endless_page_is_ended() -> None:
    endless = Answer(headers={"Content-Type": HTML_TYPE}, body=itertools.repeat(b"<a>" * 10_000))
    with opened(lambda *_: endless) as (index, _), pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert "a page without end" in str(caught.value)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * 20_000_000)
    respond = always(200, bomb, Content_Type=JSON_TYPE, Content_Encoding="gzip")
    with opened(respond) as (index, _), pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert "a page without end" in str(caught.value)


def test_a_page_in_drops_is_given_up() -> None:
    clock = Clock()

    def drops() -> Iterator[bytes]:
        while True:
            clock.time += 30
            yield b" " * 10

    slow = Answer(headers={"Content-Type": HTML_TYPE}, body=drops())
    with opened(lambda *_: slow, clock) as (index, _), pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert "too slowly" in str(caught.value)


def test_silence_is_a_time_out() -> None:
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        config = IndexConfig(url=f"http://127.0.0.1:{deaf.getsockname()[1]}/simple", origin="")
        with open_index(config, clock.patience) as index, pytest.raises(IndexUnreachable) as caught:
            index.page("alpha")
    assert "does not answer in time" in str(caught.value)
    assert clock.pauses == [0.5, 1.0]


def _refusing() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        ({"url": "http://{closed}/simple"}, "refuses the connection"),
        ({"url": "https://index.invalid/simple"}, "its host is not known"),
        (
            {"url": "http://index.invalid/simple", "proxies": {"http": "http://{closed}"}},
            "the proxy does not answer",
        ),
        ({"url": "https://{closed}/simple", "ca_bundle": "/nowhere/ca.pem"}, "CA certificates"),
    ],
)
def test_no_connection_is_told(config: dict[str, object], cause: str) -> None:
    closed = _refusing()
    filled = json.loads(json.dumps(config).replace("{closed}", closed))
    settings = IndexConfig(origin="", **filled)
    with open_index(settings, Clock().patience) as index, pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert cause in str(caught.value)


def test_plain_http_where_tls_is_asked() -> None:
    with serving(always(200)) as server:
        config = IndexConfig(url=server.url.replace("http:", "https:"), origin="")
        with open_index(config, Clock().patience) as index, pytest.raises(IndexUnreachable):
            index.page("alpha")


def test_proxy_that_refuses_the_tunnel() -> None:
    with serving(always(200)) as proxy:  # http.server knows no CONNECT, and answers 501
        address = proxy.url.removesuffix("/simple")
        config = IndexConfig(
            url="https://index.invalid/simple", origin="", proxies={"https": address}
        )
        with open_index(config, Clock().patience) as index, pytest.raises(IndexUnreachable) as e:
            index.page("alpha")
    assert "the proxy refuses with status 501" in str(e.value)


def test_retry_after_is_honoured_and_the_page_comes() -> None:
    clock = Clock()
    inner, first = tree([ALPHA]), iter([True])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        return (
            Answer(status=503, headers={"Retry-After": "7"})
            if next(first, False)
            else inner(path, headers)
        )

    with opened(respond, clock) as (index, _):
        assert index.page("alpha") is not None
    assert clock.pauses == [7.0]


def test_a_long_retry_after_is_not_waited_for() -> None:
    clock = Clock()
    with (
        opened(always(429, Retry_After="3600"), clock) as (index, server),
        pytest.raises(IndexUnreachable),
    ):
        index.page("alpha")
    assert clock.pauses == []
    assert len(server.requests) == 1


def test_an_index_that_is_down_is_not_asked_for_each_package() -> None:
    with opened(always(401)) as (index, server):
        found, trouble = pages_of(index, [f"lib{number}" for number in range(200)])
    assert found == {}
    assert isinstance(trouble, IndexUnreachable)
    assert len(server.requests) <= transport.CONNECTIONS


def test_probe_tells_a_wrong_path_from_an_index_without_the_package() -> None:
    with opened(tree([ALPHA])) as (index, _):
        index.probe()
    with (
        opened(always(404)) as (index, _),
        pytest.raises(IndexUnreachable, match="ends in /simple"),
    ):
        index.probe()


# -- credentials


def test_login_goes_to_the_index_alone_and_into_no_message() -> None:
    seen: list[tuple[str, str | None]] = []

    def other(path: str, headers: Mapping[str, str]) -> Answer:
        seen.append(("other", headers.get("Authorization")))
        return Answer(status=403)

    with serving(other) as elsewhere:
        port = elsewhere.url.split(":")[2].split("/")[0]

        def respond(path: str, headers: Mapping[str, str]) -> Answer:
            seen.append(("index", headers.get("Authorization")))
            return Answer(status=302, headers={"Location": f"http://localhost:{port}/x"})

        with serving(respond) as server:
            url = server.url.replace("http://", "http://ada:s3cret@")
            config = configure(url, Policy(), {"HOME": "/nonexistent"})
            opening = open_index(config, Clock().patience)
            with opening as index, pytest.raises(IndexUnreachable) as caught:
                index.page("alpha")
    assert seen == [("index", "Basic YWRhOnMzY3JldA=="), ("other", None)]
    assert "s3cret" not in str(caught.value) + repr(config)


def test_a_token_in_the_path_is_not_shown() -> None:
    token = "a1b2c3d4e5f6a1b2c3d4e5f6"
    config = configure(f"https://index.example/{token}/simple?key=1", Policy(), {})
    assert config.url == f"https://index.example/{token}/simple"
    assert config.shown == "https://index.example/…/simple"


# -- where it is


def test_who_names_the_index_first(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://e.example/simple\n")
    environment = {
        "PIP_INDEX_URL": "https://c.example/simple/",
        "UV_DEFAULT_INDEX": "site=https://d.example/simple",
        "PIP_CONFIG_FILE": str(file),
    }
    policy = Policy(index_url="https://b.example/simple")
    lenient = replace(policy, other_indexes=True)
    found = [configure("https://a.example/simple", lenient, environment)]
    found.append(configure(None, policy, environment))
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        found.append(configure(None, Policy(), environment))
        del environment[name]
    found.append(configure(None, Policy(), environment))
    assert [(one.url[8], one.origin) for one in found] == [
        ("a", "--index-url"),
        ("b", "the site policy"),
        ("c", "$PIP_INDEX_URL"),
        ("d", "$UV_DEFAULT_INDEX"),
        ("e", "pip's configuration"),
    ]
    assert all(one.url.endswith(".example/simple") for one in found)


def test_pip_s_own_index_is_taken_where_nobody_names_one() -> None:
    from pip._internal.models.index import PyPI

    config = configure(None, Policy(), {"PIP_CONFIG_FILE": "/dev/null"})
    assert (config.url, config.origin) == (PyPI.simple_url, "pip's default")


def test_uv_tells_the_same_default_where_pip_is_not() -> None:
    import os

    from pip._internal.models.index import PyPI

    from kernelspec_lib.packages import binaries

    assert binaries.default_index(os.environ) == PyPI.simple_url


def test_pip_s_user_file_beats_its_global_one(tmp_path: Path) -> None:
    for folder, host in (("xdg/pip", "global"), ("home/.config/pip", "user")):
        (tmp_path / folder).mkdir(parents=True)
        text = f"[global]\nindex_url = https://{host}.example/simple\ncert = /{host}.pem\n"
        (tmp_path / folder / "pip.conf").write_text(text)
    environment = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}
    config = configure(None, Policy(), environment)
    assert (config.url, config.ca_bundle) == ("https://user.example/simple", "/user.pem")


def test_ca_and_proxies_as_pip_reads_them() -> None:
    environment = {
        "PIP_INDEX_URL": "https://index.example/simple",
        "PIP_CERT": "/a.pem",
        "REQUESTS_CA_BUNDLE": "/b.pem",
        "https_proxy": "http://proxy.example:3128",
        "NO_PROXY": "localhost",
        "PIP_TRUSTED_HOST": "index.example other.example",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    config = configure(None, Policy(), environment)
    assert config.ca_bundle == "/a.pem"
    assert config.proxies == {"https": "http://proxy.example:3128"}
    assert (config.no_proxy, config.trusted) == ("localhost", True)


def test_netrc_has_the_login(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine index.example login ada password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)
    config = configure("https://index.example/simple", Policy(), {"HOME": str(tmp_path)})
    assert (config.username, config.password) == ("ada", "s3cret")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://index.example/simple",
        "index.example/simple",
        "https://",
        "https://a b/",
        "http://[::",
    ],
)
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        configure(url, Policy(), {})
    assert "--index-url is no http or https URL" in str(caught.value)


# -- how long it is tried, and by how many


def test_a_page_that_drips_within_every_time_out_is_ended() -> None:
    clock = Clock()

    def drips() -> Iterator[bytes]:
        while True:
            clock.time += 10
            yield b" "

    slow = Answer(headers={"Content-Type": HTML_TYPE}, body=drips())
    with opened(lambda *_: slow, clock) as (index, _), pytest.raises(IndexUnreachable) as caught:
        index.page("alpha")
    assert "too slowly" in str(caught.value)


@contextmanager
def raw(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that does with each connection what *talk* does, once it was asked."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = door.accept()
                    Thread(target=answer, args=[peer], daemon=True).start()

        def answer(peer: socket.socket) -> None:
            with peer, suppress(OSError):
                peer.recv(65536)
                talk(peer)

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/simple"
        door.shutdown(socket.SHUT_RDWR)


def test_headers_that_drip_are_ended() -> None:
    clock = Clock()

    def drips(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            clock.time += 10
            peer.sendall(b"X")
            time.sleep(0.001)

    with (
        raw(drips) as url,
        open_index(IndexConfig(url=url, origin=""), clock.patience) as index,
        pytest.raises(IndexUnreachable, match="it answers too slowly"),
    ):
        index.page("alpha")
    assert clock.pauses == []


def test_the_deadline_ends_a_wait_that_the_time_out_would_allow() -> None:
    patience = Patience(connect=2, read=60, whole=0.3)

    def silent(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        peer.recv(1)

    with (
        raw(silent) as url,
        open_index(IndexConfig(url=url, origin=""), patience) as index,
        pytest.raises(IndexUnreachable, match="it answers too slowly"),
    ):
        index.page("alpha")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", id="in the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Half", id="in the headers"),
        pytest.param(b"", id="before a word"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", id="200 headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"1" * 99999 + b"\r\n\r\n", id="long header"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", id="half a chunk"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk"),
    ],
)
def test_a_connection_that_is_reset_is_the_index_s(answer: bytes) -> None:
    def broken(peer: socket.socket) -> None:
        peer.sendall(answer)
        # At its close the peer is told to forget all of it: RST, and not FIN.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    clock = Clock()
    with (
        raw(broken) as url,
        open_index(IndexConfig(url=url, origin=""), clock.patience) as index,
        pytest.raises(IndexUnreachable, match="the connection broke off"),
    ):
        index.page("alpha")
    assert clock.pauses == [0.5, 1.0]


def test_chunks_without_end_are_ended() -> None:
    def endless(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            peer.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    with (
        raw(endless) as url,
        open_index(IndexConfig(url=url, origin=""), Clock().patience) as index,
        pytest.raises(IndexUnreachable, match="a page without end"),
    ):
        index.page("alpha")


def test_an_index_that_was_sick_once_is_well_the_second_time() -> None:
    inner, sick = tree([ALPHA]), iter([500, 502])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        status = next(sick, None)
        return Answer(status=status) if status else inner(path, headers)

    clock = Clock()
    with opened(respond, clock) as (index, _):
        assert index.page("alpha") is not None
    assert clock.pauses == [0.5, 1.0]


def test_patience_is_what_pip_was_told_within_bounds() -> None:
    def of(**told: Any) -> tuple[float, float, int]:
        patience = Patience.of(IndexConfig(url="http://index.example", origin="", **told))
        return patience.read, patience.whole, patience.tries

    assert of() == (20, 90, 3)
    assert of(timeout=180.0, retries=0) == (180, 360, 1)
    assert of(timeout=99999.0, retries=99999) == (300, 600, 6)


def test_an_index_that_refuses_is_tried_again_by_one_for_all() -> None:
    clock = Clock()
    config = IndexConfig(url=f"http://{_refusing()}/simple", origin="")
    with open_index(config, clock.patience) as index:
        found, trouble = pages_of(index, [f"lib{number}" for number in range(100)])
    assert found == {}
    assert trouble is not None
    assert "refuses the connection" in str(trouble)
    assert clock.pauses == [0.5, 1.0]


def test_an_index_that_is_sick_as_a_whole_is_tried_again_by_one_for_all() -> None:
    clock = Clock()
    with opened(always(503), clock) as (index, server):
        found, _ = pages_of(index, [f"lib{number}" for number in range(100)])
    assert found == {}
    assert clock.pauses == [0.5, 1.0]
    assert len(server.requests) <= transport.CONNECTIONS + 2


def test_one_sick_page_hides_no_other_and_is_named() -> None:
    inner = tree([ALPHA])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        return Answer(status=500) if path == "/simple/beta/" else inner(path, headers)

    with opened(respond) as (index, _):
        assert index.page("alpha") is not None
        found, trouble = pages_of(index, ["beta", "alpha", "omega"])
    assert {name: page is None for name, page in found.items()} == {"alpha": False, "omega": True}
    assert trouble is not None
    assert trouble.unseen == ("beta",)
    assert "not checked: beta" in str(trouble)


def test_retry_after_may_be_a_date() -> None:
    clock = Clock()
    today = datetime(2026, 1, 1, tzinfo=UTC)
    inner, first = tree([ALPHA]), iter([True])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        told = {"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}
        return Answer(status=429, headers=told) if next(first, False) else inner(path, headers)

    with serving(respond) as server:
        config = IndexConfig(url=server.url, origin="")
        with open_index(config, replace(clock.patience, today=lambda: today)) as index:
            assert index.page("alpha") is not None
    assert clock.pauses == [9.0]


@pytest.mark.parametrize("length", [{}, {"Content-Length": "200000000"}])
def test_a_page_of_200_mb_takes_no_such_memory(length: Mapping[str, str]) -> None:
    endless = itertools.repeat(b" " * 1_000_000, 200)
    page = Answer(headers={"Content-Type": HTML_TYPE, **length}, body=endless)
    with serving(lambda *_: page) as server:
        config = IndexConfig(url=server.url, origin="")
        tracemalloc.start()
        try:
            with open_index(config) as index, pytest.raises(IndexUnreachable) as caught:
                index.page("alpha")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert "a page without end" in str(caught.value)
    assert peak < 100_000_000


def test_hostile_rows_are_left_out() -> None:
    rows: list[object] = [
        {"filename": "alpha-2.0.tar.gz", "url": "http://[/", "yanked": {}, "hashes": []},
        {"filename": "alpha-3.0-" + "a." * 300 + "-none-any.whl", "url": "x"},
        {"filename": 7},
        None,
    ]
    body = json.dumps({"files": rows}).encode()
    with opened(lambda *_: Answer(headers={"Content-Type": JSON_TYPE}, body=body)) as (index, _):
        page = index.page("alpha")
    assert page is not None
    assert [(str(one), page.of(one)[0].url) for one in page.releases] == [("2.0", "")]
