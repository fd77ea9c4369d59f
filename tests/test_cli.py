"""The command line as its users meet it: what it prints, where, and its exit code."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelspec_lib import __version__, cli
from kernelspec_lib.cli import lint
from kernelspec_lib.findings import RULES
from tests import projects

GOOD = '{\n  "kernel_name": "churn",\n  "python_version": "3.11",\n  "libs": ["ipykernel"]\n}\n'


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good kernel's folder, `kernels/a` below the folder in which the test stands."""
    folder = tmp_path / "kernels" / "a"
    folder.mkdir(parents=True)
    (folder / "requirements.json").write_text(GOOD)
    (folder / "Dockerfile").write_text(projects.DOCKERFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERNELSPEC_POLICY", raising=False)
    return folder


def spoil(kernel: Path, old: str = '"churn"', new: str = '"My Kernel"') -> None:
    path = kernel / "requirements.json"
    path.write_text(path.read_text().replace(old, new))


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    value: dict[str, object] = json.loads(capsys.readouterr().out)
    return value


def test_validate_names_the_file_as_the_user_named_it(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(kernel)
    assert cli.run(["validate", "kernels/a", "-o", "json"]) == 1
    told = report(capsys)
    assert told["checked"] == ["kernels/a/requirements.json"]
    (row,) = told["findings"]  # type: ignore[misc]
    assert row["path"] == "kernels/a/requirements.json"
    assert (row["code"], row["line"], row["column"]) == ("KS104", 2, 18)


def test_validate_takes_the_folder_one_stands_in(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(kernel)
    assert cli.run(["validate", "-o", "json"]) == 0
    assert report(capsys) == {"version": 1, "checked": ["requirements.json"], "findings": []}


def test_a_file_named_alone_is_judged_without_its_dockerfile(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kernel / "Dockerfile").unlink()
    assert cli.run(["validate", "kernels/a/requirements.json"]) == 0
    assert cli.run(["validate", "kernels/a"]) == 1
    assert "KS401" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "nowhere"],
        ["validate", "--policy", "nowhere.json"],
        ["validate", "--no-such-option"],
        ["validate", "-o", "yaml"],
        ["validate", "--select", "KS9"],
        ["get", "kernels/a", "nothing"],
        ["explain", "KS999"],
        ["resolve", "kernels/a", "kernels/a", "--output", "x"],
        ["frobnicate"],
    ],
)
def test_a_wrong_call_exits_2_and_prints_nothing_on_standard_output(
    kernel: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err


def test_a_policy_with_a_mistake_stops_everything(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("policy.json").write_text('{\n  "registri": "x"\n}\n')
    assert cli.run(["validate", "kernels/a", "--policy", "policy.json"]) == 2
    assert "policy.json:2:3: KS102" in capsys.readouterr().err


def test_select_and_ignore_take_beginnings_of_codes(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(kernel)
    assert cli.run(["validate", "kernels/a", "--select", "KS0"]) == 0
    assert cli.run(["validate", "kernels/a", "--ignore", "KS104"]) == 0
    assert cli.run(["validate", "kernels/a", "--select", "KS1"]) == 1


def test_a_report_goes_to_the_file_and_standard_output_stays_empty(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(kernel)
    target = Path("reports/quality.json")
    assert cli.run(["validate", "kernels/a", "-o", "gitlab", "--output-file", str(target)]) == 1
    assert json.loads(target.read_text())[0]["check_name"] == "KS104"
    assert capsys.readouterr().out == ""
    assert [path.name for path in target.parent.iterdir()] == ["quality.json"]


def test_a_report_that_cannot_be_written_exits_3(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["validate", "kernels/a", "--output-file", "kernels"]) == 3
    assert "cannot write kernels" in capsys.readouterr().err


def test_quiet_leaves_findings_only(kernel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["validate", "kernels/a", "-q"]) == 0
    assert capsys.readouterr().out == ""


def test_no_color_and_color(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    cli.run(["validate", "kernels/a"])
    assert "\x1b" not in capsys.readouterr().out
    cli.run(["validate", "kernels/a", "--color", "always"])
    assert "\x1b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("field", "lines"),
    [
        ("kernel_name", ["churn"]),
        ("display_name", ["churn"]),
        ("python_version", ["3.11"]),
        ("base_image", ["python:3.11-slim"]),
        ("image_name", ["churn"]),
        ("image_version", ["latest"]),
        ("stage", ["development"]),
        ("libs", ["ipykernel", "dask[dataframe]>=2024.1", 'x; os_name == "posix"']),
        ("system_packages", []),
        ("environment", ["A=b c"]),
        ("resources", ["memory=1073741824"]),
    ],
)
def test_get_prints_the_bare_value(
    kernel: Path, field: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    libs = '["ipykernel", "dask[dataframe] >=2024.1", "x;os_name==\'posix\'"]'
    rest = ', "environment": {"A": "b c"}, "resources": {"memory": "1g"}'
    spoil(kernel, '["ipykernel"]', libs + rest)
    assert cli.run(["get", "kernels/a", field]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == lines
    assert told.err == ""


def test_get_of_a_file_with_errors_prints_no_value(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(kernel)
    assert cli.run(["get", "kernels/a", "python_version"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "kernels/a/requirements.json:2:18: KS104" in told.err


@pytest.mark.parametrize("code", list(RULES))
def test_explain_tells_why_with_both_examples(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["explain", code.lower()]) == 0
    told = capsys.readouterr().out
    rule = RULES[code]
    assert told.startswith(f"{code} {rule.name} ({rule.severity.value})")
    assert rule.bad in told
    assert rule.good in told


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_a_bug_exits_70_and_says_how_to_report_it(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, whole: bool) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(lint, "_opened", broken)
    assert cli.run(["validate", "kernels/a"]) == 70
    told = capsys.readouterr().err
    assert "RuntimeError: unforeseen" in told
    assert "report" in told
    assert "Traceback" not in told


def test_an_interrupt_exits_130(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, whole: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lint, "_opened", interrupted)
    assert cli.run(["validate", "kernels/a"]) == 130


def test_a_reader_that_has_enough_gets_no_traceback(kernel: Path) -> None:
    command = f"{sys.executable} -m kernelspec_lib explain KS101 | true"
    told = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, env=os.environ
    )
    assert told.stderr == ""


def test_a_long_report_that_nobody_reads_gets_no_traceback(kernel: Path) -> None:
    command = f"{sys.executable} -m kernelspec_lib explain --markdown | head -c 1"
    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert told.stderr == ""


def test_a_reader_that_has_enough_is_no_verdict_and_no_news_in_a_pipeline(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    command = f"{sys.executable} -m kernelspec_lib explain | true; echo ${{PIPESTATUS[0]}}"
    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert told.stdout in ("3\n", "0\n")


FULL = "cannot be written to: No space left on device"


def _into_a_full_disk(*command: str, stderr: int | None = subprocess.PIPE) -> tuple[int, str]:
    """Exit code, and the first line of standard error; *stderr* None: that is full, too."""
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "kernelspec_lib", *command],
            stdout=full,
            stderr=full if stderr is None else stderr,
            text=True,
            check=False,
        )
    return told.returncode, (told.stderr or "\n").splitlines()[0]


@pytest.mark.parametrize(
    "command",
    [["validate", "kernels/a"], ["validate", "kernels/a", "-o", "json"], ["explain"], ["--help"],
     ["--version"], ["get", "kernels/a", "libs"]],
)  # fmt: skip
def test_a_full_disk_under_the_output_is_no_bug(kernel: Path, command: list[str]) -> None:
    assert _into_a_full_disk(*command) == (3, f"kernelspec: standard output {FULL}")


def test_nothing_can_be_told_where_standard_error_is_full_too(kernel: Path) -> None:
    assert _into_a_full_disk("validate", "kernels/a", stderr=None) == (3, "")
    assert _into_a_full_disk("validate", "absent", stderr=None) == (3, "")


def test_a_full_disk_under_a_file_of_no_name_is_not_told_as_standard_output(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, whole: bool) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lint, "_opened", full)
    assert cli.run(["validate", "kernels/a"]) == 70
    assert "standard output" not in capsys.readouterr().err


@pytest.mark.parametrize("where", ["requirements.json", "Dockerfile"])
def test_any_bytes_give_findings_or_a_clean_pass(kernel: Path, where: str) -> None:
    for raw in (b"\xff\xfe\0\0", os.urandom(2000), b"\0" * 100, b"[" * 5000, b"\x1b[2J"):
        (kernel / where).write_bytes(raw)
        assert cli.run(["validate", "kernels/a"]) in (0, 1)


def test_a_thousand_kernels_are_judged_in_one_call(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ["kernels/a"] * 1000
    assert cli.run(["validate", *paths, "-o", "json"]) == 0
    assert len(report(capsys)["checked"]) == 1000  # type: ignore[arg-type]
