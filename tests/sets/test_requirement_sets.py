"""Requirement sets of public notebooks, and of our own, against the verdicts of two judges.

The judges are uv for the target and pip in a real interpreter; requirement_sets.json says which
versions, and of which day the index is. A set whose verdict has changed because the index took a
release away since stays as it is, with `moved` saying what happened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib import policy as policies
from kernelspec_lib.packages import index
from tests.sets import frozen_index
from tests.sets.product import BUILDS, DATA, SETS, Verdict, resolve

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Verdict]]:
    """Of all sets, judged side by side against the index as it was at the cut-off."""
    root = tmp_path_factory.mktemp("sets")
    config = index.configure(None, policies.load(None), os.environ)
    with (
        frozen_index.serving(config, DATA["cutoff"]) as url,
        ThreadPoolExecutor(max_workers=4) as threads,
    ):
        still = replace(config, url=url, username="", password="", proxies={})
        waiting = {
            name: threads.submit(resolve, one, root / name, still, root / "cache")
            for name, one in SETS.items()
        }
        yield {name: future.result() for name, future in waiting.items()}


def of_verdict(verdict: str) -> list[str]:
    """The ids of the sets with *verdict*."""
    return [name for name, one in SETS.items() if one["verdict"] == verdict]


def test_there_are_sets_of_every_verdict() -> None:
    assert len(SETS) == len(DATA["cases"]) >= 100
    assert {one["verdict"] for one in DATA["cases"]} == {"resolves", "needs_build", "fails"}


@pytest.mark.parametrize("name", of_verdict("resolves"))
def test_a_set_that_resolves_has_a_lock_and_no_error(
    name: str, verdicts: Mapping[str, Verdict]
) -> None:
    verdict = verdicts[name]
    assert verdict.blamed("error") == set(), verdict.told
    assert verdict.lock is not None, verdict.told
    warned: Mapping[str, Any] = SETS[name].get("warned", {})
    assert {code: sorted(verdict.blamed(code=code)) for code in warned} == warned


@pytest.mark.parametrize("name", of_verdict("needs_build"))
def test_a_set_that_needs_a_build_says_which_lines(
    name: str, verdicts: Mapping[str, Verdict]
) -> None:
    verdict, one = verdicts[name], SETS[name]
    expected = set(one["offending"])
    assert verdict.blamed(code=BUILDS) == expected, verdict.told
    assert verdict.lock is not None, verdict.told


@pytest.mark.parametrize("name", of_verdict("fails"))
def test_a_set_that_fails_blames_the_lines_to_change(
    name: str, verdicts: Mapping[str, Verdict]
) -> None:
    verdict, one = verdicts[name], SETS[name]
    assert verdict.lock is None
    # also_blamed: lines that have a part in it; `reason` or `note` says which.
    blamed = verdict.blamed("error")
    expected = set(one["offending"])
    assert expected <= blamed <= expected | set(one.get("also_blamed", ())), verdict.told
    assert all(finding.span.line > 1 for finding in verdict.findings)


def test_every_lock_says_the_python_it_is_for(verdicts: Mapping[str, Verdict]) -> None:
    for name, verdict in verdicts.items():
        if verdict.lock is not None:
            told = Path(verdict.lock).read_text().splitlines()[1]
            assert told == f"# python {SETS[name]['python_version']}"
