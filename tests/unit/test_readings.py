"""What uv keeps of the wheels that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kernelspec_lib.packages import pylock, readings, resolver, uv
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock, render
from kernelspec_lib.packages.readings import Readings
from tests.catalogue import CATALOGUE
from tests.package_index import serving, tree, wheel
from tests.projects import a_project

NEEDS = ["common>=2", "alpha; sys_platform == 'win32'"]


def resolved(url: str, cache: Path, *libs: str) -> dict[str, pylock.Pin]:
    """What uv chooses for *libs*, by name."""
    compiled = uv.ask(
        list(map(Requirement, libs)),
        IndexConfig(url=url, origin="--index-url"),
        targets.of(a_project("asking")),
        {"PATH": os.environ["PATH"]},
        cache,
    ).answer()
    assert isinstance(compiled, uv.Compiled)
    return {pin.name: pin for pin in compiled.pins}


def test_uv_s_own_cache_is_read(tmp_path: Path) -> None:
    """Breaks where another uv keeps it otherwise."""
    asking = wheel("asking", "1.0", requires=NEEDS, requires_python=">=3.8,<3.12")
    with serving(tree([*CATALOGUE, asking])) as server:
        pins = resolved(server.url, tmp_path, "asking")
    read = Readings(tmp_path).of(pins["asking"])
    assert read is not None
    assert [str(Requirement(one)) for one in read.requires] == [
        str(Requirement(one)) for one in NEEDS
    ]
    assert read.requires_python in (">=3.8,<3.12", ">=3.8, <3.12")
    silent = Readings(tmp_path).of(pins["common"])
    assert silent is not None
    assert silent.requires_python == ""


def test_what_is_something_else_is_not_read(tmp_path: Path) -> None:
    with serving(tree([*CATALOGUE, wheel("asking", "1.0", requires=NEEDS)])) as server:
        pin = resolved(server.url, tmp_path, "asking")["asking"]
    kept = next(tmp_path.glob("wheels-v*/**/asking/*.msgpack"))
    for garbled in (b"", b"\xc1" * 40, kept.read_bytes()[:-9], b"\x90" + bytes(40)):
        kept.write_bytes(garbled + pin.files[0].url.encode())
        assert Readings(tmp_path).of(pin) is None


def test_another_index_s_wheel_of_the_same_name_is_not_taken(tmp_path: Path) -> None:
    other = wheel("asking", "1.0", requires=["missing"])
    with serving(tree([other, wheel("missing", "1.0")])) as server:
        resolved(server.url, tmp_path, "asking")
    with serving(tree([*CATALOGUE, wheel("asking", "1.0", requires=NEEDS)])) as server:
        pins = resolved(server.url, tmp_path, "asking")
    read = Readings(tmp_path).of(pins["asking"])
    assert read is not None
    assert len(read.requires) == len(NEEDS)


def test_where_uv_keeps_it_otherwise_the_wheels_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [*CATALOGUE, wheel("asking", "1.0", requires=["left"], requires_python=">=3.8")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        known = resolver.resolve(a_project("asking"), config, environment)
        monkeypatch.setattr(readings, "folders", lambda _: iter(()))
        read = resolver.resolve(a_project("asking"), config, environment)
    assert isinstance(known, Lock)
    assert isinstance(read, Lock)
    assert render(known) == render(read)
    assert {one.name: one.asked_by for one in read.packages} == {
        "asking": ("asking",),
        "left": ("via asking",),
        "common": ("via left",),
    }
