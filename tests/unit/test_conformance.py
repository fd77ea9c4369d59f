"""The conformance suite itself: what it calls passed, what it finds, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kernelspec_lib import cli
from kernelspec_lib.conformance import suite, traces
from kernelspec_lib.conformance.case import KNOWN, Case, report
from kernelspec_lib.conformance.subject import CaseFailed, NotRun, Subject
from kernelspec_lib.conformance.traces import Process, Traces
from kernelspec_lib.errors import FileUnusable, KernelFailed, UsageError
from kernelspec_lib.policy import Mount


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of kernel specs with a kernel of this Python, where Jupyter finds it."""
    folder = tmp_path / "kernels" / "bare"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "bare", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return folder.parent


def subject(tmp_path: Path, **environment: str) -> Subject:
    work = Mount(source=str(tmp_path), target=str(tmp_path), read_only=False)
    return suite.subject("bare", work, lambda asked: None, None, tmp_path, 60, environment)


def test_an_installed_kernel_is_found_by_its_name(kernels: Path, tmp_path: Path) -> None:
    found = subject(tmp_path)
    assert (found.kernels, found.kernel_name, found.launcher) == (kernels, "bare", "other")
    assert (found.at_once, found.in_a_row) == (30, 200)


def test_a_kernel_that_is_not_there_is_refused_with_those_that_are(
    kernels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["try", "--conformance", "bear", "--login", "ada"]) == 2
    told = capsys.readouterr().err
    assert 'there is no kernel "bear" here; installed: bare' in told


def test_a_new_users_work_folder_is_made(kernels: Path, tmp_path: Path) -> None:
    def of(work: Path) -> Subject:
        mount = Mount(source=str(work), target="/work", read_only=False)
        return suite.subject("bare", mount, lambda asked: None, None, tmp_path, 60, {})

    assert of(tmp_path / "home" / "work").work.is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(FileUnusable, match=r"cannot make .*/file/work: Not a directory"):
        of(tmp_path / "file" / "work")


@pytest.mark.parametrize("number", ["0", "-1", "many", "", "10001"])
def test_a_size_that_is_no_number_is_refused(kernels: Path, tmp_path: Path, number: str) -> None:
    with pytest.raises(UsageError, match="must be a number from 1 to 10000"):
        subject(tmp_path, KERNELSPEC_CONFORMANCE_AT_ONCE=number)


@pytest.mark.parametrize(
    ("argv", "launcher"),
    [
        (["/usr/bin/docker", "run", "--rm"], "direct"),
        (["kernelspec-launch", "{resource_dir}", "{connection_file}"], "supervised"),
        (["sudo", "-n", "/usr/local/bin/kernelspec-launch", "a", "{connection_file}"], "sudo"),
        (["python", "-m", "ipykernel_launcher"], "other"),
        ([], "other"),
    ],
)
def test_the_launcher_is_told_by_the_command(argv: list[str], launcher: str) -> None:
    assert suite.launcher_of(argv) == launcher


@pytest.mark.parametrize(
    "words",
    [
        ["--json"],
        ["--conformance", "bare", "--engine", "venv"],
        ["--conformance", "bare", "."],
        ["--conformance", "bare", ".", "notebook.ipynb"],
    ],
)
def test_what_does_not_go_together_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["try", *words]) == 2
    assert "--conformance" in capsys.readouterr().err


def case(id: str, run: Callable[[Subject], None]) -> Case:
    return Case(id=id, what="what", how="how", run=run)


def raising(error: Exception) -> Callable[[Subject], None]:
    def run(subject: Subject) -> None:
        raise error

    return run


def test_each_outcome_has_its_reason(kernels: Path, tmp_path: Path) -> None:
    cases = [
        case("a", lambda subject: None),
        case("b", raising(CaseFailed("it is not so"))),
        case("c", raising(NotRun("a moon"))),
        case("d", raising(KernelFailed("bare", "died"))),
        case("e", raising(ValueError("odd"))),
    ]
    told: list[str] = []
    verdicts = list(suite.run(subject(tmp_path), cases, lambda one: told.append(one.id)))
    assert told == ["a", "b", "c", "d", "e"]
    assert [(one.outcome, one.reason) for one in verdicts] == [
        ("passed", ""),
        ("failed", "it is not so"),
        ("not run", "needs a moon"),
        ("failed", "the kernel bare died"),
        ("failed", "ValueError: odd"),
    ]
    value = report("bare", "other", verdicts)
    assert value["cases"][1].keys() == {"id", "what", "how", "outcome", "reason", "seconds"}


def test_a_known_failure_is_marked_and_a_pass_stays_one(kernels: Path, tmp_path: Path) -> None:
    direct = replace(subject(tmp_path), launcher="direct")
    cases = [case("budget", raising(CaseFailed("x"))), case("folder", lambda subject: None)]
    verdicts = list(suite.run(direct, cases, lambda one: None))
    assert [one.outcome for one in verdicts] == ["known", "passed"]
    assert verdicts[0].reason == KNOWN["direct"]["budget"]


def test_every_known_failure_is_a_case_and_no_id_is_used_twice() -> None:
    ids = [one.id for one in suite.CASES]
    assert len(set(ids)) == len(ids)
    assert all(set(known) <= set(ids) for known in KNOWN.values())


def test_a_process_that_names_the_connection_file_is_found_and_swept(tmp_path: Path) -> None:
    path = tmp_path / "kernel-left.json"
    words = [sys.executable, "-c", "import time; time.sleep(60)", str(path)]
    with subprocess.Popen(words) as process:
        left = Traces(first=None, connection_file=path, engine=None)
        assert traces.happens(lambda: bool(left.left()), 10)
        assert f"(process {process.pid})" in left.left()[0]
        left.sweep()
        assert process.wait() == -9
        assert left.left() == []


def test_a_pid_that_is_used_again_is_another_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        namespace = str(Path(traces.NAMESPACE).readlink())
        found = traces.first_process(namespace, process.pid)
        assert found is not None
        assert found.runs()
        assert not Process(pid=found.pid, ticks=found.ticks - 1).runs()
        process.kill()
        assert traces.happens(lambda: not found.runs(), 10)  # a zombie is not there any more


def test_what_does_not_happen_ends_the_wait() -> None:
    began = time.monotonic()
    assert not traces.happens(lambda: False, 0.2)
    assert time.monotonic() - began >= 0.2


def test_a_bare_kernel_passes_and_its_lack_of_limits_is_told(kernels: Path, tmp_path: Path) -> None:
    wanted = {"restart-forced": "passed", "fork-bomb": "not run"}
    cases = [one for one in suite.CASES if one.id in wanted]
    verdicts = list(suite.run(subject(tmp_path), cases, lambda one: None))
    told = {one.case.id: one.reason for one in verdicts}
    assert {one.case.id: one.outcome for one in verdicts} == wanted, told
