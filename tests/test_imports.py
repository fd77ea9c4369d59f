"""No command loads what it does not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.package_index import Server

GOOD = Path(__file__).parent / "cases" / "KS101" / "good" / "requirements.json"

VALIDATE_MAY_LOAD = {"click", "fastjsonschema", "kernelspec_lib", "packaging"}
"""Beside the standard library. jsonschema comes only once there is something to tell."""

HEAVY = {"cookiecutter", "jupyter_client", "nbclient", "requests", "rich", "uv", "zmq"}


def loaded(*arguments: str) -> set[str]:
    """The top-level modules that one call loads, besides the standard library."""
    probe = (
        "import json, sys; before = set(sys.modules)\n"
        "from kernelspec_lib.cli import run\n"
        f"code = run({list(arguments)!r})\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "own = names - set(sys.stdlib_module_names)\n"
        "print(json.dumps([code, sorted(own)]), file=sys.stderr)\n"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    code, names = json.loads(told.stderr.splitlines()[-1])
    assert code == 0, told.stdout + told.stderr
    return {name for name in names if not name.startswith("_")}


def test_validate_loads_only_what_it_needs() -> None:
    assert loaded("validate", str(GOOD)) <= VALIDATE_MAY_LOAD


def test_a_lock_that_was_kept_needs_nothing_that_asks_the_index(
    tmp_path: Path, package_index: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELSPEC_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "requirements.json"
    value = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel", "alpha"]}
    path.write_text(json.dumps(value))
    command = ("resolve", str(path), "--index-url", package_index.url)
    assert "requests" in loaded(*command)
    assert loaded(*command) <= VALIDATE_MAY_LOAD | {"uv"}


def test_get_loads_only_what_it_needs() -> None:
    assert loaded("get", str(GOOD), "libs") <= VALIDATE_MAY_LOAD


def test_explain_loads_nothing_heavy() -> None:
    assert not loaded("explain", "KS101") & HEAVY


def test_help_loads_nothing_heavy_of_any_command() -> None:
    assert not loaded("--help") & HEAVY


def test_the_hooks_of_the_hub_load_nothing_heavy() -> None:
    probe = "import sys; import kernelspec_lib.hub; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    names = {name for name in told.stdout.split() if name.startswith("kernelspec_lib")}
    own = {
        "kernelspec_lib",
        "kernelspec_lib.hub",
        "kernelspec_lib.errors",
        "kernelspec_lib.wording",
    }
    assert names == own
    assert not {name.partition(".")[0] for name in told.stdout.split()} & {*HEAVY, "click"}
