"""`install`, `uninstall`, `rollback` and `list` as their users meet them, without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib import cli


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERNELSPEC_POLICY", raising=False)
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ada")
    # No engine is asked: what a hub says without one is told all the same.
    monkeypatch.setenv("KERNELSPEC_DOCKER", "no-such-engine")


def kernel(folder: Path, **made: Any) -> None:
    """A kernel spec of this library's in *folder*."""
    path = folder / "share/jupyter/kernels" / "churn"
    path.mkdir(parents=True)
    own = {"owner": "ada", "kernel": "churn", "image": "ada_churn:latest", **made}
    value = {"argv": ["x"], "display_name": "x", "metadata": {"kernelspec": own}}
    (path / "kernel.json").write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "--host=hub", "--prefix=x"], "--host is another machine"),
        (["list", "--host=hub", "--local"], "--host is another machine"),
        (["list", "--host=-oProxyCommand=id"], "is no host"),
        (["list", "nowhere"], "does not exist"),
        (["list", "--host=hub", "-i", "/nowhere"], '"/nowhere" does not exist'),
        (["uninstall", "../churn", "--prefix=x"], "neither a kernel's name nor a folder"),
        (["uninstall", "churn", "--prefix=x"], "this machine: there is no kernel churn of ada"),
        (["rollback", "churn", "--prefix=x"], "this machine: there is no kernel churn of ada"),
        (["rollback", "--prefix=x"], "neither a kernel's name nor a folder"),
        (["install", "nowhere"], "does not exist"),
    ],
)
def test_a_wrong_call(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err


def test_nothing_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["list", "--prefix=x"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "KERNEL  OWNER  USER  IMAGE  DIGEST  BUILT  COMMIT  STATE"
    ]
    assert cli.run(["list", "--prefix=x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "kernels": []}
    assert not Path("x").exists()


def test_what_is_listed_without_an_engine(capsys: pytest.CaptureFixture[str]) -> None:
    kernel(Path("x"))
    assert cli.run(["list", "--prefix=x", "--json"]) == 0
    said = capsys.readouterr()
    (row,) = json.loads(said.out)["kernels"]
    assert (row["kernel"], row["owner"], row["stale"]) == ("churn", "ada", None)
    assert "whether the images are there is not known" in said.err
    assert cli.run(["list", "--prefix=x", "--login=grace", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kernels"] == []


def test_what_others_wrote_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    kernel(Path("x"), reference="\x1b[31mred", built=["no", "text"], revision=7, user={})
    assert cli.run(["list", "--prefix=x"]) == 0
    told = capsys.readouterr().out
    assert "\\u001b[31mred" in told
    assert "\x1b" not in told


def test_uninstall_takes_a_kernels_folder_and_works_without_an_engine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kernel(Path("x"))
    folder = Path("churn")
    folder.mkdir()
    value = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}
    (folder / "requirements.json").write_text(json.dumps(value))
    assert cli.run(["uninstall", "churn", "--prefix=x"]) == 0
    said = capsys.readouterr()
    assert "share/jupyter/kernels/churn: removed" in said.err
    assert not Path("x/share/jupyter/kernels/churn").exists()
    assert folder.exists()


def test_another_owners_kernel_is_not_removed(capsys: pytest.CaptureFixture[str]) -> None:
    kernel(Path("x"), owner="grace")
    for command in ("uninstall", "rollback"):
        assert cli.run([command, "churn", "--prefix=x"]) == 2
        assert "there is no kernel churn of ada" in capsys.readouterr().err
    assert Path("x/share/jupyter/kernels/churn/kernel.json").exists()
