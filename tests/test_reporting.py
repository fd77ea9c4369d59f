"""Where reports go, what they leave out, and what they look like, seen from the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kernelspec_lib import cli
from kernelspec_lib.cli import reporting
from kernelspec_lib.cli.reporting import Output
from kernelspec_lib.errors import UsageError

BAD = (
    '{\n  "kernel_name": "My Kernel",\n  "python_version": "3.11",\n'
    '  "libs": ["ipykernel", "preview"]\n}\n'
)
DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
RUN --mount=type=bind,source=requirements.lock,target=/requirements.lock \\
    pip install --no-cache-dir -i https://e.example/simple --no-deps --require-hashes \\
    -r /requirements.lock
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "repo" / "kernels" / "a"
    folder.mkdir(parents=True)
    (folder / "requirements.json").write_text(BAD)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "repo" / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "repo")
    for name in ("KERNELSPEC_POLICY", "CI_PROJECT_DIR", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def called(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return called


def codes(report: str) -> list[str]:
    return [row["code"] for row in json.loads(report)["findings"]]


def to(output_format: str, file: str | None = None) -> Output:
    return Output(output_format=output_format, file=file)


@pytest.mark.parametrize(
    ("formats", "files", "expected"),
    [
        ([], [], [to("text")]),
        (["json"], [], [to("json")]),
        (["json", "json"], [], [to("json")]),
        (["gitlab"], ["x"], [to("gitlab", "x")]),
        ([], ["gitlab=x"], [to("gitlab", "x"), to("text")]),
        (["text", "gitlab"], ["gitlab=x"], [to("gitlab", "x"), to("text")]),
        (["gitlab"], ["gitlab=x"], [to("gitlab", "x")]),
        (["gitlab", "sarif"], ["x", "y"], [to("gitlab", "x"), to("sarif", "y")]),
        (["json"], ["gitlab=x", "y"], [to("gitlab", "x"), to("json", "y")]),
        ([], ["yaml=x"], [to("text", "yaml=x")]),
        ([], ["json=a=b"], [to("json", "a=b"), to("text")]),
    ],
)
def test_which_report_goes_where(
    formats: list[str], files: list[str], expected: list[Output]
) -> None:
    assert list(reporting.outputs(formats, files)) == expected


@pytest.mark.parametrize(
    ("formats", "files", "told"),
    [
        (["text", "json"], [], "text and json would be mixed"),
        (["text", "json"], ["x"], "1 files are named for 2 reports"),
        ([], ["x", "y"], "2 files are named for 1 reports"),
        ([], ["json=x", "sarif=./x"], "one file"),
        ([], ["json="], "names no file"),
        (["json"], [""], "names no file"),
    ],
)
def test_reports_that_would_meet_are_a_wrong_call(
    formats: list[str], files: list[str], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        reporting.outputs(formats, files)


def test_several_reports_in_one_run(run: Run) -> None:
    files = ("gitlab=out/quality.json", "junit=out/junit.xml", "sarif=out/x.sarif")
    code, out, _ = run("validate", "kernels/a", *(f"--output-file={file}" for file in files))
    assert code == 1
    assert out.startswith("kernels/a/Dockerfile\n")
    rows = json.loads(Path("out/quality.json").read_text())
    assert sorted(row["check_name"] for row in rows) == ["KS104", "KS404"]
    suite = ElementTree.parse("out/junit.xml").getroot()  # noqa: S314
    assert suite.get("failures") == "2"
    assert int(suite.get("tests", "0")) > 20
    (sarif,) = json.loads(Path("out/x.sarif").read_text())["runs"]
    assert len(sarif["results"]) == 2
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "junit.xml", "quality.json", "x.sarif",
    ]  # fmt: skip
    assert Path("out/junit.xml").stat().st_mode & 0o777 == 0o644


def test_paths_of_gitlab_begin_at_the_root_of_the_repository(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("kernels/a")
    (row, *_) = json.loads(run("validate", ".", "-o", "gitlab")[1])
    assert row["location"]["path"] == "kernels/a/Dockerfile"
    assert json.loads(run("validate", "../a", "-o", "gitlab")[1])[0] == row
    monkeypatch.setenv("CI_PROJECT_DIR", str(Path.cwd().parent))
    assert (
        json.loads(run("validate", ".", "-o", "gitlab")[1])[0]["location"]["path"] == "a/Dockerfile"
    )
    monkeypatch.setenv("CI_PROJECT_DIR", "/elsewhere")
    assert json.loads(run("validate", ".", "-o", "gitlab")[1])[0] == row


def test_the_same_findings_from_two_folders_have_the_same_fingerprints(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [row["fingerprint"] for row in json.loads(run("validate", "kernels/a", "-ogitlab")[1])]
    monkeypatch.chdir("kernels")
    assert [row["fingerprint"] for row in json.loads(run("validate", "a", "-ogitlab")[1])] == before


def test_a_report_is_written_for_a_run_that_could_not_check_everything(run: Run) -> None:
    Path("kernels/a/requirements.json").write_text(BAD.replace("My Kernel", "mine"))
    index = ("--index-url", "http://127.0.0.1:1/simple")
    files = [f"--output-file={name}=r/{name}" for name in ("json", "sarif", "junit", "text")]
    code, out, err = run("resolve", "kernels/a", *index, *files)
    assert (code, out) == (3, "")
    assert "http://127.0.0.1:1/simple" in err
    assert json.loads(Path("r/json").read_text()) == {
        "version": 1, "checked": ["kernels/a/requirements.json"], "findings": [],
    }  # fmt: skip
    (sarif,) = json.loads(Path("r/sarif").read_text())["runs"]
    assert sarif["invocations"][0]["executionSuccessful"] is False
    suite = ElementTree.parse("r/junit").getroot()  # noqa: S314
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    names = {case.get("name", "") for case in suite.iter("testcase")}
    assert not [name for name in names if name.startswith("KS3")], "nobody knows of the pins"
    assert "could not be checked" in Path("r/text").read_text()


def test_a_file_that_cannot_be_written_exits_3_and_the_other_reports_are_there(run: Run) -> None:
    Path("closed").write_text("")
    code, out, err = run(
        "validate", "kernels/a", "--output-file=json=closed/x", "--output-file=gitlab=ok.json"
    )
    assert code == 3
    assert "KS104" in out
    assert err == "kernelspec: cannot write closed/x: File exists\n"
    assert json.loads(Path("ok.json").read_text())


def test_a_failed_write_leaves_the_old_report_and_nothing_beside_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("r").mkdir()
    Path("r/x.json").write_text("old")

    def full(self: Path, target: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = run("validate", "kernels/a", "-ojson", "--output-file", "r/x.json")
    assert (code, err) == (3, "kernelspec: cannot write r/x.json: No space left on device\n")
    assert [path.name for path in Path("r").iterdir()] == ["x.json"]
    assert Path("r/x.json").read_text() == "old"


def test_a_device_or_pipe_is_written_to_and_a_link_followed(run: Run) -> None:
    before = Path("/dev/null").stat().st_rdev
    assert run("validate", "kernels/a", "--output-file", "/dev/null")[0] == 1
    assert Path("/dev/null").stat().st_rdev == before
    Path("real").write_text("")
    Path("link").symlink_to("real")
    assert run("validate", "kernels/a", "-ojson", "--output-file", "link")[0] == 1
    assert Path("link").is_symlink()
    assert codes(Path("real").read_text())


def test_a_link_out_of_its_folder_is_replaced_and_not_followed(run: Run) -> None:
    Path("precious").write_text("as it was")
    Path("r").mkdir()
    Path("r/link").symlink_to("../precious")
    assert run("validate", "kernels/a", "-ojson", "--output-file", "r/link")[0] == 1
    assert Path("precious").read_text() == "as it was"
    assert codes(Path("r/link").read_text())


def test_select_and_ignore_take_several_codes_and_families(run: Run) -> None:
    def told(*options: str) -> list[str]:
        return codes(run("validate", "kernels/a", "-ojson", *options)[1])

    assert told() == ["KS404", "KS104"]
    assert told("--select", "KS1") == ["KS104"]
    assert told("--select=ks10,KS40") == ["KS404", "KS104"]
    assert told("--select=KS1", "--select=KS4", "--ignore=KS404") == ["KS104"]
    assert told("--ignore", "KS1,KS4") == []


@pytest.mark.parametrize("option", ["--select", "--ignore"])
@pytest.mark.parametrize("code", ["KS9", "KS1045", "", "KS1,", "x"])
def test_an_unknown_code_is_a_wrong_call(run: Run, option: str, code: str) -> None:
    code_, out, err = run("validate", "kernels/a", option, code)
    assert (code_, out) == (2, "")
    assert "is no rule's code" in err


@pytest.mark.parametrize("option", ["--ignore=KS404", "--ignore=KS", "--select=KS1"])
def test_what_the_site_enforces_is_told_whatever_the_command_line_says(
    run: Run, option: str
) -> None:
    Path("policy.json").write_text('{"enforced": ["KS4"]}')
    code, out, err = run("validate", "kernels/a", "-ojson", option, "--policy", "policy.json")
    assert (code, "KS404" in codes(out)) == (1, True)
    assert "KS404" in err or option == "--ignore=KS"


@pytest.mark.parametrize("option", ["--ignore=KS2", "--ignore=KS201", "--select=KS3"])
def test_the_rules_of_the_policy_itself_cannot_be_left_out(run: Run, option: str) -> None:
    Path("kernels/a/requirements.json").write_text(BAD.replace("My Kernel", "mine"))
    Path("policy.json").write_text('{"base_images": ["registry.example/*"]}')
    file = "kernels/a/requirements.json"
    code, out, err = run("validate", file, "-ojson", option, "--policy", "policy.json")
    assert (code, codes(out)) == (1, ["KS201"])
    assert err == "this site enforces KS201: always told\n"


def test_an_enforced_family_cannot_be_ignored_in_the_file_either(run: Run) -> None:
    ignoring = BAD.replace("My Kernel", "mine").replace("}", ', "ignore": {"KS305": "why"}}')
    Path("kernels/a/requirements.json").write_text(ignoring)
    Path("policy.json").write_text('{"enforced": ["KS30"]}')
    file = "kernels/a/requirements.json"
    assert codes(run("validate", file, "-ojson", "--policy", "policy.json")[1]) == ["KS207"]
    assert codes(run("validate", file, "-ojson")[1]) == []


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        ("auto", {}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"CLICOLOR": "0"}, False),
        ("auto", {"CLICOLOR": "1"}, True),
        ("auto", {"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_color_on_a_terminal(asked: str, environment: dict[str, str], expected: bool) -> None:
    assert reporting.is_colored(asked, environment, _Terminal()) is expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "0"}, False),
     ({"CLICOLOR_FORCE": "1"}, True), ({"CLICOLOR": "1"}, False)],
)  # fmt: skip
def test_color_without_a_terminal(environment: dict[str, str], expected: bool) -> None:
    assert reporting.is_colored("auto", environment, io.StringIO()) is expected
    assert reporting.is_colored("auto", environment, None) is False


def test_an_output_that_is_not_utf_8_gets_its_report_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kernelspec_lib", "validate", "kernels/a"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "KS104" in done.stdout


@pytest.mark.parametrize("output_format", ["text", "json", "gitlab", "sarif", "junit"])
def test_names_that_are_no_text_or_command_a_terminal(run: Run, output_format: str) -> None:
    folder = os.fsdecode(b"odd \xff\x1b[2J\n'<&>")
    Path("kernels/a").rename(folder)
    code, out, err = run("validate", folder, "-v", "-o", output_format)
    assert (code, "\x1b" in out + err) == (1, False)
    code, out, err = run("validate", folder + "/nothing")
    assert (code, "\x1b" in out + err) == (2, False)


@pytest.mark.parametrize("policy", ['{"registri": "x"}', "", "[1]", "{"])
def test_a_policy_with_a_mistake_stops_every_report(run: Run, policy: str) -> None:
    Path("policy.json").write_text(policy)
    code, out, err = run(
        "validate", "kernels/a", "-ojson", "--output-file=gitlab=x.json", "--policy=policy.json"
    )
    assert (code, out) == (2, "")
    assert err.startswith(
        "kernelspec: the site policy has a mistake, so nothing was checked:\npolicy.json:1:"
    )
    assert not Path("x.json").exists()
    assert run("policy", "show", "-ojson", "--policy=policy.json")[:2] == (2, "")
