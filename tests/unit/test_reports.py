"""Five reports of one judgement."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from xmlschema import XMLSchema10

from kernelspec_lib import document, reports
from kernelspec_lib.document import PlainText, Span
from kernelspec_lib.findings import RULES, Finding
from kernelspec_lib.reports.judgement import Judgement, Look, Unchecked

PATH = "kernels/a/requirements.json"
TEXT = '{\n  "kernel_name": "My Kernel",\n  "libs": ["git+https://ada:secret@git.example/x"]\n}\n'


SCHEMAS = Path(__file__).parent.parent / "schemas"


@cache
def junit_schema() -> XMLSchema10:
    return XMLSchema10(SCHEMAS / "junit-10.xsd")


@cache
def sarif_schema() -> Draft4Validator:
    text = (SCHEMAS / "sarif-schema-2.1.0.json").read_text(encoding="utf-8")
    return Draft4Validator(json.loads(text), format_checker=Draft4Validator.FORMAT_CHECKER)


UNFINISHED = Judgement(
    checked=(PATH,),
    findings=(),
    unchecked=(Unchecked(path="kernels/b/requirements.json", reason="no index answers"),),
    rules={PATH: frozenset(("KS001", "KS104"))},
)


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
    told = reports.report("text", UNFINISHED, Look())
    assert told.splitlines() == [
        "1 file checked as far as was possible: nothing found so far.",
        "1 file could not be checked, or not wholly: kernels/b/requirements.json",
    ]


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


def pointed(text: str, span: Span, code: str = "KS104", **look: int) -> tuple[str, str]:
    """The line that the text report shows for a finding at *span* of *text*, and its carets."""
    one = Finding.of(code, "it is wrong", path="x", span=span)
    source = PlainText(text=text)
    held = Judgement(checked=("x",), findings=(one,), sources={"x": source})
    shown, carets = reports.report("text", held, Look(**look)).split("\n")[2:4]
    return shown.removeprefix("    │ "), carets.removeprefix("    │ ")


def at(column: int, end_column: int) -> Span:
    return Span(line=1, column=column, end_line=1, end_column=end_column)


@pytest.mark.parametrize(
    ("before", "marked", "shown"),
    [
        ("\t\t", "x", "  x"),
        ("日本 ", "x", "日本 x"),
        ("e\u0301\u0308 ", "x", "e\u0301\u0308 x"),
        ("\x1b[31m", "x", "\\u001b[31mx"),
        ("\u202e ", "x", "\\u202e x"),
        ("\u05d0 ", "\u05d1", "\\u05d0 \\u05d1"),
        ("❤\ufe0f ", "x", "❤\\ufe0f x"),
        ("\U0001e900", "x", "\\U0001e900x"),
        ("\udcff", "x", "\\udcffx"),
        ("a\rb", "x", "a\\u000dbx"),
    ],
)
def test_text_keeps_the_caret_below_the_place(before: str, marked: str, shown: str) -> None:
    line, carets = pointed(before + marked + " y", at(len(before) + 1, len(before) + 2))
    assert line == shown + " y"
    wide = sum(2 if one in "日本" else unicodedata.category(one) != "Mn" for one in shown)
    end = len(carets)
    assert end == wide
    assert carets.strip() == "^" * (6 if shown.endswith("\\u05d1") else 1)


@given(st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=300), st.data())
def test_text_fits_the_terminal_and_commands_it_nothing(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(1, len(line)))
    end = data.draw(st.integers(start, len(line) + 1))
    width = data.draw(st.integers(30, 200))
    assume(line.strip())
    told = reports.report(
        "text",
        Judgement(
            checked=("x",),
            findings=(Finding.of("KS104", line, line, path="x\x1b[2J", span=at(start, end)),),
            sources={"x\x1b[2J": PlainText(text=line)},
        ),
        Look(width=width),
    )
    for one in told.split("\n"):
        assert one.isprintable()
        if one.startswith("    │"):
            wide = sum(unicodedata.east_asian_width(character) in "WF" for character in one)
            assert len(one) - sum(map(combines, one)) + wide <= width


def combines(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


def test_text_repeats_no_secret_that_it_points_at() -> None:
    line = "ENV A=1 DB_PASSWORD=open-sesame B=2"
    shown, carets = pointed(line, at(9, 32), "KS405")
    assert shown == "ENV A=1 DB_PASSWORD=*********** ***"
    assert carets == " " * 8 + "^" * 23


def test_text_marks_where_a_long_line_was_cut() -> None:
    line, carets = pointed("a" * 300 + "X" + "b" * 300, at(301, 302), width=80)
    assert (line[0], line[-1]) == ("…", "…")
    assert line[carets.index("^")] == "X"


def test_text_wraps_its_sentences_to_the_terminal_and_only_there() -> None:
    long = Finding.of("KS104", "word " * 40, "hint " * 40, path=PATH)
    held = Judgement(checked=(PATH,), findings=(long,))
    for width in (40, 60, 80, 140):
        told = reports.report("text", held, Look(width=width)).splitlines()
        assert max(map(len, told)) <= width
        assert sum("word" in one for one in told) > 1
    assert max(map(len, reports.report("text", held, Look()).splitlines())) > 200


def print_of(text: str, pointer: str, code: str = "KS301", message: str = "no release") -> str:
    """The fingerprint of a finding on the value at *pointer* of the requirements.json *text*."""
    source = document.read(text.encode())
    one = Finding.of(code, message, path=PATH, pointer=pointer, span=source.span_of(pointer))
    held = Judgement(checked=(PATH,), findings=(one,), sources={PATH: source})
    (row,) = json.loads(reports.report("gitlab", held, Look()))
    return str(row["fingerprint"])


def test_a_fingerprint_takes_what_the_finding_stands_on() -> None:
    first = print_of('{"libs": ["numpy==9.9", "x"]}', "/libs/0")
    moved = '{\n\n  "stage": "development",\n  "libs": ["ipykernel", "y",\n "numpy==9.9"]}'
    assert print_of(moved, "/libs/2") == first
    newer = "no release; the newest for Python 3.11 is 2.4"
    assert print_of(moved, "/libs/2", message=newer) == first
    assert print_of('{"libs": ["numpy==9.8"]}', "/libs/0") != first
    assert print_of(moved, "/libs/2", code="KS302") != first


def test_fingerprints_of_one_report_are_unique() -> None:
    source = document.read(b'{"libs": ["x", "x", "y"]}')
    spans = [source.span_of(f"/libs/{number}") for number in (0, 1, 2)]
    found = [
        Finding.of("KS108", "twice", path=PATH, pointer=f"/libs/{number}", span=span)
        for number, span in enumerate(spans)
    ]
    missing = [
        Finding.of(
            "KS101", f'the key "{key}" is missing', path=PATH, span=source.span_of_opening("")
        )
        for key in ("kernel_name", "python_version")
    ]
    held = Judgement(checked=(PATH,), findings=(*missing, *found), sources={PATH: source})
    rows = json.loads(reports.report("gitlab", held, Look()))
    assert len({row["fingerprint"] for row in rows}) == 5
    mended = Judgement(checked=(PATH,), findings=(missing[1], found[2]), sources={PATH: source})
    left = json.loads(reports.report("gitlab", mended, Look()))
    assert [row["fingerprint"] for row in left] == [rows[1]["fingerprint"], rows[4]["fingerprint"]]


def test_a_fingerprint_in_a_dockerfile_takes_the_line_and_not_its_number() -> None:
    def prints(text: str, *lines: int) -> list[str]:
        found = tuple(
            Finding.of("KS404", "around", path="Dockerfile", span=Span(
                line=line, column=17, end_line=line, end_column=34))
            for line in lines
        )  # fmt: skip
        sources = {"Dockerfile": PlainText(text=text)}
        held = Judgement(checked=("Dockerfile",), findings=found, sources=sources)
        return [row["fingerprint"] for row in json.loads(reports.report("gitlab", held, Look()))]

    line = "RUN pip install --extra-index-url https://elsewhere.example/simple x"
    (old,) = prints(f"FROM a\n{line}\n", 2)
    new, still = prints(f"FROM a\n{line} y\r\n\n{line}\r\n", 2, 4)
    assert (old == still, old == new) == (True, False)


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


def valid_sarif(text: str) -> Any:
    """The one run in *text*, which the standard's own schema accepts."""
    value = json.loads(text)
    assert list(sarif_schema().iter_errors(value)) == []
    (run,) = value["runs"]
    return run


def test_sarif_names_the_rule_and_the_region() -> None:
    run = valid_sarif(made("sarif", finding(), finding("KS305", line=3)))
    result, _ = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "KS104"
    assert rule["help"]["markdown"].count("```json") == 2
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 2, "startColumn": 18, "endLine": 2, "endColumn": 29}
    assert place["artifactLocation"] == {"uri": PATH}
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_sarif_of_an_unfinished_run_says_what_is_not_known() -> None:
    (invocation,) = valid_sarif(reports.report("sarif", UNFINISHED, Look()))["invocations"]
    (told,) = invocation["toolExecutionNotifications"]
    assert invocation["executionSuccessful"] is False
    assert told["message"] == {"text": "no index answers"}
    place = told["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "kernels/b/requirements.json"}


@pytest.mark.parametrize("code", list(RULES))
def test_sarif_of_every_rule_is_valid(code: str) -> None:
    valid_sarif(made("sarif", finding(code)))


def test_sarif_and_gitlab_tell_paths_from_the_root_of_the_repository() -> None:
    far = Finding.of("KS401", "none", path="../b/Dock file\udcff")
    out = Finding.of("KS401", "none", path="/srv/x/Dockerfile")
    both = Judgement(
        checked=(far.path, out.path),
        findings=(far, out),
        in_repository={far.path: "b/Dock file\udcff"},
    )
    run = valid_sarif(reports.report("sarif", both, Look()))
    assert [one["location"] for one in run["artifacts"]] == [
        {"uri": "b/Dock%20file%FF", "uriBaseId": "SRCROOT"},
        {"uri": "file:///srv/x/Dockerfile"},
    ]
    rows = json.loads(reports.report("gitlab", both, Look()))
    assert [row["location"]["path"] for row in rows] == ["b/Dock file\udcff", "/srv/x/Dockerfile"]


def test_sarif_has_the_fingerprints_of_gitlab() -> None:
    run = valid_sarif(made("sarif", finding()))
    (row,) = json.loads(made("gitlab", finding()))
    assert run["results"][0]["partialFingerprints"] == {"kernelspec/v1": row["fingerprint"]}


def valid_junit(text: str) -> ElementTree.Element:
    junit_schema().validate(text)
    return ElementTree.fromstring(text)  # noqa: S314


def cases(text: str) -> dict[str, list[str]]:
    """What stands in each case, by the case's name."""
    return {
        str(case.get("name")): [element.tag for element in case]
        for case in valid_junit(text).iter("testcase")
    }


def test_junit_has_a_case_for_each_rule_and_one_failure_for_a_broken_one() -> None:
    held = Judgement(
        checked=(PATH,),
        findings=(finding(line=2), finding(line=3), finding("KS305")),
        rules={PATH: frozenset(("KS001", "KS104", "KS305"))},
    )
    told = reports.report("junit", held, Look())
    assert cases(told) == {
        "KS001 not-utf-8": [],
        "KS104 wrong-shape": ["failure"],
        "KS305 source-only": ["system-out"],
    }
    (suite,) = valid_junit(told)
    counts = [suite.get(name) for name in ("name", "tests", "failures", "errors")]
    assert counts == [PATH, "3", "1", "0"]
    (failure,) = suite.iter("failure")
    assert failure.get("type") == "KS104"
    assert (failure.text or "").count("KS104 it is wrong (mend it)") == 2


def test_junit_of_a_clean_run_shows_what_passed() -> None:
    clean = Judgement(checked=(PATH,), findings=(), rules={PATH: frozenset(("KS001", "KS104"))})
    told = reports.report("junit", clean, Look())
    assert cases(told) == {"KS001 not-utf-8": [], "KS104 wrong-shape": []}


def test_junit_tells_what_could_not_be_checked_as_an_error() -> None:
    told = reports.report("junit", UNFINISHED, Look())
    assert cases(told)["checked"] == ["error"]
    assert valid_junit(told).get("errors") == "1"


def test_junit_holds_nothing_that_xml_forbids() -> None:
    odd = Finding.of("KS006", "a \0 \x1b \ud800 \uffff", "\x0b", path="a\x01\udcff")
    valid_junit(reports.report("junit", Judgement(checked=(odd.path,), findings=(odd,)), Look()))


@pytest.mark.parametrize("name", list(reports.REPORTERS))
def test_every_report_of_nothing_is_whole(name: str) -> None:
    assert made(name)
