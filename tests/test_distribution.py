"""Wheel and sdist hold exactly the tracked files that they should."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from kernelspec_lib import __version__

ROOT = Path(__file__).parent.parent
STEM = f"kernelspec_lib-{__version__}"
CARRIED = (
    "schema/",
    "hooks/",
    "docs/sudoers/",
    "cookiecutter.json",
    "{{cookiecutter.kernel_name}}/",
)


def tracked() -> set[str]:
    told = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in told.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist of a copy of the tracked files, among which some bytecode lies about."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in tracked():
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy, follow_symlinks=False)
    for folder in ("hooks", "kernelspec_lib", "{{cookiecutter.kernel_name}}"):
        stray = source / folder / "__pycache__" / "stray.cpython-311.pyc"
        stray.parent.mkdir()
        stray.touch()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist"]
    subprocess.run([*command, "-d", str(target)], cwd=source, check=True, capture_output=True)
    return target


def test_wheel_holds_the_package_and_the_data_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {name for name in tracked() if name.startswith("kernelspec_lib/")}
    data = {f"kernelspec_lib/_data/{name}" for name in tracked() if name.startswith(CARRIED)}
    assert names == package | data


def test_wheel_data_equals_the_tracked_files(built: Path) -> None:
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        for name in tracked():
            if name.startswith(CARRIED):
                assert wheel.read(f"kernelspec_lib/_data/{name}") == (ROOT / name).read_bytes()


def test_sdist_holds_exactly_the_tracked_files(built: Path) -> None:
    with tarfile.open(built / f"{STEM}.tar.gz") as sdist:
        names = {member.name.removeprefix(f"{STEM}/") for member in sdist.getmembers()}
    assert names - {"PKG-INFO"} == tracked()


def test_dotfiles_of_the_template_are_among_them() -> None:
    template = "{{cookiecutter.kernel_name}}/"
    dotfiles = {".gitlab-ci.yml", ".pre-commit-config.yaml", ".dockerignore", ".gitignore"}
    assert {f"{template}{name}" for name in dotfiles} <= tracked()
