"""The Dockerfile's reader, held against BuildKit's own parser on texts that nobody would write."""

from __future__ import annotations

import dockerfile as buildkit
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernelspec_lib.dockerfile import Dockerfile, grammar, read, stages

PIECES = (
    "FROM x", "RUN ", "\n", "\n", "\n", "\\\n", " ", "#c", "# escape=`\n", "`\n", "ENV ", "COPY ",
    "ADD ", "--from=a ", "<<E", "<<-E", "<<'E'", "\nE\n", '"', "'", "\\", "$", "${", "}", "A=b",
    "a b", '["a", "b"]', "[1]", "ONBUILD ", "LABEL ", "ARG ", "HEALTHCHECK ", "CMD ", "\t", "\r\n",
    "E", "<", "#", "=", "3<<E", "USER ", "VOLUME ", "--a='b c' ", "-- ", ":-", "%", "$$",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join)


def refused(file: Dockerfile) -> bool:
    return not file.instructions or any(True for _ in grammar.troubles(file))


def strict(file: Dockerfile) -> bool:
    """Whether we refuse what builders of different ages read in different ways."""
    told = [trouble.message for one in file.instructions for trouble in one.troubles]
    return any(message.startswith(("something stands", "a space in")) for message in told)


@settings(max_examples=1500, deadline=None)
@given(TEXTS | TEXTS.map("FROM x\n{}".format))
@example("FROM x\nRUN <<-'E F' cat <<E\n\ta\n\tE F\nb\nE\nUSER a\n")
@example("FROM x\nCOPY ${V --a 3<<E\nRUN a\n")
@example("FROM x\nADD $${A <<E\nRUN a\nE\n")
@example("ARG \\\\\\\n")
@example("ARG 'a\\\\\\\n")
@example('ARG "a\\\\\\\n')
def test_any_text_is_read_as_buildkit_reads_it(text: str) -> None:
    ours = read(text)
    try:
        theirs = buildkit.parse_string(text)
    except buildkit.GoParseError:
        assert refused(ours)
        return
    if strict(ours):
        return
    for row, one in zip(theirs, ours.instructions, strict=True):
        assert row.start_line <= one.keyword.span.line <= row.end_line
        assert (row.sub_cmd or row.cmd or "").upper() == one.name
        if row.sub_cmd:
            continue
        assert not one.troubles
        assert row.json == one.is_json
        assert list(row.flags) == [flag.text for flag in one.flags]
        assert [doc.name for doc in row.heredocs] == [doc.name for doc in one.heredocs]
        for theirs_doc, our_doc in zip(row.heredocs, one.heredocs, strict=True):
            assert tidy(theirs_doc.content) == tidy(our_doc.body.text)
        if one.name in grammar.INSTRUCTIONS - {"ENV", "LABEL", "HEALTHCHECK"}:
            said = [value for value in row.value if value]
            assert said == [word.text for word in one.arguments if word.text]


def tidy(body: str) -> list[str]:
    """The lines of *body*; of a tab at their beginning, the two tell at different times."""
    return [line.lstrip("\t").rstrip("\r") for line in body.removesuffix("\n").split("\n")]


def test_places_survive_joined_lines() -> None:
    text = "# escape=`\nFROM x\n  run a `\n  # no\n\n  b <<-E\n\tc\n\tE\n"
    run = read(text).instructions[1]
    assert (run.keyword.span.line, run.keyword.span.column) == (3, 3)
    assert run.rest.text == "a   b <<-E"
    assert run.rest.place(4) == (6, 3)
    assert (run.heredocs[0].body.text, run.heredocs[0].body.place(0)) == ("c", (7, 2))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# escape=x\nFROM a\n", 1),
        ("# escape=`\n# escape=`\nFROM a\n", 2),
        ("FROM a\nRUN " + "x" * 65535 + "\n", 2),
        ("FROM a\nRUN << A\nb\nA\n", 2),
        ('FROM a\nCMD ["a"] b\n', 2),
        ("FROM a\n" * 201, 201),
    ],
)
def test_what_is_refused_has_its_line(text: str, line: int) -> None:
    file = read(text)
    told = [*grammar.troubles(file), *stages.plan(file, {}).troubles]
    assert [one.span.line for one in told] == [line]
