"""Dockerfiles as people write them for notebooks: their structure, not their words.

`tests/dockerfiles/expected.json` tells for each what a reviewer would object to, by line.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelspec_lib.checks.dockerfile import check

FOLDER = Path(__file__).parent / "dockerfiles"
EXPECTED: dict[str, list[str]] = json.loads((FOLDER / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_only_what_a_reviewer_would_object_to_is_found(name: str) -> None:
    text = (FOLDER / f"{name}.Dockerfile").read_bytes().decode()
    findings = check(text, "Dockerfile", base_image="python:3.11-slim")
    assert sorted(f"{one.span.line} {one.code}" for one in findings) == sorted(EXPECTED[name])


def test_each_has_its_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.Dockerfile")} == set(EXPECTED)
    assert len(EXPECTED) >= 25
