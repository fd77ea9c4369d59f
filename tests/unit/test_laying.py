"""What the installer does last: an environment that is compiled and copied."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelspec_lib.delivery import laying

SCRIPT = Path(laying.__file__)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """What uv leaves, in small."""
    folder = tmp_path / "environment"
    packages = folder / "lib" / "one"
    for place in (packages / "tests", folder / "bin", folder / "empty"):
        place.mkdir(parents=True)
    (packages / "__init__.py").write_text("def fails(): raise ValueError\n")
    (packages / "of_python_2.py").write_text("print 'x'\n")
    (packages / "tests" / "test_one.py").write_text("1\n")
    for number in range(100):
        (packages / f"many_{number}.py").write_text(f"{number}\n")
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "bin" / "tool").chmod(0o755)
    (folder / "large").write_bytes(os.urandom(300_000))
    (folder / "lib64").symlink_to("lib")
    (folder / "link").symlink_to("nowhere")
    return folder


def lay(environment: Path, name: str) -> Path:
    """Where it lies now. A process of its own, since the script forks: no thread shall be there."""
    destination = environment.with_name(name)
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(environment), str(destination)]
    subprocess.run(command, check=True)
    return destination


def everything(folder: Path) -> dict[str, tuple[int, object, object]]:
    """By its path: mode, content or target, time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = mode, str(path.readlink()), None
        elif path.is_file():
            found[name] = mode, path.read_bytes(), path.stat().st_mtime_ns
        else:
            found[name] = mode, None, None
    return found


def test_all_of_it_is_there_as_it_was(environment: Path) -> None:
    before = everything(environment)
    there = everything(lay(environment, "there"))
    assert there == everything(environment)
    assert before.items() <= there.items()


def test_what_is_imported_has_bytecode_that_knows_its_place(environment: Path) -> None:
    there = lay(environment, "there")
    compiled = {path.name.partition(".")[0] for path in there.rglob("*.pyc")}
    assert compiled == {"__init__", *(f"many_{number}" for number in range(100))}
    source = there / "lib" / "one" / "__init__.py"
    told = subprocess.run(
        [sys.executable, "-v", "-c", "import one; one.fails()"],
        env={"PYTHONPATH": str(there / "lib")},
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    assert f"matches {source}" in told
    assert f"wrote '{source.parent}" not in told
    assert f'File "{source}", line 1, in fails' in told


def test_only_what_is_new_is_compiled(environment: Path) -> None:
    lay(environment, "first")
    changed = environment / "lib" / "one" / "many_3.py"
    changed.write_text("'longer than before'\n")
    before = {path: path.stat().st_mtime_ns for path in environment.rglob("*.pyc")}
    there = lay(environment, "second")
    after = {path: path.stat().st_mtime_ns for path in environment.rglob("*.pyc")}
    assert [path.name.partition(".")[0] for path in after if after[path] != before[path]] == [
        "many_3"
    ]
    assert everything(there) == everything(environment)


def test_what_cannot_be_written_fails(environment: Path) -> None:
    lay(environment, "there")
    with pytest.raises(subprocess.CalledProcessError):
        lay(environment, "there")


def test_an_old_python_can_run_it() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = [one for one in ast.walk(tree) if isinstance(one, ast.Import | ast.ImportFrom)]
    names = [one.module or "" for one in imported if isinstance(one, ast.ImportFrom)]
    names += [one.name for node in imported if isinstance(node, ast.Import) for one in node.names]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
