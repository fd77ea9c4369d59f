"""Which Debian packages a failed compile misses: every word of the table was heard for real."""

from __future__ import annotations

import pytest

from kernelspec_lib.packages import system_packages

TABLE = system_packages.table()
STEPS = [
    pytest.param(name, tried["before"], tried["steps"], number, id=f"{name}-{number}")
    for name, tried in TABLE["tried"].items()
    for number in range(len(tried["steps"]))
]
WORDS = [
    (kind, one) for kind in ("headers", "programs", "modules", "sayings") for one in TABLE[kind]
]


@pytest.mark.parametrize(("name", "before", "steps", "number"), STEPS)
def test_what_a_real_build_said_leads_to_what_it_missed(
    name: str, before: list[str], steps: list[dict[str, list[str]]], number: int
) -> None:
    given = [*before, *(one for step in steps[:number] for one in step["packages"])]
    found = system_packages.clue([steps[number]["said"]], given)
    assert found is not None
    assert [one for one in found.packages if one not in given] == steps[number]["packages"]


def test_many_libraries_were_tried_and_all_got_past_each_of_their_steps() -> None:
    assert len(TABLE["tried"]) >= 20
    for tried in TABLE["tried"].values():
        said = [step["said"] for step in tried["steps"]]
        assert said
        assert len(set(said)) == len(said)
        assert tried["built"] or tried["then"] not in said


def test_no_word_is_in_the_table_that_no_build_has_said() -> None:
    heard = [
        (found.missing, found.packages)
        for tried in TABLE["tried"].values()
        for step in tried["steps"]
        for found in system_packages.clues(step["said"])
    ]
    said = {missing for missing, _ in heard}
    assert [one for one in WORDS if one[1] not in said] == []


def test_a_library_that_was_tried_is_known_by_its_name_before_it_is_built() -> None:
    for name, tried in TABLE["tried"].items():
        wanted = {one for step in tried["steps"] for one in step["packages"]}
        assert wanted - {"python3-dev"} <= set(system_packages.helping(name)), name


def test_what_is_there_already_is_no_clue() -> None:
    lines = ["Error: pg_config executable not found.", "x.c:1:2: fatal error: sql.h: No such file"]
    assert (found := system_packages.clue(lines))
    assert found.packages == ("unixodbc-dev",)
    assert (found := system_packages.clue(lines, ["unixodbc-dev"]))
    assert found.packages == ("libpq-dev",)
    assert system_packages.clue(lines, ["unixodbc-dev", "libpq-dev"]) is None


def test_a_header_that_nobody_knows_is_named() -> None:
    found = system_packages.clue(["a.cpp:1:2: fatal error: far/out.hpp: No such file or directory"])
    assert found is not None
    assert (found.missing, found.packages) == ("far/out.hpp", ())


@pytest.mark.parametrize(
    "line",
    [
        "error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1",
        "Looking for gcc: found",
        "module not found",
        "FileNotFoundError: [Errno 2] No such file or directory: 'setup.cfg'",
    ],
)
def test_other_lines_are_no_clues(line: str) -> None:
    assert system_packages.clue([line]) is None
