"""Five reports of one judgement."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from kernelspec_lib import document, reports
from kernelspec_lib.document import Span
from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement, Look

PATH = "kernels/a/requirements.json"
TEXT = '{\n  "kernel_name": "My Kernel",\n  "libs": ["git+https://ada:secret@git.example/x"]\n}\n'


def finding(code: str = "KS104", line: int = 2, column: int = 18, width: int = 11) -> Finding:
    span = Span(line=line, column=column, end_line=line, end_column=column + width)
    pointer = "/kernel_name"
    return Finding.of(code, "it is wrong", "mend it", path=PATH, pointer=pointer, span=span)


def judgement(*findings: Finding) -> Judgement:
    source = document.read(TEXT.encode())
    return Judgement(checked=(PATH,), findings=findings, sources={PATH: source})


def made(name: str, *findings: Finding, **look: bool | int) -> str:
    return reports.report(name, judgement(*findings), Look(**look))  # type: ignore[arg-type]


def test_json_is_version_1_as_fixed() -> None:
    assert json.loads(made("json", finding())) == {
        "version": 1,
        "checked": [PATH],
        "findings": [
            {
                "code": "KS104",
                "severity": "error",
                "message": "it is wrong",
                "hint": "mend it",
                "path": PATH,
                "pointer": "/kernel_name",
                "line": 2,
                "column": 18,
                "end_line": 2,
                "end_column": 29,
            }
        ],
    }


def test_text_shows_the_line_and_points_at_the_place() -> None:
    assert made("text", finding()).splitlines() == [
        "kernels/a/requirements.json",
        "  2:18   error KS104 it is wrong",
        '    │   "kernel_name": "My Kernel",',
        "    │                  ^^^^^^^^^^^",
        "    → mend it",
        "",
        "1 error in 1 file checked. Mend the errors and run again; "
        "`kernelspec explain KS104` tells the why of a rule.",
    ]


def test_text_repeats_no_password_of_the_line_it_shows() -> None:
    told = made("text", finding("KS107", line=3, column=12, width=38))
    assert "secret" not in told
    assert "git+https://**********@git.example/x" in told


def test_text_of_a_clean_run_says_so() -> None:
    assert made("text") == "✓ 1 file checked: all is well."


def test_text_of_an_unfinished_run_does_not_say_that_all_is_well() -> None:
    unfinished = Judgement(checked=(PATH,), findings=(), unfinished=True)
    told = reports.report("text", unfinished, Look())
    assert told == "1 file checked as far as was possible: nothing found so far."


def test_text_is_coloured_only_when_asked() -> None:
    assert "\x1b[" not in made("text", finding())
    assert "\x1b[31merror\x1b[0m" in made("text", finding(), color=True)
    assert "\x1b[33mwarning\x1b[0m" in made("text", finding("KS305"), color=True)


def test_text_cuts_a_long_line_around_the_place() -> None:
    long = '{"libs": [' + '"ipykernel", ' * 50 + '"x=1"]}'
    source = document.read(long.encode())
    span = source.span_of("/libs/50")
    far = Finding.of("KS106", "it is wrong", path=PATH, pointer="/libs/50", span=span)
    told = reports.report(
        "text",
        Judgement(checked=(PATH,), findings=(far,), sources={PATH: source}),
        Look(width=60),
    ).splitlines()
    assert all(len(line) <= 60 for line in told[2:4])
    start = told[3].index("^")
    assert told[2][start : start + 5] == '"x=1"'


def test_text_lines_up_below_wide_characters() -> None:
    source = document.read('{"display_name": "日本", "x": 1}'.encode())
    span = source.span_of_key("/x")
    told = reports.report(
        "text",
        Judgement(
            checked=(PATH,),
            findings=(Finding.of("KS102", "unknown", path=PATH, pointer="/x", span=span),),
            sources={PATH: source},
        ),
        Look(),
    ).splitlines()
    # Two characters of two cells stand before the key: the caret is two further than the column.
    assert told[3].index("^") - len("    │ ") == span.column - 1 + 2


def test_gitlab_has_fingerprints_that_a_moved_line_keeps() -> None:
    (first,) = json.loads(made("gitlab", finding(line=2)))
    (moved,) = json.loads(made("gitlab", finding(line=4)))
    assert first["fingerprint"] == moved["fingerprint"]
    assert first["location"] == {"path": PATH, "lines": {"begin": 2, "end": 2}}
    assert (first["severity"], first["check_name"]) == ("critical", "KS104")
    assert first["description"] == "it is wrong: mend it"


def test_gitlab_tells_two_equal_findings_apart() -> None:
    rows = json.loads(made("gitlab", finding(line=2), finding(line=3)))
    assert len({row["fingerprint"] for row in rows}) == 2


def test_sarif_names_the_rule_and_the_region() -> None:
    (run,) = json.loads(made("sarif", finding()))["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "KS104"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 18, "endLine": 2, "endColumn": 29}


def test_junit_counts_errors_as_failures_and_keeps_warnings() -> None:
    suite = ElementTree.fromstring(made("junit", finding(), finding("KS305")))  # noqa: S314
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    case = suite.find("testcase")
    assert case is not None
    assert case.get("name") == PATH
    assert [failure.get("type") for failure in case.findall("failure")] == ["KS104"]
    assert "KS305" in (case.findtext("system-out") or "")


@pytest.mark.parametrize("name", list(reports.REPORTERS))
def test_every_report_of_nothing_is_whole(name: str) -> None:
    assert made(name)
