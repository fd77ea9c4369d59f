"""`kernelspec emit` as its users meet it."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib import cli

GOOD = '{"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}'


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good kernel's folder, `churn` below the folder in which the test stands."""
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "requirements.json").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERNELSPEC_POLICY", raising=False)
    monkeypatch.delenv("GITLAB_USER_LOGIN", raising=False)
    return folder


def emitted(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.run(["emit", "churn", *words]) == 0
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def test_kernel_json_alone_stands_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["emit", "churn", "--login=ada", "--user=1000:100"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["display_name"] == "churn"
    assert told.err == ""


def test_the_owner_is_the_option_before_gitlab_before_this_user(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    me = pwd.getpwuid(os.getuid())
    words = emitted(capsys)["argv"]
    assert f"{me.pw_name.lower()}_churn:latest" in words
    assert f"--user={me.pw_uid}:{me.pw_gid}" in words
    monkeypatch.setenv("GITLAB_USER_LOGIN", "Ada.LoveLace")
    assert "ada.lovelace_churn:latest" in emitted(capsys)["argv"]
    assert "grace_churn:latest" in emitted(capsys, "--login=grace")["argv"]


def test_a_login_that_this_machine_knows_has_its_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody = pwd.getpwnam("nobody")
    words = emitted(capsys, "--login=NOBODY")["argv"]
    assert f"--user={nobody.pw_uid}:{nobody.pw_gid}" in words


def test_unknown_numbers_are_noted_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["emit", "churn", "--login=no.such.user"]) == 0
    told = capsys.readouterr()
    assert "--cap-add=DAC_OVERRIDE" in json.loads(told.out)["argv"]
    assert "--user UID:GID" in told.err
    assert "id no.such.user" in told.err


def test_the_folder_has_the_templates_logos(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["emit", "churn", "--output=kernels/churn"]) == 0
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in Path("kernels/churn").iterdir()) == [
        "kernel.json",
        "logo-32x32.png",
        "logo-64x64.png",
        "logo-svg.svg",
    ]
    picture = Path("kernels/churn/logo-64x64.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_a_folder_of_others_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("theirs").mkdir()
    Path("theirs", "kernel.json").write_text('{"argv": []}')
    assert cli.run(["emit", "churn", "--login=ada", "--output=theirs"]) == 2
    assert "is not the kernel churn of ada" in capsys.readouterr().err
    assert Path("theirs", "kernel.json").read_text() == '{"argv": []}'


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--login=../x"], "cannot be a login here"),
        (["--user=ada"], "1000:1000"),
        (["--image=--privileged"], "is no image reference"),
        (["--image="], "is no image reference"),
        (["--policy=nowhere.json"], "does not exist"),
    ],
)
def test_an_option_that_cannot_be_taken(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["emit", "churn", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err


def test_a_kernel_with_errors_is_not_emitted(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kernel / "requirements.json").write_text(GOOD.replace('"churn"', '"My Kernel"'))
    assert cli.run(["emit", "churn"]) == 1
    assert "churn/requirements.json:1:17: KS104" in capsys.readouterr().err
