"""Parts of a file, from servers that send them, do not, or lie about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages.index import Index, IndexConfig, open_index
from kernelspec_lib.packages.reply import Part
from kernelspec_lib.packages.transport import Patience
from tests.package_index import Answer, Respond, Server, serving

FILE = bytes(range(256)) * 1_000
SIZE = len(FILE)
RANGE = re.compile(r"bytes=(?:(?P<first>\d+)-(?P<last>\d+)|-(?P<count>\d+))")


def in_parts(path: str, headers: Mapping[str, str]) -> Answer:
    """As RFC 9110 says."""
    asked = RANGE.fullmatch(headers["Range"])
    assert asked is not None
    assert headers["Accept-Encoding"] == "identity"
    if asked["count"]:
        first, last = max(0, SIZE - int(asked["count"])), SIZE - 1
    else:
        first, last = int(asked["first"]), min(int(asked["last"]), SIZE - 1)
    if first >= SIZE:
        return Answer(status=416)
    told = {"Content-Range": f"bytes {first}-{last}/{SIZE}"}
    return Answer(status=206, headers=told, body=FILE[first : last + 1])


def whole(path: str, headers: Mapping[str, str]) -> Answer:
    return Answer(body=FILE)


@contextmanager
def asking(respond: Respond) -> Iterator[tuple[Index, Server, str]]:
    with serving(respond) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        patience = Patience(connect=2, read=2, sleep=lambda _: None)
        with open_index(config, patience) as index:
            yield index, server, f"{server.url}/a.whl"


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (-1, 100, Part(body=FILE[-100:], start=SIZE - 100, size=SIZE)),
        (-1, 2 * SIZE, Part(body=FILE, start=0, size=SIZE)),
        (0, 10, Part(body=FILE[:10], start=0, size=SIZE)),
        (SIZE - 5, 100, Part(body=FILE[-5:], start=SIZE - 5, size=SIZE)),
    ],
)
def test_a_part_is_what_was_asked_for(start: int, length: int, expected: Part) -> None:
    with asking(in_parts) as (index, _, url):
        assert index.recent().part(url, start, length) == expected


def test_a_server_without_parts_is_asked_once() -> None:
    with asking(whole) as (index, server, url):
        assert index.part(url, -1, 100) is None
        assert index.part(url, 0, 100) is None
        assert len(server.requests) == 1


def test_a_short_file_comes_whole() -> None:
    with asking(whole) as (index, _, url):
        assert index.part(url, -1, SIZE) == Part(body=FILE, start=0, size=SIZE)


def test_a_redirect_keeps_the_range() -> None:
    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        sent = Answer(status=302, headers={"Location": "/elsewhere"})
        return in_parts(path, headers) if path == "/elsewhere" else sent

    with asking(respond) as (index, _, url):
        part = index.part(url, -1, 100)
    assert part is not None
    assert part.body == FILE[-100:]


@pytest.mark.parametrize(
    "told",
    [
        "",
        "bytes",
        "bytes */256000",
        "bytes 0-99/256000",
        f"bytes {SIZE - 100}-{SIZE - 1}/*",
        f"bytes {SIZE - 100}-{SIZE - 1}/{SIZE * 10}",
        f"bytes {SIZE - 101}-{SIZE - 1}/{SIZE}",
        f"bytes {SIZE - 100}-{SIZE - 2}/{SIZE}",
        f"bytes {SIZE - 1}-{SIZE - 100}/{SIZE}",
        f"bytes 0-{10**30}/{10**30 + 1}",
        "bytes -1-99/100",
        "lines 1-2/3",
    ],
)
def test_a_content_range_that_lies_is_no_part(told: str) -> None:
    headers = {"Content-Range": told} if told else {}
    with asking(lambda *_: Answer(status=206, headers=headers, body=FILE[-100:])) as (
        index,
        _,
        url,
    ):
        assert index.part(url, -1, 100) is None


def test_a_part_without_end_is_cut_off() -> None:
    headers = {"Content-Range": f"bytes {SIZE - 100}-{SIZE - 1}/{SIZE}"}
    endless = (FILE for _ in range(1_000))
    with asking(lambda *_: Answer(status=206, headers=headers, body=endless)) as (index, _, url):
        assert index.part(url, -1, 100) is None


@pytest.mark.parametrize("status", [404, 416, 501])
def test_no_file_and_no_such_range_are_no_part(status: int) -> None:
    with asking(lambda *_: Answer(status=status)) as (index, _, url):
        assert index.part(url, -1, 100) is None


def test_a_part_that_nobody_asked_for_is_a_fault() -> None:
    with (
        asking(lambda *_: Answer(status=206, body=FILE)) as (index, _, url),
        pytest.raises(IndexUnreachable, match="status 206"),
    ):
        index.beginning(url, 100)
