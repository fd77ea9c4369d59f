"""Lines of libs: which are taken, and what is said of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from kernelspec_lib import requirement
from kernelspec_lib.requirement import Refusal


@pytest.mark.parametrize(
    "text",
    ["pandas", "pandas==2.2.3", "dask[dataframe]>=2024.1", "x~=1.4 ; python_version < '3.13'",
     "torch==2.1.0+cpu", "x===1.0", "x>=1,<2,!=1.5", " spaced ", "zope.interface"],
)  # fmt: skip
def test_requirements_are_taken(text: str) -> None:
    assert isinstance(requirement.read(text), Requirement)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-r other.txt", "option"),
        ("--index-url=https://packages.example", "option"),
        ("-e .", "option"),
        ("./wheels/x.whl", "path"),
        ("/srv/x", "path"),
        ("~/x", "path"),
        ("..", "path"),
        ("C:\\x", "path"),
        ("x-1.0-py3-none-any.whl", "path"),
        ("x-1.0.tar.gz", "path"),
        ("https://files.example/x.whl", "URL"),
        ("file:///srv/x.whl", "URL"),
        ("x @ https://files.example/x.whl", "URL"),
        ("x@file:///srv/x", "URL"),
        ("git+https://git.example/x.git", "version control"),
        ("git+ssh://git@git.example/x.git@main", "version control"),
        ("x @ git+https://git.example/x.git", "version control"),
    ],
)
def test_ks107_refuses_what_goes_around_the_index(text: str, told: str) -> None:
    refusal = requirement.read(text)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "KS107"
    assert told in refusal.reason


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pandas=2.2", 'did you mean "pandas==2.2"?'),
        ("pandas 2.2", 'did you mean "pandas==2.2"?'),
        ("pandas v2.2", 'did you mean "pandas==2.2"?'),
        ("pandas numpy", "write one requirement an entry"),
        ("pandas, numpy", "write one requirement an entry"),
        ("pändas", "write it in plain ASCII letters, digits and punctuation"),
        ("x ; " + "(" * 400, 'write it as in "pandas==2.2.3" or "dask[dataframe]>=2024.1"'),
        ("", 'write it as in "pandas==2.2.3" or "dask[dataframe]>=2024.1"'),
    ],
)
def test_ks106_says_how_to_write_it(text: str, hint: str) -> None:
    refusal = requirement.read(text)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.hint) == ("KS106", hint)


def test_ks107_repeats_no_password() -> None:
    refusal = requirement.read("git+https://ada:secret@git.example/x.git?token=secret")
    assert isinstance(refusal, Refusal)
    assert "secret" not in refusal.reason + refusal.hint


@given(
    st.text(max_size=80) | st.text(alphabet="()'\"<>=!~;,[]andor 0123456789.x-@:/+", max_size=300)
)
def test_any_text_is_a_requirement_or_refused(text: str) -> None:
    assert isinstance(requirement.read(text), Requirement | Refusal)


@pytest.mark.parametrize(
    "text", ["x==" + "9" * 900, "x ; " + "(" * 900 + "os_name=='a'" + ")" * 900]
)
def test_numbers_and_brackets_without_end_are_refused_or_read(text: str) -> None:
    assert isinstance(requirement.read(text), Requirement | Refusal)


@pytest.mark.parametrize(
    ("text", "pinned"),
    [("x==1.0", True), ("x===1.0", True), ("x>=1,==1.5", True),
     ("x==1.*", False), ("x~=1.0", False), ("x", False)],
)  # fmt: skip
def test_a_pin_admits_one_release(text: str, pinned: bool) -> None:
    assert requirement.is_pinned(Requirement(text)) == pinned
