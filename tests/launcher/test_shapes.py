"""The launcher's reading of a schema, held against jsonschema's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelspec_lib import data
from kernelspec_lib.launcher import shapes, terms
from kernelspec_lib.launcher.notes import Refused

POLICY = data.schema("policy")
EXAMPLES = sorted((Path(__file__).parent.parent.parent / "docs" / "policies").glob("*.json"))
SAMPLES: list[Any] = [
    *(json.loads(path.read_text()) for path in EXAMPLES),
    {},
    {"launcher": "sudo", "network": "none", "per_user": {"memory": "4g", "cpus": 2, "kernels": 3}},
    {"groups": {"a": {"members": ["ada"], "resources": {"maximum": {"gpus": "all"}}}}},
    {"libs": {"denied": [{"requirement": "torch<2", "reason": "x"}]}, "system_packages": ["lib*"]},
    {"work_dir": {"source": "/srv/{login}"}, "mounts": [{"source": "/a", "read_only": False}]},
]
MUTANTS = (None, True, 0, -1, 1.5, "", "4g", "/../x", "4g\n", [], ["a"], {}, {"memory": "0g"})


def keywords(schema: Any) -> set[str]:
    """Every keyword in *schema*, whose names of properties are none."""
    if isinstance(schema, list):
        return {word for one in schema for word in keywords(one)}
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            found |= {word for one in value.values() for word in keywords(one)}
        elif key not in ("enum", "const", "default", "required"):
            found |= keywords(value)
    return found


@pytest.mark.parametrize("name", ["policy", "requirements"])
def test_every_keyword_of_the_schemas_is_understood(name: str) -> None:
    assert shapes.schema(name) == data.schema(name)
    assert keywords(data.schema(name)) <= set(shapes.KEYWORDS)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = [at]
    for key, one in items if isinstance(value, dict | list) else ():
        found += paths(one, (*at, key)) if isinstance(one, dict | list) else [(*at, key)]
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


@given(st.sampled_from(SAMPLES).flatmap(
    lambda one: st.tuples(st.just(one), st.sampled_from(paths(one)), st.sampled_from(MUTANTS))
))  # fmt: skip
def test_the_verdict_is_jsonschemas(mutation: tuple[Any, tuple[Any, ...], Any]) -> None:
    value = changed(*mutation)
    theirs = jsonschema.Draft202012Validator(POLICY).is_valid(value)
    assert (next(shapes.faults(value, POLICY, POLICY), None) is None) == theirs


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{", "Expecting property name"),
        (b'{"network": "host", "network": "none"}', 'the key "network" stands in it twice'),
        (b'{"resources": {"default": {"cpus": NaN}}}', "NaN is no JSON"),
        (b'{"resources": {"default": {"memroy": "1g"}}}', "/resources/default/memroy is not known"),
        (b'{"network": "hots"}', "/network must be one of host, bridge, none"),
        (b'{"work_dir": "work"}', "/work_dir must be an absolute path"),
        (b"[]", "/ must be of type object"),
        (b"\xff", "can't decode"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: bytes, told: str) -> None:
    with pytest.raises(Refused, match=r"The site policy /etc/p has a mistake") as caught:
        terms.policy_of(text, "/etc/p")
    assert told in str(caught.value)
