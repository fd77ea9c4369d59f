"""What a kernel does all day: start, execute, be interrupted, restart, and end."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelspec_lib.conformance.case import Case
from kernelspec_lib.conformance.subject import (
    CaseFailed,
    Kernel,
    Subject,
    must_be_gone,
    running,
)

# In naps: Python heeds a signal between two steps of a program. One that comes in the very moment
# in which it goes to sleep is heeded when that sleep is over, and no launcher can do anything.
_NAPS = """
print("asleep", flush=True)
for _ in range(6000):
    time.sleep(0.1)
"""
_SLEEP = f"import time\n{_NAPS}"
SLEEP_WITH_CHILD = f"import subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\n{_NAPS}"
_WHO = """
import getpass, json, os, tempfile
print(json.dumps({
    "user": [os.getuid(), os.getgid()],
    "home": os.access(os.path.expanduser("~"), os.W_OK),
    "tmp": os.access(tempfile.gettempdir(), os.W_OK),
    "name": bool(getpass.getuser()),
}))
"""


def _start(subject: Subject) -> None:
    with running(subject) as kernel:
        kernel.expect("print(1 + 1)", "2")


def _execute(subject: Subject) -> None:
    with running(subject) as kernel:
        kernel.expect("x = 20; print(x + 1)", "21")
        kernel.expect("print(x + 2)", "22")
        said = kernel.ask("import sys; print('aside', file=sys.stderr); 1 / 0")
        if said.stderr.strip() != "aside" or not said.error.startswith("ZeroDivisionError"):
            raise CaseFailed(f"standard error and an error were told as {said}")
        kernel.expect("print('long' * 100_000)", "long" * 100_000)


def _interrupt(subject: Subject) -> None:
    with running(subject) as kernel:
        _interrupted(kernel, _SLEEP, times=5)


def _interrupt_with_child(subject: Subject) -> None:
    with running(subject) as kernel:
        _interrupted(kernel, SLEEP_WITH_CHILD, times=3)


def _interrupted(kernel: Kernel, code: str, *, times: int) -> None:
    kernel.expect("kept = 'kept'; print(kept)", "kept")
    for turn in range(1, times + 1):
        said = kernel.ask(code, interrupt_at="asleep")
        if not said.error.startswith("KeyboardInterrupt"):
            raise CaseFailed(f"interrupt {turn} ended the cell with {said.error or 'nothing'!r}")
    kernel.expect("print(kept)", "kept")


def _restart(subject: Subject) -> None:
    with running(subject) as kernel:
        _restarted(kernel, now=False)


def _restart_forced(subject: Subject) -> None:
    with running(subject) as kernel:
        # Busy, as it is when somebody forces it; a cell that is asked for and never answers.
        kernel.client.execute(_SLEEP, allow_stdin=False)
        _restarted(kernel, now=True)


def _restarted(kernel: Kernel, *, now: bool) -> None:
    if not now:
        kernel.expect("kept = 'kept'; print(kept)", "kept")
    before = kernel.first
    kernel.restart(now=now)
    if kernel.first == before:
        raise CaseFailed("it is the old kernel that answers after the restart")
    kernel.expect("print('kept' in globals())", "False")
    if before is not None and before.runs():
        raise CaseFailed("the old kernel runs on beside the new one")


def _shutdown(subject: Subject) -> None:
    with running(subject) as kernel:
        found, connection_file = kernel.traces(), kernel.place.connection_file
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel()
        must_be_gone(found, subject.patience)
        if connection_file.exists():
            raise CaseFailed(f"left behind: {connection_file}")


def _shutdown_busy(subject: Subject) -> None:
    with running(subject) as kernel:
        found = kernel.traces()
        kernel.client.execute("while True: pass", allow_stdin=False)
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)
        must_be_gone(found, subject.patience)


def _owner(subject: Subject) -> None:
    with scratch(subject) as (outside, inside), running(subject) as kernel:
        kernel.ask(f"import pathlib; pathlib.Path({inside!r}, 'made.txt').write_text('made')")
        made = outside / "made.txt"
        if not made.exists() or made.read_text() != "made":
            raise CaseFailed(f"what the kernel wrote into {inside} is not in {outside}")
        owned = made.stat()
        if (owned.st_uid, owned.st_gid) != (os.getuid(), os.getgid()):
            raise CaseFailed(f"what it writes belongs to {owned.st_uid}:{owned.st_gid}")
        said = json.loads(kernel.ask(_WHO).stdout)
        wanted = {"user": [os.getuid(), os.getgid()], "home": True, "tmp": True, "name": True}
        if said != wanted:
            raise CaseFailed(f"the kernel says of itself {said}, not {wanted}")


def _folder(subject: Subject) -> None:
    with scratch(subject) as (outside, inside), running(subject, outside) as kernel:
        kernel.expect("import os; print(os.getcwd())", inside)


def _kept(subject: Subject) -> None:
    with scratch(subject) as (outside, inside), running(subject) as kernel:
        for turn, end in enumerate(("restart", "crash", "restart")):
            kernel.ask(f"open({f'{inside}/{turn}.txt'!r}, 'w').write('kept')")
            if end == "crash":
                kernel.client.execute("import os; os._exit(1)", allow_stdin=False)
                if not kernel.dies():
                    raise CaseFailed("the kernel ended, and its client runs on")
            kernel.restart(now=end == "crash")
            for path in sorted(outside.glob("*.txt")):
                if path.read_text() != "kept" or path.stat().st_uid != os.getuid():
                    raise CaseFailed(f"after a {end}, {path.name} is lost or another user's")
            kernel.expect(f"print(len(os.listdir({inside!r})))", str(turn + 1))


@contextmanager
def scratch(subject: Subject) -> Iterator[tuple[Path, str]]:
    """A folder in the work folder for what a case writes: its path outside, and inside."""
    name = f".kernelspec-conformance-{uuid.uuid4().hex[:8]}"
    outside = subject.work / name
    outside.mkdir()
    try:
        yield outside, f"{subject.inside}/{name}"
    finally:
        for path in outside.iterdir():
            path.unlink()
        outside.rmdir()


CASES = (
    Case(id="start", what="starts and answers", how="start it, execute one cell", run=_start),
    Case(
        id="execute",
        what="runs cells, and tells output and errors",
        how="four cells: a variable kept, standard error, an error, 400 kB of output",
        run=_execute,
    ),
    Case(
        id="interrupt",
        what="every interrupt stops the cell, and loses nothing",
        how="five times: interrupt a cell that sleeps; then ask for a variable",
        run=_interrupt,
    ),
    Case(
        id="interrupt-child",
        what="so it does while the cell has a child process",
        how="three times: interrupt a cell that has started another program",
        run=_interrupt_with_child,
    ),
    Case(
        id="restart",
        what="a restart gives a fresh kernel, and ends the old one",
        how="set a variable, restart, look for it and for the old processes",
        run=_restart,
    ),
    Case(
        id="restart-forced",
        what="so does a forced restart of a busy kernel",
        how="restart_kernel(now=True) while a cell runs",
        run=_restart_forced,
    ),
    Case(
        id="shutdown",
        what="a shut down kernel leaves nothing",
        how="shut down; look for processes, containers, the connection file",
        run=_shutdown,
    ),
    Case(
        id="shutdown-busy",
        what="so does a busy one that is shut down at once",
        how="shutdown_kernel(now=True) in an endless loop",
        run=_shutdown_busy,
    ),
    Case(
        id="owner",
        what="runs as its user, and what it writes is its user's",
        how="uid, gid, user name, HOME and /tmp inside; a file's owner outside",
        run=_owner,
    ),
    Case(
        id="folder",
        what="starts in the notebook's own folder",
        how="start it in a folder inside the work folder, ask where it is",
        run=_folder,
    ),
    Case(
        id="kept",
        what="the work folder outlives restarts and crashes",
        how="write files; restart, crash, restart; look for them and their owner",
        run=_kept,
    ),
)
