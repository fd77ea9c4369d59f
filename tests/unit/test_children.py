"""Programs in threads, and their end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from kernelspec_lib.errors import UsageError
from kernelspec_lib.packages import children


def test_answers_come_by_task_and_errors_of_the_world_are_answers() -> None:
    trouble = UsageError("wrong")

    def fail() -> int:
        raise trouble

    with children.threads(2) as working:
        waiting = [working.hand_out(task) for task in (lambda: 1, fail, lambda: 3)]
        assert [answer() for answer in waiting] == [1, trouble, 3]


def test_a_bug_in_a_task_is_no_answer() -> None:
    with pytest.raises(ZeroDivisionError), children.threads(1) as working:
        working.hand_out(lambda: 1 // 0)()


def test_an_interrupt_kills_what_runs_and_begins_nothing_more(tmp_path: Path) -> None:
    begun, more = Event(), Event()
    told: list[int] = []

    def sleep() -> None:
        begun.set()
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        process = children.start(command, folder=str(tmp_path), environment={})
        told.append(children.finish(process, 90).returncode)

    with pytest.raises(KeyboardInterrupt), children.threads(1) as working:  # noqa: PT012
        working.hand_out(sleep)
        working.hand_out(more.set)
        assert begun.wait(30)
        raise KeyboardInterrupt
    assert told == [-9]
    assert not more.is_set()


def test_a_program_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = children.start(command, folder=str(tmp_path), environment={})
    with pytest.raises(subprocess.TimeoutExpired):
        children.finish(process, 0.1)
    assert process.returncode == -9


def test_what_nobody_waits_for_is_killed(tmp_path: Path) -> None:
    for code, ended in (("import time; time.sleep(60)", -9), ("pass", 0)):
        command = [sys.executable, "-c", code]
        process = children.start(command, folder=str(tmp_path), environment={})
        if not ended:
            process.wait(30)
        children.give_up(process)
        children.give_up(process)
        assert process.returncode == ended


def test_an_interrupt_kills_what_was_started_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = children.start(command, folder=str(tmp_path), environment={})
    with pytest.raises(KeyboardInterrupt), children.threads(1) as working:  # noqa: PT012
        working.hand_out(lambda: children.finish(process, 90))
        raise KeyboardInterrupt
    assert process.returncode == -9
