"""Pages that come while uv works: its cache gives a hint, and nothing depends on it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event

import msgspec
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import ahead, pylock, uv
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.reader import Reader
from kernelspec_lib.packages.reply import Part
from kernelspec_lib.packages.solving import Solver
from kernelspec_lib.packages.target import Target

TARGET = Target(python_version="3.11", python_full_version="3.11.9")


class Asked:
    """An index that notes what it is asked for, and breaks over beta."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.last = Event()

    def page(self, name: str) -> Page | None:
        self.names.append(name)
        if name == "last":
            self.last.set()
        if name == "beta":
            raise IndexUnreachable("https://index.example/simple", "it broke off")
        return None

    def recent(self) -> Asked:
        return self

    def probe(self) -> None:
        raise AssertionError

    def digest(self, file: File) -> str:
        raise AssertionError

    def beginning(self, url: str, limit: int) -> bytes | None:
        raise AssertionError

    def part(self, url: str, start: int, length: int) -> Part | None:
        raise AssertionError


def kept(folder: Path, name: str, told: object) -> Path:
    """What uv keeps of a wheel in the *folder* of an index."""
    packed = msgspec.msgpack.encode(told)
    path = folder / name / "1-py3-none-any.msgpack"
    path.parent.mkdir(parents=True)
    path.write_bytes(packed + b"its URL" + len(packed).to_bytes(8, "little"))
    return path


def test_the_page_is_asked_for_of_what_does_not_say_its_pythons(tmp_path: Path) -> None:
    folder = tmp_path / "wheels-v99" / "index" / "0123"
    old = kept(folder, "old", ["old", "1", [], None])
    os.utime(old, (time.time() - 60, time.time() - 60))
    index = Asked()
    with ahead.foreseeing(index, tmp_path):
        kept(folder, "alpha", ["alpha", "1", [], None])
        kept(folder, "bounded", ["bounded", "1", [], ">=3.8"])
        (folder / "no-page").mkdir()
        kept(folder, "beta", ["beta", "1", ["alpha"], ""])
        kept(folder, "otherwise", {"name": "otherwise"})
        time.sleep(0.1)
        kept(folder, "last", ["last", "1", [], None])
        assert index.last.wait(20)
    assert sorted(index.names) == ["alpha", "beta", "last"]


def test_without_a_cache_nothing_is_asked_for(tmp_path: Path) -> None:
    index = Asked()
    for cache in (None, tmp_path / "missing"):
        with ahead.foreseeing(index, cache):
            pass
    assert index.names == []


class Moved(Asked):
    """An index whose page of some minutes ago had no wheel for anybody."""

    def __init__(self, tags: str, before: Moved | None = None) -> None:
        super().__init__()
        self.tags, self.before = tags, before

    def page(self, name: str) -> Page | None:
        self.names.append(name)
        file = File(filename="", version=Version("1"), url="", tags=self.tags)
        return Page(name=name, releases={Version("1"): (file,)})

    def recent(self) -> Asked:
        return self.before or self


def test_what_a_kept_page_finds_amiss_is_looked_at_again() -> None:
    config = IndexConfig(url="https://index.example/simple", origin="")
    pins = (pylock.Pin(name="alpha", version="1"),)
    compiled = uv.Compiled(pins=pins, remarks="")
    for now, before, doubted in (
        ("py3-none-any", "cp27-none-any", True),
        ("py3-none-any", "py3-none-any", False),
    ):
        index = Moved(now, Moved(before))
        reader = Reader(index=index, config=config, target=TARGET, cache=None)
        solver = Solver(
            index=index, config=config, target=TARGET, environment={}, cache=None, reader=reader
        )
        assert solver.unfit(compiled) == []
        assert index.names == ["alpha"] * doubted
