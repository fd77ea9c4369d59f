"""Every rule's check, switched off, is noticed. All of them: `python -m tests.mutation`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from kernelspec_lib.checks import hadolint
from kernelspec_lib.document import PlainText
from kernelspec_lib.rules import RULES
from tests import test_cases
from tests.mutation import cases
from tests.mutation.mutants import HOUSE, Mutant, mutants, switched_off

MUTANTS = tuple(mutants())


def nearest_first(code: str) -> list[Mutant]:
    """The mutants that may be the check of *code*, those first that name it."""
    found = [one for one in MUTANTS if code in cases.codes_of(one)]
    return sorted(found, key=lambda one: (code not in one.codes, len(one.codes)))


@pytest.mark.parametrize("code", sorted(set(RULES) - {"KS411"}))
def test_without_its_check_the_case_of_a_rule_fails(code: str, case_index_url: str) -> None:
    assert not cases.breaks(code, case_index_url), "with all checks it passes"
    assert any(cases.broken(one, [code], case_index_url) for one in nearest_first(code))


def test_without_its_check_nothing_of_hadolint_is_told() -> None:
    row = {"line": 1, "column": 1, "level": "warning", "code": "DL3003", "message": "x"}
    row["file"] = "a"
    text = PlainText(text="RUN cd /tmp\n")

    def told() -> int:
        return len(list(hadolint.findings(json.dumps([row]), {"a": text})))

    assert told() == 1
    (one,) = [one for one in MUTANTS if one.module.endswith("hadolint") and "yield" in str(one)]
    with switched_off(one):
        assert told() == 0


def test_every_module_of_checks_has_something_to_switch_off() -> None:
    known = {one.module.removeprefix("kernelspec_lib.checks.") for one in MUTANTS}
    for path in (HOUSE / "checks").rglob("*.py"):
        if "yield " in path.read_text(encoding="utf-8"):
            assert path.stem in {name.rpartition(".")[2] for name in known}, path


def test_what_was_switched_off_is_on_again() -> None:
    (one,) = [one for one in MUTANTS if one.codes == {"KS203"}]
    with switched_off(one):
        assert test_cases.examined("KS203", "bad", alone=True).findings == ()
    assert test_cases.examined("KS203", "bad", alone=True).findings != ()


def test_a_mutant_is_noticed_by_tests_that_pass_without_it() -> None:
    """In a process of its own: `make mutants` starts pytest in a fork of one that is loaded."""
    one = next(one for one in MUTANTS if one.module.endswith("checks.schema"))
    probe = (
        "from tests.mutation import __main__ as made; from tests.mutation.mutants import Mutant\n"
        f"files = [made.TESTS / 'unit' / 'test_schema.py::{NOTICES}']\n"
        f"print(made.fails({one!r}, files), made.fails(None, files))"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert told.stdout == "True False\n"


NOTICES = "test_a_value_that_is_a_fault_already_is_not_judged_twice"
