"""Every input that was kept still holds its promises, and a minute of fuzzing finds no new one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fuzz import targets

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).parents[2]

SECONDS = os.environ.get("KERNELSPEC_FUZZ_SECONDS", "8")
"""For each target. Ten minutes are 600."""


@pytest.mark.parametrize("name", targets.TARGETS)
def test_every_kept_input_holds(name: str) -> None:
    kept = sorted((CORPUS / name).iterdir())
    assert kept
    for path in kept:
        targets.TARGETS[name](path.read_bytes())


def fuzzed(name: str, folder: Path) -> tuple[str, int, str]:
    """The target, the exit code and the output of a run in *folder*."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", name, SECONDS],
        cwd=folder,
        # The same inputs in every run: what is found by hand, from any seed, is kept in the corpus.
        env={"KERNELSPEC_FUZZ_SEED": "1", **os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return name, done.returncode, done.stdout + done.stderr


@pytest.mark.fuzz
def test_fuzzing_finds_nothing_new(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        told = "atheris is not installed: python -m pip install --group fuzz"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    with ThreadPoolExecutor(max_workers=2) as threads:
        waiting = [threads.submit(fuzzed, name, tmp_path / name) for name in targets.TARGETS]
        for name, code, output in (one.result() for one in waiting):
            assert code == 0, f"{name}: {output[-4000:]}"
            assert "stat::number_of_executed_units" in output
