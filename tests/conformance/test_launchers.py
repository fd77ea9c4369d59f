"""The whole suite against a kernel spec of each launcher, each run by a user of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from kernelspec_lib.conformance import suite
from kernelspec_lib.conformance.case import KNOWN
from kernelspec_lib.delivery.engine import Engine
from tests.conformance.conftest import KERNEL, LAUNCHERS, none_of, site
from tests.conformance.people import Person, World

pytestmark = [pytest.mark.docker, pytest.mark.network]

NEEDS_MORE = {case.id for case in suite.ELSEWHERE} | {"budget"}
"""What test_hub.py and its neighbours look at."""

SIZES = {suite.AT_ONCE: "4", suite.IN_A_ROW: "4"}
"""In CI. The full numbers are those of the command line: 30, and 200."""


@pytest.fixture(scope="session")
def reports() -> dict[str, dict[str, Any]]:
    """By launcher, the cases of the suite's report; each is run when it is first asked for."""
    return {}


def report(
    reports: dict[str, dict[str, Any]], launcher: str, world: World, who: Person, engine: Engine
) -> dict[str, Any]:
    if launcher not in reports:
        site(world)
        sizes = {name: os.environ.get(name, usual) for name, usual in SIZES.items()}
        done = world.run(["kernelspec", "try", "--conformance", KERNEL, "--json"], who, **sizes)
        assert done.stdout, done.stderr
        value = json.loads(done.stdout)
        assert (value["kernel"], value["launcher"]) == (KERNEL, launcher)
        reports[launcher] = {case["id"]: case for case in value["cases"]}
        assert none_of(engine, who)
    return reports[launcher]


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("case", [case.id for case in suite.CASES if case.id not in NEEDS_MORE])
def test_a_case(
    case: str,
    launcher: str,
    reports: dict[str, dict[str, Any]],
    world: World,
    somebody: Callable[[str], Person],
    engine: Engine,
) -> None:
    found = report(reports, launcher, world, somebody(launcher), engine)[case]
    wanted = "known" if case in KNOWN.get(launcher, {}) else "passed"
    assert found["outcome"] == wanted, found["reason"]
