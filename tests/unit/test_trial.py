"""What is said of a kernel that was tried, and by which names a library is imported."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from kernelspec_lib.delivery import probe, trial


class Installed(importlib.metadata.Distribution):
    """A distribution as its installer wrote it down."""

    def __init__(self, files: Iterable[str] | None, top_level: str | None = None) -> None:
        self.said = {"top_level.txt": top_level, "METADATA": "Name: x\nVersion: 1\n"}
        if files is not None:
            self.said["RECORD"] = "".join(f"{file},,\n" for file in files)

    def read_text(self, filename: str) -> str | None:
        return self.said.get(filename)

    def locate_file(self, path: object) -> Path:
        return Path("/nowhere") / str(path)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["sklearn/__init__.py", "sklearn/tree/__init__.py", "sklearn/x.py"], ["sklearn"]),
        (["six.py", "six-1.0.dist-info/METADATA", "__pycache__/six.cpython-311.pyc"], ["six"]),
        (["yaml/__init__.py", "_yaml/__init__.py"], ["yaml"]),
        (["_cffi_backend.abi3.so"], ["_cffi_backend"]),
        (
            ["google/cloud/storage/__init__.py", "google/cloud/storage/acl.py"],
            ["google.cloud.storage"],
        ),
        (["google/api/a_pb2.py", "google/api/b_pb2.py"], ["google.api.a_pb2"]),
        (["pandas-stubs/__init__.pyi", "pandas-stubs/core/frame.pyi"], []),
        (["../../../bin/tool", "data/table.csv", "x-1.dist-info/RECORD"], []),
        (["own/__init__.py", "tests/__init__.py", "tests/test_own.py"], ["own"]),
        (["tests/__init__.py"], ["tests"]),
        (
            ["mpl/__init__.py", "pylab.py", "toolkits/axes/__init__.py"],
            ["mpl", "pylab", "toolkits.axes"],
        ),
        ([], []),
    ],
)
def test_import_names_come_from_the_installed_files(files: list[str], names: list[str]) -> None:
    assert probe.import_names(Installed(files)) == names


def test_import_names_without_a_list_of_files_are_those_of_top_level() -> None:
    assert probe.import_names(Installed(None, "b\na\n")) == ["a", "b"]


def test_the_real_import_name_of_a_real_distribution() -> None:
    assert "dateutil" in probe.try_lib("python-dateutil")["imports"]


def test_a_library_that_is_not_there() -> None:
    assert probe.try_lib("no-such-library") == {"version": None, "imports": [], "error": None}


def test_of_a_long_error_the_last_line_is_told() -> None:
    error = ImportError("\n\nPLEASE READ THIS\n\nOriginal error was: libx.so.1: cannot open\n\n")
    assert probe._last_line(error) == "Original error was: libx.so.1: cannot open"


def test_what_is_told_stands_behind_its_mark(capsys: pytest.CaptureFixture[str]) -> None:
    probe.tell(probe.whereabouts())
    told = capsys.readouterr().out.split("\n")[1]
    assert set(json.loads(told.removeprefix(probe.MARK))) == {"python", "platform", "executable"}


@pytest.mark.parametrize(
    ("error", "package"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", "libgl1"),
        ("OSError: libgomp.so.1: cannot open shared object file", "libgomp1"),
        ("ImportError: libgthread-2.0.so.0: cannot open shared object file", "libglib2.0-0"),
    ],
)
def test_a_missing_system_library_is_named(error: str, package: str) -> None:
    hint = trial._hint(error)
    assert package in hint
    assert "system_packages" in hint


def test_another_error_has_no_hint() -> None:
    assert trial._hint("ImportError: No module named 'x'") == ""


def test_another_version_than_the_locked_one_fails() -> None:
    found = {"version": "1.0", "imports": ["alpha"], "error": None}
    result = trial._lib_result("alpha", "2.0", found)
    assert result.error == "1.0 is installed, and 2.0 is locked"
    assert "kernelspec build" in result.hint


def test_a_library_that_is_missing_in_the_image_fails() -> None:
    result = trial._lib_result("alpha", "2.0", {"version": None, "imports": [], "error": None})
    assert result.error == "it is not installed"


def test_the_locked_version_passes() -> None:
    found = {"version": "2.0", "imports": [], "error": None}
    assert trial._lib_result("alpha", "2.0", found).error is None
