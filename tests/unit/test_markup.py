"""The tags of a page: those that are there, in time that grows with the page and no faster."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelspec_lib.packages.markup import tags


def test_tags_and_their_attributes() -> None:
    page = (
        "<!DOCTYPE html><base href=\"/x/\"><META Name=pypi:repository-version content='1.0'>"
        '<A HREF="a.whl#sha256=0" data-requires-python="&gt;=3.8,<4" data-yanked>a > b</A><br/>'
        '<!-- <a href="commented.whl"> --><a href=\'b.whl\'data-yanked="it\'s bad">b</a><abbr a=1>'
    )
    assert list(tags(page)) == [
        ("base", {"href": "/x/"}),
        ("meta", {"name": "pypi:repository-version", "content": "1.0"}),
        (
            "a",
            {"href": "a.whl#sha256=0", "data-requires-python": ">=3.8,<4", "data-yanked": None},
        ),
        ("a", {"href": "b.whl", "data-yanked": "it's bad"}),
    ]


@pytest.mark.parametrize(
    "page",
    ["<a", "<a ", "<a href", '<a href="x', "<a href='x\">", "<!-- <a href=x>", "< a href=x>"],
)
def test_what_never_ends_is_no_tag(page: str) -> None:
    assert list(tags(page)) == []


def test_of_two_attributes_alike_the_first_counts() -> None:
    assert list(tags('<a href="1" HREF="2">')) == [("a", {"href": "1"})]


def test_reading_goes_on_behind_a_mistake() -> None:
    assert list(tags('<a href="1" <![x[ </a x= <a href="3">')) == [("a", {"href": "3"})]


@given(st.text(alphabet="<>a =\"'/!-h&;", max_size=60) | st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    assert len(list(tags(text))) <= text.count("<")


@pytest.mark.parametrize(
    "unit",
    [
        "<a ",
        "<a/",
        "<!--",
        "<a href='",
        '<a href="x" ',
        "<a =",
        "<",
        "<a b",
        "<a &",
        "<a '<a \"",
        "a=",
    ],
)
def test_a_hostile_page_takes_no_long_time(unit: str) -> None:
    page = "<a " * (unit == "a=") + unit * (300_000 // len(unit))
    begun = time.process_time()
    list(tags(page))
    # A bound for what took hours, and no benchmark.
    assert time.process_time() - begun < 10
