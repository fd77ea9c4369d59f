"""What `kernelspec resolve` says of requirement sets: each run a process, as its users meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA: Mapping[str, Any] = json.loads(Path(__file__).with_name("requirement_sets.json").read_text())
SETS: Mapping[str, Mapping[str, Any]] = {one["id"]: one for one in DATA["cases"]}
BUILDS = "KS305"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one run said of one set."""

    code: int
    findings: tuple[Mapping[str, Any], ...]
    libs: tuple[str, ...]
    """Normalised names, line by line."""
    lock: Path | None
    told: str
    """All that it said, for the one who reads why a test failed."""

    def blamed(self, *severities: str, code: str = "") -> set[str]:
        """The libs whose lines findings of *severities* (all, where none is named) point at."""
        return {
            self._lib(one["pointer"])
            for one in self.findings
            if (not severities or one["severity"] in severities) and code in one["code"]
        }

    def _lib(self, pointer: str) -> str:
        number = pointer.removeprefix("/libs/")
        return self.libs[int(number)] if number.isdigit() else pointer


def resolve(one: Mapping[str, Any], folder: Path, url: str, cache: Path) -> Verdict:
    """The verdict on the set *one*, whose kernel is written to *folder*."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    folder.mkdir(parents=True)
    python = one["python_version"]
    value = {
        "kernel_name": one["id"],
        "python_version": python,
        "base_image": f"python:{python}-slim-bookworm",
        "libs": one["libs"],
    }
    (folder / "requirements.json").write_text(json.dumps(value, indent=2))
    command = [sys.executable, "-m", "kernelspec_lib", "resolve", str(folder)]
    command += ["--index-url", url, "--output-format", "json"]
    seen = os.environ | {"KERNELSPEC_CACHE": str(cache), "PIP_CONFIG_FILE": "/dev/null"}
    done = subprocess.run(command, env=seen, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)["findings"] if done.stdout.startswith("{") else []
    lock = folder / "requirements.lock"
    return Verdict(
        code=done.returncode,
        findings=tuple(one for one in told if one["code"].startswith("KS3")),
        libs=tuple(str(canonicalize_name(Requirement(text).name)) for text in one["libs"]),
        lock=lock if lock.exists() else None,
        told=done.stdout + done.stderr,
    )
