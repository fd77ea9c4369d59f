"""The table of rules, and the page that is made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelspec_lib.findings import RULES
from kernelspec_lib.rules import page

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"


def test_the_page_of_rules_is_what_the_table_says() -> None:
    told = "docs/rules.md is old; run: kernelspec explain --markdown > docs/rules.md"
    assert PAGE.read_text(encoding="utf-8") == page.whole(RULES.values()), told


def test_codes_are_in_order_and_names_are_unique() -> None:
    assert list(RULES) == sorted(RULES)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("code", list(RULES))
def test_a_rule_says_why_and_has_two_examples_and_a_place_on_the_page(code: str) -> None:
    rule = RULES[code]
    assert rule.why.endswith(".")
    assert rule.bad != rule.good
    assert f"### {code}\n" in PAGE.read_text(encoding="utf-8")
    assert rule.url == f"docs/rules.md#{code.lower()}"
    assert code[:3] in page.FAMILIES


@pytest.mark.parametrize("code", [code for code in RULES if not code.startswith("KS0")])
def test_an_example_that_looks_like_json_is_json(code: str) -> None:
    for example in (RULES[code].bad, RULES[code].good):
        if example.startswith("{"):
            assert isinstance(json.loads(example), dict)
