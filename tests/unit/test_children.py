"""Programs in threads, and their end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

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
        done = children.run(command, folder=str(tmp_path), environment={}, timeout=90)
        told.append(done.returncode)

    with pytest.raises(KeyboardInterrupt), children.threads(1) as working:  # noqa: PT012
        working.hand_out(sleep)
        working.hand_out(more.set)
        assert begun.wait(30)
        raise KeyboardInterrupt
    assert told == [-9]
    assert not more.is_set()


def test_a_program_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(subprocess.TimeoutExpired):
        children.run(command, folder=str(tmp_path), environment={}, timeout=0.1)


def test_what_runs_beside_gives_its_answer() -> None:
    with children.beside(lambda: 3) as answer:
        assert answer() == 3


def test_what_runs_beside_is_killed_once_nobody_wants_it(tmp_path: Path) -> None:
    begun = Event()
    told: list[int] = []

    def sleep() -> None:
        begun.set()
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        done = children.run(command, folder=str(tmp_path), environment={}, timeout=90)
        told.append(done.returncode)

    with children.beside(sleep):
        assert begun.wait(30)
    assert told == [-9]


def test_a_program_that_begins_too_late_is_killed_as_well(tmp_path: Path) -> None:
    left = Event()
    told: list[int] = []

    def late() -> None:
        assert left.wait(30)
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        told.append(
            children.run(command, folder=str(tmp_path), environment={}, timeout=90).returncode
        )

    def leave() -> None:
        left.set()

    with pytest.raises(KeyboardInterrupt), children.beside(late):  # noqa: PT012
        # The block ends at the same moment as the program begins.
        Timer(0.2, leave).start()
        raise KeyboardInterrupt
    assert told == [-9]
