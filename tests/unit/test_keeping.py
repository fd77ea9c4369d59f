"""A run that is told again: only where nothing that it read has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelspec_lib import keeping
from kernelspec_lib.packages import pipconf, settings
from tests.package_index import Server
from tests.projects import DOCKERFILE

ARGUMENTS = ("lint", "-q", "churn")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel's folder whose files are old."""
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "requirements.json").write_text("{}")
    monkeypatch.setattr(keeping, "BEGUN", time.time() + 1)
    monkeypatch.setattr(keeping.time, "time", lambda: keeping.BEGUN + 1)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"KERNELSPEC_CACHE": str(tmp_path / "cache"), "LANG": "C", "A_TOKEN": "sesame"}


def kept(folder: Path, environment: dict[str, str], arguments: tuple[str, ...] = ARGUMENTS) -> None:
    read = [str(folder), str(folder / "requirements.json"), "/no/such/policy.json"]
    keeping.keep(arguments, environment, read=read, out="all is well\n", err="one lock\n")


def test_what_was_said_is_said_again(
    folder: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not keeping.told_again(ARGUMENTS, environment)
    kept(folder, environment)
    for _ in range(2):
        assert keeping.told_again(ARGUMENTS, environment)
        assert capsys.readouterr() == ("all is well\n", "one lock\n")
    (file,) = Path(environment["KERNELSPEC_CACHE"], "runs").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert b"sesame" not in file.read_bytes()


CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": lambda folder: (folder / "requirements.json").write_text("[]"),
    "gone": lambda folder: (folder / "requirements.json").unlink(),
    "Dockerfile": lambda folder: (folder / "Dockerfile").touch(),
    "lock": lambda folder: (folder / "requirements.lock").touch(),
    "link": lambda folder: (folder / "Dockerfile").symlink_to("requirements.json"),
    "mode": lambda folder: (folder / "requirements.json").chmod(0o600),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_said_again_once_a_file_changed(
    folder: Path, environment: dict[str, str], change: str
) -> None:
    kept(folder, environment)
    CHANGES[change](folder)
    assert not keeping.told_again(ARGUMENTS, environment)


def test_nothing_is_said_again_to_another_question(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(folder, environment)
    assert not keeping.told_again(("resolve", *ARGUMENTS[1:]), environment)
    assert not keeping.told_again(ARGUMENTS, environment | {"PIP_INDEX_URL": "https://x.example"})
    assert not keeping.told_again(ARGUMENTS, environment | {"CI": "true"})
    assert keeping.told_again(ARGUMENTS, environment | {"SHLVL": "7"})
    monkeypatch.chdir(folder)
    assert not keeping.told_again(ARGUMENTS, environment)


@pytest.mark.parametrize("later", [keeping.GOOD_FOR + 1, -1])
def test_nothing_is_said_again_once_it_is_old(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, later: float
) -> None:
    kept(folder, environment)
    monkeypatch.setattr(keeping.time, "time", lambda: keeping.BEGUN + later)
    assert not keeping.told_again(ARGUMENTS, environment)


@pytest.mark.parametrize("text", [b"", b"{}", b"x" * 100, b"0" * 64 + b"\n{}"])
def test_a_broken_file_is_none(folder: Path, environment: dict[str, str], text: bytes) -> None:
    kept(folder, environment)
    (file,) = Path(environment["KERNELSPEC_CACHE"], "runs").iterdir()
    file.write_bytes(text)
    assert not keeping.told_again(ARGUMENTS, environment)
    assert not file.exists()


def test_what_changed_during_the_run_is_not_kept(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BEGUN", time.time() - 60)
    kept(folder, environment)
    assert not Path(environment["KERNELSPEC_CACHE"]).exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", "churn"), ("lint", "--locked", "churn"), ("lint", "--no-cache", "churn"),
        ("lint", "--output-file", "x", "churn"), ("lint", "-r"), ("--help",), (),
    ],
)  # fmt: skip
def test_other_runs_are_never_kept(
    folder: Path, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    kept(folder, environment, arguments)
    assert not Path(environment["KERNELSPEC_CACHE"]).exists()


PROBE = """
import json, os, sys
opened = []
sys.addaudithook(lambda event, given: opened.append([given[0], given[1]]) if event == "open" else 0)
from kernelspec_lib import cli, keeping
told = []
keeping.keep = lambda *_, read, **more: told.extend(read)
sys.argv = ["kernelspec", *sys.argv[1:]]
code = cli.run()
read = [os.fsdecode(p) for p, mode in opened if isinstance(p, (str, bytes)) and mode in ("r", "rb")]
print(json.dumps([code, read, told]), file=sys.stderr)
"""


def test_all_that_a_run_reads_is_known(tmp_path: Path, package_index: Server) -> None:
    folder, cache = tmp_path / "churn", tmp_path / "cache"
    folder.mkdir()
    value = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel", "alpha"]}
    (folder / "requirements.json").write_text(json.dumps(value))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    policy = tmp_path / "policy.json"
    policy.write_text("{}")
    command = ("lint", str(folder), "--policy", str(policy), "--index-url", package_index.url)
    home = {"KERNELSPEC_CACHE": str(cache), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command],
        env=os.environ | home, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, read, told = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stdout + done.stderr
    program = (sys.prefix, sys.base_prefix, str(Path(keeping.__file__).parents[1]), str(cache))
    system = ("/etc/mime.types", "/proc", "/dev", "/usr/share", "/etc/ssl", "/etc/os-release")
    unknown = {
        one
        for one in read
        if not one.startswith((*program, *system, *told)) and "kernelspec-" not in one
    }
    assert unknown == set()
    assert {str(folder), str(policy), settings.netrc_path(home)} <= set(told)
    assert {str(one) for one in pipconf.paths(os.environ | home)} <= set(told)


def test_what_cannot_be_said_again_is_left_to_the_whole_run(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(folder, environment)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert not keeping.told_again(ARGUMENTS, environment)
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            full.close()
