"""What a release needs, from its files alone."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
import zipfile
from collections.abc import Mapping
from dataclasses import replace

import pytest
from packaging.version import Version

from kernelspec_lib.packages import sources
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.reply import Part
from kernelspec_lib.packages.sources import Metadata, Trust

URL = "https://index.example/files/"
OLD = "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Python: >=3.8\n"
NEW = "Metadata-Version: 2.2\nName: a\nVersion: 1\nRequires-Dist: b>=1\n"
EGG = """b>=1

[fast]
c

[fast:python_version<'3']
d; sys_platform == 'linux'
[:os_name=='nt']
e
"""


class Shelf:
    """An index that is files, and counts what was read of them."""

    def __init__(self, files: Mapping[str, bytes], *, parts: bool = True) -> None:
        self.files, self.parts = files, parts
        self.read = 0

    def page(self, name: str) -> Page | None:
        raise AssertionError

    def probe(self) -> None:
        raise AssertionError

    def digest(self, file: File) -> str:
        raise AssertionError

    def beginning(self, url: str, limit: int) -> bytes | None:
        text = self.files.get(url.removeprefix(URL))
        self.read += min(limit, len(text or b""))
        return text and text[:limit]

    def part(self, url: str, start: int, length: int) -> Part | None:
        text = self.files.get(url.removeprefix(URL))
        if text is None or not self.parts:
            return None
        first = max(0, len(text) - length) if start < 0 else start
        body = text[first : first + length]
        self.read += len(body)
        return Part(body=body, start=first, size=len(text))


def file(filename: str, *, metadata: bool = False, version: str = "1") -> File:
    tags = "py3-none-any" if filename.endswith(".whl") else None
    return File(
        filename=filename, version=Version(version), url=URL + filename, tags=tags,
        metadata=metadata,
    )  # fmt: skip


def packed(*members: tuple[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, text in members:
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return gzip.compress(plain.getvalue(), mtime=0)


def read(content: bytes, name: str = "a", version: str = "1") -> Metadata:
    shelf = Shelf({"a-1.tar.gz": content})
    return sources.read(shelf, name, [file("a-1.tar.gz", version=version)], built=True)


def test_pkg_info_of_today_is_the_truth() -> None:
    told = read(packed(("a-1/PKG-INFO", NEW.encode())))
    assert told == Metadata(requires=("b>=1",), trust=Trust.EXACT)


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("Dynamic: Requires-Dist\n", ()),
        ("Requires-Dist: c (>=1d>=2)\n", ("c",)),
        ("Requires-Dist: c[d]>=2011k; python_version < '3'\n", ("c[d]; python_version < '3'",)),
        ("Requires-Dist: c @ https://files.example/c.zip\n", ()),
        ("Requires-Dist: c (\n", ()),
    ],
)
def test_pkg_info_that_leaves_something_open_is_approximate(
    line: str, more: tuple[str, ...]
) -> None:
    told = read(packed(("a-1/PKG-INFO", (NEW + line).encode())))
    assert (told.requires, told.trust) == (("b>=1", *more), Trust.APPROXIMATE)


def test_what_was_written_before_there_was_a_rule_is_needed_all_the_same() -> None:
    egg = "python-dateutil>=2.5.0\npytz>=2011k\n\n[fast]\nc<dev\n"
    told = read(
        packed(("a-1/PKG-INFO", OLD.encode()), ("a-1/a.egg-info/requires.txt", egg.encode()))
    )
    assert told.requires == ("python-dateutil>=2.5.0", "pytz", 'c; extra == "fast"')
    assert told.unreadable == ("pytz>=2011k", 'c<dev; extra == "fast"')


def test_requires_txt_stands_in_for_an_old_pkg_info() -> None:
    told = read(
        packed(
            ("a-1/PKG-INFO", OLD.encode()),
            ("a-1/src/a.egg-info/PKG-INFO", NEW.encode()),
            ("a-1/src/a.egg-info/requires.txt", EGG.encode()),
        )
    )
    assert told == Metadata(
        requires=(
            "b>=1",
            'c; extra == "fast"',
            'd; (python_version < "3") and extra == "fast" and (sys_platform == \'linux\')',
            'e; (os_name == "nt")',
        ),
        extras=("fast",),
        requires_python=">=3.8",
        trust=Trust.APPROXIMATE,
    )


@pytest.mark.parametrize(
    "content", [b"", b"no archive", packed(), packed(("a-1/PKG-INFO", OLD.encode()))]
)
def test_what_says_nothing_is_unknown(content: bytes) -> None:
    assert read(content).trust is Trust.UNKNOWN


def test_a_giant_is_read_at_its_front_only() -> None:
    noise = bytes(range(256)) * 40_000
    content = packed(("a-1/PKG-INFO", NEW.encode()), ("a-1/big.bin", noise))
    content += bytes(8_000_000)
    shelf = Shelf({"a-1.tar.gz": content})
    assert sources.read(shelf, "a", [file("a-1.tar.gz")], built=True).trust is Trust.EXACT
    assert shelf.read <= 64 * 1024


def test_a_bomb_is_unpacked_to_a_bound() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    assert read(bomb).trust is Trust.UNKNOWN


@pytest.mark.parametrize(
    ("py4j", "pysparks"),
    [
        ("0.10.7", "2.4.8"),
        ("0.10.9", "3.0.3 3.1.3"),
        ("0.10.9.2", "3.2.0"),
        ("0.10.9.3", "3.2.1"),
        ("0.10.9.5", "3.2.2 3.2.4 3.3.0 3.3.4"),
        ("0.10.9.7", "3.4.0 3.4.4 3.5.0 3.5.5 3.5.7 3.5.8"),
    ],
)
def test_pyspark_of_old_needs_its_py4j(py4j: str, pysparks: str) -> None:
    """As seen in the archives of these releases."""
    for version in pysparks.split():
        told = read(packed((f"pyspark-{version}/PKG-INFO", OLD.encode())), "pyspark", version)
        assert (told.requires, told.trust) == ((f"py4j=={py4j}",), Trust.APPROXIMATE)


def test_a_zip_is_read_too() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a-1/PKG-INFO", NEW)
    shelf = Shelf({"a-1.zip": made.getvalue()})
    assert sources.read(shelf, "a", [file("a-1.zip")], built=True).requires == ("b>=1",)


def test_wheels_for_other_machines_tell_more_than_sources() -> None:
    shelf = Shelf({"a-1-x.whl.metadata": OLD.encode() + b"Requires-Dist: w\n"})
    files = [file("a-1.tar.gz"), file("a-1-x.whl", metadata=True)]
    told = sources.read(shelf, "a", files, built=True)
    assert (told.requires, told.trust) == (("w",), Trust.APPROXIMATE)


def test_a_wheel_for_another_machine_is_opened_where_the_sources_say_nothing() -> None:
    """An index without PEP 658: the sources of pandas 1.5 do not say that it needs numpy."""
    silent = packed(("a-1/PKG-INFO", OLD.encode()))
    inside = zipped(("a-1.dist-info/METADATA", NEW.encode()))
    files = [file("a-1.tar.gz"), file("a-1-x.whl")]
    both = {"a-1.tar.gz": silent, "a-1-x.whl": inside}
    told = sources.read(Shelf(both), "a", files, built=True)
    assert (told.requires, told.trust) == (("b>=1",), Trust.APPROXIMATE)
    # It is not brought here whole for that.
    told = sources.read(Shelf(both, parts=False), "a", files, built=True)
    assert (told.requires, told.trust) == ((), Trust.UNKNOWN)


def test_a_wheel_for_another_machine_is_opened_before_more_of_the_sources_is_read() -> None:
    noise = ("a-1/noise", os.urandom(3 * 1024**2))
    shelf = Shelf(
        {
            "a-1.tar.gz": packed(("a-1/PKG-INFO", OLD.encode()), noise),
            "a-1-cp38-win_amd64.whl": zipped(("a-1.dist-info/METADATA", NEW.encode())),
        }
    )
    files = [file("a-1.tar.gz"), file("a-1-cp38-win_amd64.whl")]
    told = sources.read(shelf, "a", files, built=True)
    assert (told.requires, told.trust) == (("b>=1",), Trust.APPROXIMATE)
    assert shelf.read < 256 * 1024


def test_a_wheel_for_pypy_says_nothing_of_cpython() -> None:
    """pyzmq 14.7: on PyPy it needs cffi, in the place of its own extension module."""
    silent = packed(("a-1/PKG-INFO", OLD.encode()))
    inside = zipped(("a-1.dist-info/METADATA", NEW.encode()))
    for_pypy = replace(file("a-1-pp.whl"), tags="pp27-none-macosx_10_10_x86_64")
    shelf = Shelf({"a-1.tar.gz": silent, "a-1-pp.whl": inside})
    told = sources.read(shelf, "a", [file("a-1.tar.gz"), for_pypy], built=True)
    assert (told.requires, told.trust) == ((), Trust.UNKNOWN)


def test_a_wheel_without_a_metadata_file_is_opened() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a-1.dist-info/METADATA", OLD)
    shelf = Shelf({"a-1-x.whl": made.getvalue()})
    told = sources.read(shelf, "a", [file("a-1-x.whl")])
    assert (told.requires_python, told.trust) == (">=3.8", Trust.EXACT)


def zipped(*members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for path, text in members:
            archive.writestr(zipfile.ZipInfo(path), text, how)
    return made.getvalue()


METADATA = ("a-1.dist-info/METADATA", NEW.encode())
NOISE = ("a/big.bin", bytes(range(256)) * 80_000)
"""20 MB: more than is ever read of a wheel."""


def of_wheel(content: bytes, *, parts: bool = True) -> tuple[Metadata, int]:
    """What the wheel tells, and how many bytes of it were read."""
    shelf = Shelf({"a-1-x.whl": content}, parts=parts)
    return sources.read(shelf, "a", [file("a-1-x.whl")]), shelf.read


@pytest.mark.parametrize("members", [(NOISE, METADATA), (METADATA, NOISE)])
def test_a_large_wheel_is_read_at_its_end(members: tuple[tuple[str, bytes], ...]) -> None:
    told, read_ = of_wheel(zipped(*members))
    assert (told.requires, told.trust) == (("b>=1",), Trust.EXACT)
    assert read_ < 300_000


def test_a_long_list_of_files_is_read_in_parts_too() -> None:
    many = [(f"a/{'long' * 20}{number}.py", b"") for number in range(20_000)]
    told, read_ = of_wheel(zipped(METADATA, NOISE, *many))
    assert told.requires == ("b>=1",)
    assert read_ < 3_500_000


@pytest.mark.parametrize(("size", "trust"), [(1_000, Trust.EXACT), (80_000, Trust.UNKNOWN)])
def test_without_parts_a_wheel_is_read_whole_up_to_a_bound(size: int, trust: Trust) -> None:
    told, read_ = of_wheel(zipped(METADATA, ("a/b", bytes(range(256)) * size)), parts=False)
    assert told.trust is trust
    assert read_ <= 16 * 1024 * 1024


def test_what_a_wheel_that_was_cut_off_ends_in_is_not_taken_for_it() -> None:
    inner = zipped(("b-1.dist-info/METADATA", OLD.encode()))
    front = bytes(16 * 1024 * 1024 - len(inner))
    content = front + inner + zipped(NOISE, METADATA)
    assert of_wheel(content, parts=False)[0].trust is Trust.UNKNOWN


def test_a_bomb_in_the_metadata_is_unpacked_to_a_bound() -> None:
    bomb = zipped((METADATA[0], NEW.encode() + bytes(40_000_000)), how=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    assert of_wheel(bomb)[0].trust is Trust.UNKNOWN
    # It says that it is small.
    size = (40_000_000 + len(NEW)).to_bytes(4, "little")
    lying = bomb.replace(size, len(NEW).to_bytes(4, "little"))
    assert lying != bomb
    assert of_wheel(lying)[0].trust is Trust.UNKNOWN
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_can_grow_without_bound_is_not_unpacked(how: int) -> None:
    assert of_wheel(zipped(METADATA, how=how))[0].trust is Trust.UNKNOWN


@pytest.mark.parametrize("where", range(22))
def test_a_list_of_files_that_lies_is_no_harm(where: int) -> None:
    """Each byte of the end of the archive, which says where the list is and how long, set high."""
    content = bytearray(zipped(NOISE, METADATA))
    content[len(content) - 22 + where] = 0xFE
    told, read_ = of_wheel(bytes(content))
    assert told.trust is Trust.UNKNOWN or told.requires == ("b>=1",)
    assert read_ < 20_000_000


def test_two_metadata_files_are_none() -> None:
    other = ("b-1.dist-info/METADATA", OLD.encode())
    assert of_wheel(zipped(METADATA, other))[0].trust is Trust.UNKNOWN


def test_a_metadata_file_that_is_none_is_not_believed() -> None:
    page = b"<html>please sign in</html>"
    shelf = Shelf({"a-1-x.whl": zipped(METADATA), "a-1-x.whl.metadata": page})
    assert sources.read(shelf, "a", [file("a-1-x.whl", metadata=True)]).requires == ("b>=1",)
    assert of_wheel(zipped((METADATA[0], page)))[0].trust is Trust.UNKNOWN
