"""Programs that are called: answered, followed line by line, ended in time."""

from __future__ import annotations

import os
import sys
import time

import pytest

from kernelspec_lib.delivery import command

ENVIRONMENT = dict(os.environ)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_ask_keeps_the_outputs_apart() -> None:
    code = "import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)"
    answer = command.ask(python(code), ENVIRONMENT, 60)
    assert answer == command.Answer(returncode=3, stdout="a\n", stderr="b\n")


def test_ask_ends_a_program_that_does_not_answer() -> None:
    answer = command.ask(python("import time; time.sleep(60)"), ENVIRONMENT, 0.2)
    assert answer.returncode == 124
    assert answer.stderr == "no answer within 0.2 seconds"


def test_ask_gives_the_program_no_other_environment() -> None:
    answer = command.ask(python("import os; print(os.environ['ONLY'])"), {"ONLY": "this"}, 60)
    assert answer.stdout == "this\n"


def test_follow_hands_on_each_line_of_both_outputs() -> None:
    heard: list[str] = []
    code = "import sys; print('a', flush=True); print('b', file=sys.stderr); sys.exit(4)"
    done = command.follow(python(code), ENVIRONMENT, 60, heard.append)
    assert done == command.Followed(returncode=4, lines=("a", "b"), timed_out=False)
    assert heard == ["a", "b"]


def test_follow_reads_what_is_no_text() -> None:
    code = "import sys; sys.stdout.buffer.write(b'\\xff\\n')"
    done = command.follow(python(code), ENVIRONMENT, 60, lambda line: None)
    assert done.lines == ("\ufffd",)


def test_follow_ends_a_program_that_is_late_with_its_children() -> None:
    child = "import time; print('here', flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    begun = time.monotonic()
    done = command.follow(python(code), ENVIRONMENT, 2, lambda line: None)
    # The child holds the pipe open: reading ends only because it was ended, too.
    assert time.monotonic() - begun < 30
    assert done.timed_out
    assert done.lines == ("here",)


def test_follow_ends_the_program_when_whoever_listens_fails() -> None:
    class Enough(Exception):
        pass

    pids: list[int] = []

    def listen(line: str) -> None:
        pids.append(int(line))
        raise Enough

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(Enough):
        command.follow(python(code), ENVIRONMENT, 60, listen)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
