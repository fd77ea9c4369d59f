"""What the tests of the template share: its tracked files as a repository, and answers to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from kernelspec_lib import project
from kernelspec_lib.checks import schema
from kernelspec_lib.findings import Finding

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = "{{cookiecutter.kernel_name}}"
CARRIED = ("cookiecutter.json", "hooks/", "schema/", f"{TEMPLATE}/")

GOOD = {
    "kernel_name": "churn-model",
    "display_name": "Churn model",
    "python_version": "3.11",
    "libs": "ipykernel pandas>=2,<3",
    "pipeline": "runner",
}

FILES = {
    ".dockerignore",
    ".gitignore",
    ".gitlab-ci.yml",
    ".kernelspec/requirements.schema.json",
    ".pre-commit-config.yaml",
    "Dockerfile",
    "README.md",
    "logo-32x32.png",
    "logo-64x64.png",
    "logo-svg.svg",
    "requirements.json",
}
"""Everything that the template generates."""

REFUSED_NAMES = {
    "empty": "",
    "here": ".",
    "above": "..",
    "below": "a/b",
    "beside": "../x",
    "far": "/tmp/x",
    "space": "my kernel",
    "upper": "MyKernel",
    "unicode": "ядро",
    "digit": "kernel\u0663",
    "newline": "kernel\n",
    "two-lines": "ker\nnel",
    "underscore": "my_kernel",
    "double-dot": "my..kernel",
    "hyphen-first": "-rf",
    "long": "a" * 65,
    "very-long": "a" * 5000,
    "quotes": "'''\"\"\"",
    "template": "{% raw %}",
}
"""What is no kernel's name, each in its own way."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which programs write below *home*, and git needs no settings."""
    return {
        **os.environ,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "tests",
        "GIT_AUTHOR_EMAIL": "tests@site.example",
        "GIT_COMMITTER_NAME": "tests",
        "GIT_COMMITTER_EMAIL": "tests@site.example",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        **more,
    }


def run(
    *words: str | Path, home: Path, cwd: Path | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """What a program answered; it must end with *code*, where one is given."""
    told = subprocess.run(
        [str(word) for word in words],
        cwd=cwd or home,
        env=environment(home),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert code is None or told.returncode == code, f"{words}:\n{told.stdout}\n{told.stderr}"
    return told


def module(
    name: str, *words: str | Path, home: Path, cwd: Path | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """What `python -m NAME WORDS` answered."""
    return run(sys.executable, "-m", name, *words, home=home, cwd=cwd, code=code)


def copy_of_the_template(folder: Path) -> Path:
    """The tracked files of the template and its schema, copied to *folder*; links stay links."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in told.stdout.decode().split("\0"):
        if name.startswith(CARRIED):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)
    return folder


def commit(folder: Path, home: Path) -> str:
    """Commit everything in *folder*, made a repository where it is none; the commit's id."""
    run("git", "init", "--quiet", "--initial-branch=main", folder, home=home)
    run("git", "add", "--all", home=home, cwd=folder)
    run("git", "commit", "--quiet", "--message=x", home=home, cwd=folder)
    return run("git", "rev-parse", "HEAD", home=home, cwd=folder).stdout.strip()


def files_of(folder: Path) -> set[str]:
    """The names of all files below *folder*, those of git left out."""
    names = {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}
    return {name.as_posix() for name in names if ".git" not in name.parts}


def requirements(folder: Path) -> Any:
    """The value of the requirements.json in *folder*."""
    return json.loads((folder / "requirements.json").read_text(encoding="utf-8"))


def findings(folder: Path) -> list[Finding]:
    """What the schema check says of the kernel in *folder*."""
    place = project.locate(str(folder))
    return list(schema.check(project.load(place), place.requirements))
