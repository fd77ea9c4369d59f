"""Every rule has one bad and one good folder on disk: `tests/cases/<CODE>/{bad,good}/`.

`bad/expected.json` lists every finding of the bad one, with its place. A rule without both fails.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kernelspec_lib import policy as policies
from kernelspec_lib import project as projects
from kernelspec_lib.checks import kernel, locked, pins
from kernelspec_lib.checks.opened import opened
from kernelspec_lib.findings import RULES, Finding
from kernelspec_lib.packages import index, lock, resolver
from kernelspec_lib.policy import Policy

CASES = Path(__file__).parent / "cases"
OFFLINE = [code for code in RULES if code[:3] in ("KS0", "KS1", "KS2")]
PINS = [code for code in RULES if code.startswith("KS3") and code != "KS310"]
DOCKERFILE = [code for code in RULES if code.startswith("KS4") and code != "KS411"]
"""What hadolint says is told by tests/unit/test_hadolint.py, from these cases as well."""


def expected(code: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((CASES / code / "bad" / "expected.json").read_text())
    return rows


def places(findings: list[Finding]) -> list[dict[str, object]]:
    return [
        {"code": one.code, "line": one.span.line, "column": one.span.column} for one in findings
    ]


def policy_of(code: str) -> Policy:
    own = CASES / code / "policy.json"
    return policies.load(own if own.exists() else None)


def examined(code: str, kind: str, *, alone: bool) -> kernel.Examined:
    folder = CASES / code / kind
    place = projects.locate(str(folder / "requirements.json" if alone else folder))
    return kernel.examine(opened(place, projects.load(place)), policy_of(code), "ada")


@pytest.mark.parametrize("code", OFFLINE)
def test_bad_file_is_found_at_its_place(code: str) -> None:
    assert places(list(examined(code, "bad", alone=True).findings)) == expected(code)


@pytest.mark.parametrize("code", OFFLINE)
def test_good_file_passes(code: str) -> None:
    assert examined(code, "good", alone=True).findings == ()


@pytest.mark.parametrize("code", DOCKERFILE)
def test_bad_folder_is_found_at_its_place(code: str) -> None:
    assert places(list(examined(code, "bad", alone=False).findings)) == expected(code)


@pytest.mark.parametrize("code", DOCKERFILE)
def test_good_folder_passes(code: str) -> None:
    assert examined(code, "good", alone=False).findings == ()


def resolved(code: str, kind: str, url: str) -> list[Finding]:
    project = examined(code, kind, alone=True).project
    assert project is not None, "a case of KS3xx must pass the schema"
    config = index.configure(url, Policy(), os.environ)
    outcome = resolver.resolve(project, config, os.environ, policy=policy_of(code))
    return list(pins.check(project, outcome))


@pytest.mark.parametrize("code", PINS)
def test_bad_pins_are_found_at_their_place(code: str, case_index_url: str) -> None:
    assert places(resolved(code, "bad", case_index_url)) == expected(code)


@pytest.mark.parametrize("code", PINS)
def test_good_pins_pass(code: str, case_index_url: str) -> None:
    assert resolved(code, "good", case_index_url) == []


@pytest.mark.parametrize("kind", ["bad", "good"])
def test_ks310_lock(kind: str) -> None:
    project = examined("KS310", kind, alone=True).project
    assert project is not None
    committed = lock.read(CASES / "KS310" / kind / "requirements.lock")
    findings = list(locked.check_lock(project, committed))
    assert places(findings) == (expected("KS310") if kind == "bad" else [])


def test_every_case_belongs_to_a_rule_and_every_rule_has_its_cases() -> None:
    assert {folder.name for folder in CASES.iterdir()} == set(RULES)
    for code in RULES:
        assert (CASES / code / "bad").is_dir()
        assert (CASES / code / "good").is_dir()
