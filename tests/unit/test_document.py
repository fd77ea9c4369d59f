"""The reader: values as json.loads gives them, every key and value with its place, no exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelspec_lib import document, jsonscan, jsontext
from kernelspec_lib.document import Document, Span
from kernelspec_lib.wording import shown

VISIBLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | VISIBLE
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(VISIBLE, inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


def read(text: str) -> Document:
    return document.read(text.encode())


def told(text: str | bytes) -> list[tuple[str, int, int]]:
    source = document.read(text if isinstance(text, bytes) else text.encode())
    return [(one.code, one.span.line, one.span.column) for one in source.faults]


@given(VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_value_is_that_of_json_loads(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    source = read(text)
    assert source.faults == ()
    assert source.value == json.loads(text)


@given(VALUES)
def test_every_place_holds_the_value_it_names(value: Any) -> None:
    source = read(json.dumps(value, indent=1, ensure_ascii=False))
    lines = source.text.split("\n")
    for path, expected in walk(value, ()):
        span = source.span_of(document.joined(path))
        assert json.loads(cut(lines, span)) == expected
        if path and isinstance(path[-1], str):
            assert json.loads(cut(lines, source.span_of_key(document.joined(path)))) == path[-1]


def walk(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(below, (*path, key))


def cut(lines: list[str], span: Span) -> str:
    chosen = lines[span.line - 1 : span.end_line]
    chosen[-1] = chosen[-1][: span.end_column - 1]
    chosen[0] = chosen[0][span.column - 1 :]
    return "\n".join(chosen)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(raw: bytes) -> None:
    source = document.read(raw)
    assert source.readable or source.faults
    for fault in source.faults:
        assert source.text == "" or source.line(fault.span.line) is not None
        assert 1 <= fault.span.line <= source.text.count("\n") + source.text.count("\r") + 1


@settings(max_examples=300)
@given(st.text(alphabet="{}[],:\"\\ \n\t0129.eE+-truefalsnNI/*#'u\ud7ff\u202e", max_size=60))
def test_texts_that_are_nearly_json_agree_with_json_loads(text: str) -> None:
    source = read(text)
    try:
        value = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    except (ValueError, pytest.fail.Exception):
        assert source.faults
    else:
        if not source.faults:
            assert source.value == value


@pytest.mark.parametrize(
    ("text", "places", "value"),
    [
        ('{"a": 1,}', [("KS003", 1, 8)], {"a": 1}),
        ('[,1]', [("KS003", 1, 2)], [1]),
        ('{"a": 1\n "b": 2}', [("KS003", 1, 7)], {"a": 1, "b": 2}),
        ('{"a" 1}', [("KS003", 1, 4)], {"a": 1}),
        ('{a: 1}', [("KS003", 1, 2)], {"a": 1}),
        ("{'a': 'b'}", [("KS003", 1, 2), ("KS003", 1, 7)], {"a": "b"}),
        ('{"a": True}', [("KS003", 1, 7)], {"a": True}),
        ('{"a": 1} // note', [("KS003", 1, 10)], {"a": 1}),
        ('/* note */ {"a": 1}', [("KS003", 1, 1)], {"a": 1}),
        ('{"a":\u00a01}', [("KS003", 1, 6)], {"a": 1}),
        ('{"a": 01}', [("KS003", 1, 7)], {"a": None}),
        ('{"a": "C:\\data"}', [("KS003", 1, 10)], {"a": "C:\\data"}),
        ('{"a": 1} {}', [("KS003", 1, 10)], {"a": 1}),
    ],
)  # fmt: skip
def test_ks003_reading_goes_on_after(
    text: str, places: list[tuple[str, int, int]], value: object
) -> None:
    assert told(text) == places
    assert read(text).value == value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1)),
        ('{"a": "b\n}', (1, 7)),
        ('{"a": [1}', (1, 9)),
        ('{"a": 1', (1, 8)),
        ('{"a": 1, [}', (1, 10)),
    ],
)
def test_ks003_reading_stops_at(text: str, place: tuple[int, int]) -> None:
    source = read(text)
    assert not source.readable
    assert told(text) == [("KS003", *place)]


def test_ks004_points_at_the_second_key_and_keeps_both_places() -> None:
    assert told('{"a": 1,\n "a": 2}') == [("KS004", 2, 2)]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_ks005_points_at_the_number(word: str) -> None:
    assert told(f'{{"a":\n  {word}}}') == [("KS005", 2, 3)]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('"a\u202eb"', 3),
        ('"a\\u202eb"', 3),
        ('"a\\ud800b"', 3),
        ('"a\\udc00b"', 3),
        ('"a\x07b"', 3),
        ('"a\tb"', 3),
        ('"\u200b"', 2),
        ('"\x7f"', 2),
        ('"\u2028"', 2),
    ],
)
def test_ks006_points_at_the_character(text: str, column: int) -> None:
    assert told(text) == [("KS006", 1, column)]


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert read('"\\ud83d\\ude00"').value == "😀"


@pytest.mark.parametrize("raw", ['{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32-be")])
def test_ks001_other_encodings_are_named_and_not_read(raw: bytes) -> None:
    assert told(raw) == [("KS001", 1, 1)]
    assert not document.read(raw).readable


def test_ks001_points_at_the_byte_and_the_rest_is_still_read() -> None:
    source = document.read(b'{"a": "caf\xe9",\n "b": 1,}')
    assert [(one.code, one.span.line, one.span.column) for one in source.faults] == [
        ("KS001", 1, 11),
        ("KS003", 2, 8),
    ]
    assert source.has_fault_at("/a")
    assert not source.has_fault_at("/b")


def test_columns_count_behind_a_byte_order_mark() -> None:
    assert told(b'\xef\xbb\xbf{"a": 1,}') == [("KS002", 1, 1), ("KS003", 1, 8)]


def test_ks007_points_at_the_bracket_that_is_one_too_many() -> None:
    assert told("[" * 100_000) == [("KS007", 1, jsontext.MAX_DEPTH + 1)]
    deep = jsontext.MAX_DEPTH
    assert told("[" * deep + "]" * deep) == []


@pytest.mark.parametrize(
    "raw",
    [
        b" " * (document.MAX_BYTES + 1),
        b"[" + b"0," * jsontext.MAX_VALUES + b"0]",
        b'{"' + b"k" * (jsontext.MAX_KEY + 1) + b'": 1}',
    ],
)
def test_ks008_what_is_too_large_is_not_read(raw: bytes) -> None:
    assert [code for code, *_ in told(raw)] == ["KS008"]
    assert not document.read(raw).readable


@pytest.mark.parametrize(
    "unit", [b'"a":1,', b"/**/", b"\xc2\xa0", b"x ", b"'", b'"', b"\\", b"#", b",", b"}", b"1 "]
)
def test_a_flood_of_mistakes_is_told_up_to_a_bound(unit: bytes) -> None:
    flood = b"{" + unit * (document.MAX_BYTES // len(unit) - 1)
    assert 0 < len(document.read(flood).faults) <= jsonscan.MAX_FLAWS


@pytest.mark.parametrize(
    ("offset", "place"),
    [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (4, (3, 1)), (5, (3, 2)), (6, (4, 1))],
)
def test_position_counts_lf_crlf_and_cr_as_one_end(offset: int, place: tuple[int, int]) -> None:
    # RFC 8259 allows each of them between values.
    source = read("[\n\r\n1\r]")
    assert source.position(offset) == place


def test_position_past_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        read("{}").position(3)


def test_pointers_escape_as_rfc_6901_says() -> None:
    source = read('{"a/b": {"m~n": [0, 7]}}')
    assert source.span_of("/a~1b/m~0n/1") == Span(line=1, column=21, end_line=1, end_column=22)
    assert document.unescaped("/a~1b/m~0n/1") == ["a/b", "m~n", "1"]
    with pytest.raises(KeyError):
        source.span_of("/a~1b/nothing")


def test_shown_lets_nothing_reach_the_terminal() -> None:
    assert shown("a\x1b[31mb") == '"a\\u001b[31mb"'
    assert shown("x" * 100).endswith('…"')
