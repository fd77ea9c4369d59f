"""Which kernels are orphans, which are idle, and what becomes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelspec_lib.kernels import orphan
from kernelspec_lib.policy import Idle
from kernelspec_lib.watch import reaping
from kernelspec_lib.watch.asking import Answer, CannotAsk
from kernelspec_lib.watch.history import Trace
from tests.watch.kernels import HELD, kernel, row

LIMIT = Idle(after=1000, warn=100)
NOW = 10_000.0


def limit_of(login: str) -> Idle | None:
    return LIMIT if login == "ada" else None


def answering(answer: Answer) -> Callable[[str], Answer]:
    return lambda path: answer


def judged(active: float, answer: Answer, warned: float | None = None) -> tuple[str, Trace | None]:
    """What becomes of a kernel that worked last at *active*; empty: nothing."""
    one = kernel()
    known = {one.id: Trace(at=active, cpu=1, active=active, warned=warned)}
    steps, learnt = reaping.idlers([row(one)], known, limit_of, NOW, answering(answer))
    return (steps[0].deed if steps else ""), learnt.get(one.id)


def test_who_works_is_not_even_asked() -> None:
    def refuse(path: str) -> Answer:
        raise AssertionError(path)

    one = kernel()
    known = {one.id: Trace(at=NOW, cpu=1, active=NOW - 899)}
    assert reaping.idlers([row(one)], known, limit_of, NOW, refuse) == ([], {})
    assert reaping.idlers([row(one)], {}, limit_of, NOW, refuse) == ([], {})
    elsewhere = kernel(login="grace")
    known = {one.id: Trace(at=NOW, cpu=1, active=0)}
    assert reaping.idlers([row(elsewhere)], known, limit_of, NOW, refuse) == ([], {})
    ended = kernel(state="exited")
    assert reaping.idlers([row(ended)], known, limit_of, NOW, refuse) == ([], {})


def test_the_user_is_told_first() -> None:
    assert judged(NOW - 900, Answer(busy=False))[0] == "warn"
    assert judged(NOW - 9000, Answer(busy=False))[0] == "warn"


def test_it_ends_once_the_user_had_time() -> None:
    assert judged(NOW - 9000, Answer(busy=False), warned=NOW - 99)[0] == "spare"
    assert judged(NOW - 9000, Answer(busy=False), warned=NOW - 100)[0] == "end"
    # Told early, and idle for less than the policy says.
    assert judged(NOW - 950, Answer(busy=False), warned=NOW - 100)[0] == "spare"


def test_a_cell_that_runs_without_a_processor_is_work() -> None:
    deed, trace = judged(NOW - 9000, Answer(busy=True), warned=NOW - 500)
    assert deed == "spare"
    assert trace == Trace(at=NOW - 9000, cpu=1, active=NOW)


def test_a_short_cell_that_nobody_saw_is_work_too() -> None:
    deed, trace = judged(NOW - 9000, Answer(busy=False, idle=10), warned=NOW - 500)
    assert deed == ""
    assert trace == Trace(at=NOW - 9000, cpu=1, active=NOW - 10)
    # Idle for long before it was told: that still holds.
    deed, trace = judged(NOW - 9000, Answer(busy=False, idle=2000), warned=NOW - 500)
    assert deed == "end"


def test_a_kernel_that_cannot_be_asked_is_spared() -> None:
    def refuse(path: str) -> Answer:
        raise CannotAsk("its connection is encrypted")

    one = kernel()
    known = {one.id: Trace(at=0, cpu=1, active=0, warned=0)}
    (step,), _ = reaping.idlers([row(one)], known, limit_of, NOW, refuse)
    assert (step.deed, step.why) == (
        "spare",
        "whether it is idle cannot be asked: its connection is encrypted",
    )


def test_orphans_are_removed_and_others_not() -> None:
    left = kernel("b" * 64)
    steps = reaping.orphans([row(kernel()), row(left, orphan="its connection file is gone")])
    assert [(one.kernel, one.deed) for one in steps] == [(left, "remove")]
    assert reaping.planned(steps[0]) == (
        "churn of ada (bbbbbbbbbbbb): its connection file is gone; would be removed"
    )


def test_who_holds_a_container(tmp_path: Path) -> None:
    file = tmp_path / "kernel.json"
    assert orphan.reason(str(file), HELD, list) == "its connection file is gone"
    file.write_text("{}")
    assert orphan.reason(str(file), HELD, list) == ""
    again = f"{os.getpid()}:1"
    for parent in (again, "0:0", "999999999:5", "x:y", "7:"):
        assert orphan.reason(str(file), parent, list) == "the server that started it is gone"
    assert orphan.reason(str(file), "", list) == "the docker run that started it is gone"
    client = [sys.executable, "-c", "input('up')", f"source={file}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(client, stdin=pipe, stdout=pipe) as process:
        # Where it has just begun, its command line is empty for a moment.
        assert process.stdout is not None
        assert process.stdout.read(2) == b"up"
        assert orphan.reason(str(file), "", orphan.commands) == ""
        process.communicate(b"\n")
    assert orphan.reason(str(file), "", orphan.commands) != ""


@pytest.mark.skipif(os.getuid() != 0, reason="root alone can be somebody else for a moment")
def test_a_file_that_may_not_be_looked_at_is_not_gone(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    for one in (tmp_path, *tmp_path.parents):
        if one.stat().st_uid == 0 and not one.stat().st_mode & 0o001:
            one.chmod(one.stat().st_mode | 0o011)
    os.seteuid(12345)
    try:
        assert orphan.is_gone(str(folder / "kernel.json")) is False
    finally:
        os.seteuid(0)
    assert orphan.is_gone(str(folder / "kernel.json")) is True
