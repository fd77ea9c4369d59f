"""KS0xx and KS1xx beyond the cases on disk: the words, and every error in one run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kernelspec_lib import data, document, shape
from kernelspec_lib.checks import schema
from kernelspec_lib.findings import Finding

GOOD: dict[str, Any] = {
    "kernel_name": "churn",
    "python_version": "3.11",
    "libs": ["ipykernel", "pandas==2.2.3"],
}


def findings(value: object) -> list[Finding]:
    source = document.read(json.dumps(value, indent=2).encode())
    return list(schema.check(source, "requirements.json"))


def one(value: object) -> Finding:
    (finding,) = findings(value)
    return finding


def test_the_smallest_good_file_passes() -> None:
    assert findings(GOOD) == []


def test_every_key_filled_in_passes() -> None:
    full = {
        "$schema": ".kernelspec/requirements.schema.json",
        "kernel_name": "churn.model-2",
        "display_name": "Churn (März) 📈",
        "python_version": "3.11",
        "base_image": "registry.example:5000/team/base:1.2@sha256:" + "0" * 64,
        "image_name": "churn",
        "image_version": "1.4.0",
        "libs": ["ipykernel==6.29.5", "dask[dataframe]==2024.1.0 ; python_version > '3.8'"],
        "system_packages": ["libgomp1", "g++"],
        "resources": {"memory": "4g", "cpus": 0.5, "pids": 100, "shm_size": "1g", "gpus": "all"},
        "environment": {"SPARK_HOME": "/opt/spark", "_X": ""},
        "stage": "production",
        "ignore": {"KS305": "built and tried on our base image"},
    }
    assert findings(full) == []


def test_every_error_is_told_in_one_run() -> None:
    bad = {"kernel_name": "A B", "libs": ["x=1", "-r y"], "stage": "prod", "unknown_thing": 1}
    codes = [one.code for one in findings(bad)]
    assert sorted(codes) == ["KS101", "KS102", "KS104", "KS105", "KS106", "KS107"]


@pytest.mark.parametrize("key", ["kernel_name", "python_version", "libs"])
def test_ks101_points_at_the_brace_that_opens(key: str) -> None:
    finding = one({name: value for name, value in GOOD.items() if name != key})
    assert (finding.code, finding.pointer) == ("KS101", "")
    assert (finding.span.line, finding.span.column, finding.span.end_column) == (1, 1, 2)
    assert f'"{key}"' in finding.message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kernelname", "kernel_name"),
        ("Kernel-Name", "kernel_name"),
        ("lib", "libs"),
        ("sytem_packages", "system_packages"),
        ("python", "python_version"),
        ("envronment", "environment"),
    ],
)
def test_ks102_asks_did_you_mean(typed: str, meant: str) -> None:
    finding = one({**GOOD, typed: []})
    assert (finding.code, finding.pointer) == ("KS102", f"/{typed}")
    assert finding.hint == f'did you mean "{meant}"?'


def test_ks102_names_what_is_known_where_nothing_is_near() -> None:
    assert one({**GOOD, "zzz": 1}).hint.startswith("known are $schema, kernel_name")


def test_ks103_tells_what_a_version_as_a_number_loses() -> None:
    finding = one({**GOOD, "python_version": 3.1})
    assert finding.message == "python_version must be a string, and is a number"
    assert "double quotes" in finding.hint


@pytest.mark.parametrize("value", [[], "x", 1, None, True])
def test_ks103_a_document_that_is_no_object(value: object) -> None:
    assert [finding.code for finding in findings(value)] == ["KS103"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kernel_name", "a_b"),
        ("kernel_name", "a..b"),
        ("kernel_name", "-a"),
        ("kernel_name", "a/../b"),
        ("kernel_name", "é"),
        ("kernel_name", "٣"),
        ("kernel_name", "a" * 65),
        ("kernel_name", ""),
        ("display_name", "   "),
        ("display_name", "x" * 101),
        ("python_version", "3"),
        ("python_version", "3.11.4"),
        ("python_version", "2.7"),
        ("python_version", "3.01"),
        ("base_image", "--privileged"),
        ("base_image", "python:3.11 slim"),
        ("base_image", "Python"),
        ("image_name", "a_b"),
        ("image_version", "-rc1"),
        ("image_version", "a/b"),
        ("image_version", "x" * 129),
        ("libs", []),
        ("system_packages", ["-y"]),
        ("system_packages", ["a b"]),
        ("system_packages", ["a;b"]),
        ("resources", {"memory": "0g"}),
        ("resources", {"memory": "1b"}),
        ("resources", {"memory": "999999999999999g"}),
        ("resources", {"shm_size": "999999999999999g"}),
        ("ignore", {"KS305": "  "}),
        ("ignore", {"KS305": ""}),
        ("resources", {"memory": "4G"}),
        ("resources", {"cpus": -1}),
        ("resources", {"pids": 0}),
        ("resources", {"gpus": "some"}),
        ("environment", {"A-B": "x"}),
        ("environment", {"A=B": "x"}),
        ("environment", {"": "x"}),
        ("environment", {"A": "{connection_file}"}),
    ],
)
def test_ks104_refuses(key: str, value: object) -> None:
    assert [finding.code for finding in findings({**GOOD, key: value})] == ["KS104"]


@pytest.mark.parametrize(
    "key", ["kernel_name", "image_name", "image_version", "python_version", "base_image"]
)
def test_a_newline_at_the_end_does_not_slip_through_a_pattern(key: str) -> None:
    value = {"python_version": "3.11\n", "base_image": "registry.example/a:1\n"}.get(key, "a\n")
    source = document.read(json.dumps({**GOOD, key: value}).encode())
    # The reader refuses the character before the pattern is asked; the pattern must hold as well.
    assert [fault.code for fault in source.faults] == ["KS006"]
    validator = Draft202012Validator(data.schema("requirements"))
    assert not validator.is_valid({**GOOD, key: value})


@pytest.mark.parametrize(
    ("base_image", "own"),
    [
        ("registry.example/base:1", True),
        ("localhost/base", True),
        ("hub:5000/base", True),
        ("python:3.11-slim", False),
        ("library/python:3.11", False),
        ("docker.io/library/python:3.11", False),
    ],
)
def test_ks109_ipykernel_may_come_from_an_image_of_the_sites_own(
    base_image: str, own: bool
) -> None:
    codes = [
        finding.code for finding in findings({**GOOD, "libs": ["x"], "base_image": base_image})
    ]
    assert codes == ([] if own else ["KS109"])


@pytest.mark.parametrize(
    "spelling", ["IPyKernel", "ipykernel[test]>=6", "ipykernel ; os_name == 'posix'"]
)
def test_ks109_knows_ipykernel_however_it_is_written(spelling: str) -> None:
    assert findings({**GOOD, "libs": [spelling]}) == []


def test_ks111_points_at_the_stage_where_no_version_is_written() -> None:
    finding = one({**GOOD, "libs": ["ipykernel==6.29.5"], "stage": "production"})
    assert (finding.code, finding.pointer) == ("KS111", "/stage")


def test_a_value_that_is_a_fault_already_is_not_judged_twice() -> None:
    raw = json.dumps(GOOD).replace('"churn"', "NaN").encode()
    source = document.read(raw)
    assert [finding.code for finding in schema.check(source, "r")] == ["KS005"]


KEYS = st.sampled_from([*data.schema("requirements")["properties"], "other", ""])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from(["3.11", "churn", "4g", "all", "latest", "production", "ipykernel", "KS305"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4) | st.just("memory") | st.just("gpus"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=300)
@given(st.dictionaries(KEYS, ANY, max_size=6).map(lambda extra: {**GOOD, **extra}))
def test_the_quick_yes_or_no_agrees_with_jsonschema(value: dict[str, Any]) -> None:
    # Two libraries read one schema: a file must never pass the quick one and fail the other.
    assert shape._conforms("requirements", value) == Draft202012Validator(
        data.schema("requirements")
    ).is_valid(value)


@settings(max_examples=300)
@given(st.dictionaries(KEYS, ANY, max_size=6) | ANY)
def test_any_value_gives_findings_that_stand_on_what_they_name(value: object) -> None:
    source = document.read(json.dumps(value, indent=1).encode())
    for finding in schema.check(source, "requirements.json"):
        places = [source.span_of(finding.pointer), source.span_of_key(finding.pointer)]
        if finding.code == "KS101":
            places = [source.span_of_opening(finding.pointer)]
        assert finding.code in ("KS005", "KS006") or finding.span in places


def test_the_schemas_are_schemas() -> None:
    for name in ("requirements", "policy"):
        Draft202012Validator.check_schema(data.schema(name))
