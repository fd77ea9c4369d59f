"""The Dockerfile: what is read, what is found, and where."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernelspec_lib import dockerfile
from kernelspec_lib.checks.dockerfile import check

KEYWORDS = ["FROM x", "RUN", "ENV", "ADD", "ONBUILD", "pip install", "# escape=`"]
PIECES = [*'\n \\`["\r\t}', *KEYWORDS, "<<END", "END", "A=", "-i", "${", "--from=", "https://"]


def found(text: str, base_images: tuple[str, ...] | None = None) -> list[tuple[str, int, int]]:
    findings = check(text, "Dockerfile", base_images)
    return [(one.code, one.span.line, one.span.column) for one in findings]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join))
@example("RUN <<A <<B\nx\nA\n")
def test_any_text_gives_findings_inside_the_file(text: str) -> None:
    lines = text.split("\n")
    for one in check(text, "Dockerfile", ("python:*",)):
        assert 1 <= one.span.line <= len(lines)
        assert 1 <= one.span.column <= one.span.end_column <= len(lines[one.span.line - 1]) + 1


@pytest.mark.parametrize(
    "text",
    [
        "FROM x\nRUN " + "pip install " * 60_000,
        "FROM x\n" + "RUN <<A\n" * 60_000,
        "FROM x\nENV " + "A_" * 250_000 + "=1",
        "FROM x\nRUN " + "a://" * 200_000,
        "FROM " + "${A" * 200_000,
        "\\\n" * 300_000,
    ],
    ids=["words", "heredocs", "name", "schemes", "braces", "continued"],
)
def test_a_hostile_file_takes_no_long_time(text: str) -> None:
    start = time.process_time()
    list(check(text, "Dockerfile", ("python:*",)))
    # A bound for what would take hours, and no benchmark.
    assert time.process_time() - start < 30


def test_comments_and_blank_lines_within_an_instruction_are_left_out() -> None:
    text = "FROM x\nRUN a \\\n  # b\n\n  && pip install --index-url=u y\n"
    assert found(text) == [("KS404", 5, 18)]


def test_the_escape_character_may_be_another() -> None:
    (first, second) = dockerfile.read(
        "# syntax=docker/dockerfile:1\n# escape=`\nFROM x\nRUN a `\n b"
    )
    assert (first.name, [one.line for one in second.pieces]) == ("FROM", [4, 5])


def test_what_stands_in_a_heredoc_is_no_instruction() -> None:
    text = "FROM x\nRUN <<-'one' <<two\nFROM y\n\tone\nENV Z\ntwo\nUSER me\n"
    assert [one.name for one in dockerfile.read(text)] == ["FROM", "RUN", "USER"]
    assert found(text) == []


def test_an_onbuild_is_looked_into() -> None:
    assert found("FROM x\nONBUILD ADD https://x.example/a /a\n") == [("KS406", 2, 13)]


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y --no-install-recommends gcc -f",
        "RUN curl -i https://x.example && grep -if x",
        "RUN uv pip install -r requirements.lock --no-deps",
        "RUN conda install --index x",
        "ENV PIP_NO_CACHE_DIR=1 PIP_DEFAULT_TIMEOUT=100",
        "ENV SPARK_HOME=/opt/spark PATH=$PATH:/opt/spark/bin",
        "ENV HF_TOKEN=$HF_TOKEN",
        "ADD https.tar.gz /opt/",
        "LABEL org.opencontainers.image.url=https://x.example",
    ],
)
def test_what_owners_usually_write_is_no_finding(line: str) -> None:
    assert found(f"FROM x\n{line}\n") == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("RUN pip install -fhttps://x.example y", 17),
        ("RUN pip3.11 install y --trusted-host x.example", 23),
        ("RUN uv pip install --default-index https://x.example y", 20),
        ('RUN sh -c "pip install -i https://x.example y"', 24),
        ("RUN UV_DEFAULT_INDEX=https://x.example uv sync", 5),
        ("ARG PIP_EXTRA_INDEX_URL", 5),
        ("COPY conf/pip.conf /etc/", 6),
    ],
)
def test_another_index_is_found_however_it_is_named(line: str, column: int) -> None:
    assert found(f"FROM x\n{line}\n") == [("KS404", 2, column)]


def test_only_what_the_site_admits_is_begun_from() -> None:
    text = "ARG TAG=3.11\nFROM python:${TAG}-slim AS one\nFROM one\nRUN --mount=from=tool:1 x\n"
    assert found(text, ("python:*-slim",)) == [("KS403", 4, 5)]
    assert found("FROM ${OTHER:-python:3-slim}\n", ("python:*-slim",)) == []
    assert found("FROM ${OTHER}\n", ("python:*-slim",)) == [("KS403", 1, 6)]
