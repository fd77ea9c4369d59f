"""Pages that are kept on disk: asked for again, never believed for too long, and no secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from kernelspec_lib import keeping
from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import pagecache
from kernelspec_lib.packages.index import HttpIndex, IndexConfig
from kernelspec_lib.packages.pagecache import PageCache
from tests.package_index import HTML_TYPE, JSON_TYPE, Answer, PackageFile, Server, serving, wheel

ONE = wheel("alpha", "1.0")
TWO = wheel("alpha", "2.0", yanked="it is broken")


class Site:
    """An index with ETags whose page of alpha can change."""

    def __init__(self, *files: PackageFile, etag: bool = True, query: str = "") -> None:
        self.files, self.etag, self.query = files, etag, query
        self.sent: list[int] = []
        self.status = 200

    def __call__(self, path: str, headers: Mapping[str, str]) -> Answer:
        told = [
            {"filename": one.filename, "url": f"/files/{one.filename}{self.query}", "hashes": {}}
            for one in self.files
        ]
        body = json.dumps({"files": told}).encode()
        tag = f'"{len(self.files)}"'
        answer = Answer(status=self.status, headers={"Content-Type": JSON_TYPE}, body=body)
        if self.etag and self.status == 200:
            same = headers.get("If-None-Match") == tag
            answer = Answer(
                status=304 if same else 200,
                headers={"Content-Type": JSON_TYPE, "ETag": tag},
                body=b"" if same else body,
            )
        self.sent.append(answer.status)
        return answer


class Clock:
    time = 1_000_000.0


@contextmanager
def opened(server: Server, folder: Path, path: str = "") -> Iterator[HttpIndex]:
    config = IndexConfig(url=server.url + path, origin="")
    cache = PageCache(folder=folder, config=config, now=lambda: Clock.time)
    index = HttpIndex(config, None, cache)
    yield index
    index.close()


def versions(index: HttpIndex) -> list[str]:
    page = index.page("alpha")
    assert page is not None
    return [str(one) for one in sorted(page.releases)]


def test_a_page_that_did_not_change_is_not_sent_again(tmp_path: Path) -> None:
    site = Site(ONE, TWO)
    with serving(site) as server:
        for _ in range(3):
            with opened(server, tmp_path) as index:
                assert versions(index) == ["1.0", "2.0"]
                page = index.page("alpha")
                assert page is not None
                there = page.of(Version("1"))[0].url
                assert there == server.url.replace("/simple", f"/files/{ONE.filename}")
    assert site.sent == [200, 304, 304]


def test_a_page_that_changed_is_taken(tmp_path: Path) -> None:
    site = Site(ONE)
    with serving(site) as server:
        with opened(server, tmp_path) as index:
            assert versions(index) == ["1.0"]
        site.files = (ONE, TWO)
        with opened(server, tmp_path) as index:
            assert versions(index) == ["1.0", "2.0"]
    assert site.sent == [200, 200]


def test_what_is_young_is_for_those_who_ask_for_it(tmp_path: Path) -> None:
    site = Site(ONE, etag=False)
    with serving(site) as server:
        with opened(server, tmp_path) as index:
            assert versions(index) == ["1.0"]
        site.files = (ONE, TWO)
        with opened(server, tmp_path) as index:
            young = index.recent().page("alpha")
            assert young is not None
            assert len(young.releases) == 1
            assert versions(index) == ["1.0", "2.0"], "asked for all the same"
            known = index.recent().page("alpha")
            assert known is not None
            assert len(known.releases) == 2
        site.files = (ONE,)
        for later in (keeping.GOOD_FOR + 1, -1):
            Clock.time += later  # too old, and from the future
            with opened(server, tmp_path) as index:
                old = index.recent().page("alpha")
                assert old is not None
                assert len(old.releases) == 1


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "other"])
def test_what_is_broken_is_thrown_away_without_a_word(tmp_path: Path, harm: str) -> None:
    site = Site(ONE)
    with serving(site) as server:
        with opened(server, tmp_path) as index:
            assert versions(index) == ["1.0"]
        (file,) = tmp_path.iterdir()
        raw = file.read_bytes()
        harmed = {"cut": raw[:-5], "changed": raw[:-3] + b"xyz", "empty": b"", "other": b"{}" * 99}
        file.write_bytes(harmed[harm])
        with opened(server, tmp_path) as index:
            assert versions(index) == ["1.0"]
    assert site.sent == [200, 200]


def test_a_sick_index_is_not_hidden_by_what_was_kept(tmp_path: Path) -> None:
    site = Site(ONE)
    with serving(site) as server:
        with opened(server, tmp_path) as index:
            assert versions(index) == ["1.0"]
        site.status = 403
        with opened(server, tmp_path) as index, pytest.raises(IndexUnreachable, match="403"):
            index.page("alpha")


def test_nothing_secret_is_kept(tmp_path: Path) -> None:
    token = "sesame" * 5
    for path, query in ((f"/{token}", ""), ("", f"?signature={token}")):
        with serving(Site(ONE, query=query)) as server, opened(server, tmp_path, path) as index:
            assert versions(index) == ["1.0"]
        assert list(tmp_path.iterdir()) == []
    with serving(Site(ONE)) as server:
        config = IndexConfig(url=server.url, origin="", username="ada", password=token)
        cache = PageCache(folder=tmp_path / "kept", config=config, now=lambda: Clock.time)
        HttpIndex(config, None, cache).page("alpha")
    (file,) = (tmp_path / "kept").iterdir()
    assert token.encode() not in file.read_bytes()
    assert b"ada" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_html_is_kept_as_well(tmp_path: Path) -> None:
    sent = []

    def respond(_: str, headers: Mapping[str, str]) -> Answer:
        sent.append(headers.get("If-Modified-Since"))
        if sent[-1]:
            return Answer(status=304)
        dated = {"Content-Type": HTML_TYPE, "Last-Modified": "Tue, 24 Nov 2026 00:00:00 GMT"}
        return Answer(headers=dated, body=b'<a href="../../files/alpha-1.0.tar.gz">x</a>')

    with serving(respond) as server:
        for _ in range(2):
            with opened(server, tmp_path) as index:
                assert versions(index) == ["1.0"]
    assert sent == [None, "Tue, 24 Nov 2026 00:00:00 GMT"]


def test_the_oldest_pages_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    monkeypatch.setattr(pagecache, "MOST_BYTES", 250)
    config = IndexConfig(url="https://index.example/simple", origin="")
    PageCache(folder=tmp_path, config=config, now=lambda: 0.0).prune()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["middle", "new"]


def test_a_folder_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(Site(ONE)) as server, opened(server, tmp_path / "file" / "pages") as index:
        assert versions(index) == ["1.0"]
