"""What uv does first, begun before it is asked anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kernelspec_lib import waking
from kernelspec_lib.packages import binaries


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that were started."""
    calls: list[list[str]] = []
    spawn = os.posix_spawn

    def counted(path: str, argv: list[str], env: dict[str, str], **given: object) -> int:
        calls.append(argv)
        assert "A_TOKEN" not in env
        return spawn(path, argv, env, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "posix_spawn", counted)
    return calls


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "KERNELSPEC_CACHE": str(tmp_path / "cache"), "A_TOKEN": "sesame"}


def test_uv_keeps_what_it_saw_where_it_will_look_for_it(
    started: list[list[str]], environment: dict[str, str], tmp_path: Path
) -> None:
    waking.wake(["lint", "churn"], environment)
    waking.ready()
    assert len(started) == 1
    # Breaks where another uv keeps it otherwise: then nothing is gained.
    assert list((tmp_path / "cache" / "uv").glob("interpreter-v*/*/*"))
    waking.wake(["resolve", "-q", "churn"], environment)
    assert len(started) == 1


@pytest.mark.parametrize(
    "arguments", [[], ["validate", "churn"], ["lint", "--no-cache", "churn"], ["get", "x", "libs"]]
)
def test_what_will_not_ask_uv_does_not_wake_it(
    started: list[list[str]], environment: dict[str, str], arguments: list[str]
) -> None:
    waking.wake(arguments, environment)
    assert started == []


def test_without_uv_or_a_home_nothing_is_done(
    started: list[list[str]], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waking.wake(["lint", "churn"], {"PATH": os.environ["PATH"]})
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    waking.wake(["lint", "churn"], environment)
    assert started == []


def test_what_was_woken_is_not_left_behind(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(waking, "_woken", woken)
    waking.wake(["lint", "churn"], environment)
    (process,) = woken
    waking.end()
    assert not woken
    assert not Path(f"/proc/{process}").exists()
    waking.end()


def test_uv_is_found_beside_the_python_of_a_virtual_environment() -> None:
    assert waking.uv_beside() == binaries.find(os.environ)
    assert Path(waking.uv_beside()).parent == Path(sys.executable).parent
