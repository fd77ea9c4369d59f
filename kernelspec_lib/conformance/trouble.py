"""What happens to kernels: killed clients, killed servers, memory, processes, disks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient

from kernelspec_lib.conformance.case import Case
from kernelspec_lib.conformance.lifecycle import scratch
from kernelspec_lib.conformance.subject import (
    CaseFailed,
    Kernel,
    NotRun,
    Subject,
    must_be_gone,
    running,
)
from kernelspec_lib.conformance.traces import Traces

_MIB = 1024**2
_SMALL_DISK = 256 * _MIB
"""A disk with more room is not filled for a test: others may stand on it."""
_SMALL_CHILD = 1 * _MIB
"""More than a sleeping child takes."""

_LIMITS = """
import pathlib
def limit(*paths):
    for path in paths:
        try:
            return pathlib.Path("/sys/fs/cgroup", path).read_text().strip()
        except OSError:
            pass
    return "max"
print(limit("memory.max", "memory/memory.limit_in_bytes"), limit("pids.max", "pids/pids.max"))
"""
_EAT = "kept = []\nwhile True: kept.append(b'x' * 2**24)"
_BOMB = """
import os, signal, time
children, refused = [], ""
try:
    while len(children) <= %(limit)d:
        child = os.fork()
        if child == 0:
            os.execvp("sleep", ["sleep", "600"])
        children.append(child)
except OSError as error:
    refused = type(error).__name__
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(refused)
"""
_FILL = """
refused = ""
try:
    with open(%(path)r, "wb") as file:
        while True:
            file.write(b"x" * 2**20)
            file.flush()
except OSError as error:
    refused = error.strerror
print(refused)
"""


def _crash(subject: Subject) -> None:
    with running(subject) as kernel:
        found = kernel.traces()
        kernel.client.execute("import os; os._exit(3)", allow_stdin=False)
        if not kernel.dies():
            raise CaseFailed("the kernel ended, and its client runs on")
        must_be_gone(found, subject.patience)
        kernel.restart(now=True)
        kernel.expect("print('back')", "back")


def _client_killed(subject: Subject) -> None:
    with running(subject) as kernel:
        found = kernel.traces()
        kernel.client.execute("while True: pass", allow_stdin=False)
        os.kill(kernel.manager.provisioner.pid, signal.SIGKILL)
        must_be_gone(found, subject.patience)


def _server_killed(subject: Subject) -> None:
    words = (str(subject.kernels), subject.kernel_name, str(subject.work), str(subject.folder))
    command = [sys.executable, "-m", "kernelspec_lib.conformance.server", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        connection_file = Path(server.stdout.readline().strip())
        found = Traces(first=None, connection_file=connection_file, engine=subject.engine)
        try:
            found = _busy_kernel(subject, connection_file)
            server.kill()
            server.wait()
            must_be_gone(found, subject.patience)
        finally:
            server.kill()
            found.sweep()
            connection_file.unlink(missing_ok=True)


def _busy_kernel(subject: Subject, connection_file: Path) -> Traces:
    """The traces of somebody else's kernel, once a cell in it runs for ever."""
    client = BlockingKernelClient(connection_file=str(connection_file))
    client.load_connection_file()
    client.start_channels()
    try:
        kernel = Kernel(subject=subject, place=subject.place(), manager=_NeverDead(), client=client)
        kernel.answers()
        kernel.learn()
        client.execute("while True: pass", allow_stdin=False)
        found = kernel.traces()
    finally:
        client.stop_channels()
    return Traces(first=found.first, connection_file=connection_file, engine=found.engine)


class _NeverDead:
    """A manager that this program has not; the server of the case has it."""

    def is_alive(self) -> bool:
        return True


def _out_of_memory(subject: Subject) -> None:
    with running(subject) as kernel:
        memory, _ = _limits(kernel)
        if memory is None or memory > _free_memory() // 2:
            raise NotRun("a limit of memory that is at most half of what is free here")
        found = kernel.traces()
        kernel.heard.clear()
        kernel.client.execute(_EAT, allow_stdin=False)
        if not kernel.dies():
            raise CaseFailed(f"it takes more than its {memory // _MIB} MiB, and lives")
        must_be_gone(found, subject.patience)
        kernel.restart(now=True)
        kernel.expect("print('back')", "back")
        if not any("memory" in told.lower() for told in kernel.heard):
            raise CaseFailed("the kernel was killed, and nothing in the notebook says why")


def _fork_bomb(subject: Subject) -> None:
    with running(subject) as kernel:
        memory, pids = _limits(kernel)
        if pids is None:
            raise NotRun("a limit of processes")
        room = min(_free_memory() // 2, memory or _free_memory())
        if pids * _SMALL_CHILD > room:
            raise NotRun(f"memory for {pids} processes, its limit")
        said = kernel.ask(_BOMB % {"limit": pids})
        if said.stdout.strip() != "BlockingIOError":
            raise CaseFailed(f"it could start {pids} processes: {said}")
        kernel.expect("print('alive')", "alive")


def _disk_full(subject: Subject) -> None:
    if shutil.disk_usage(subject.work).free > _SMALL_DISK:
        raise NotRun("a work folder on a disk with less than 256 MiB free")
    with scratch(subject) as (outside, inside), running(subject) as kernel:
        (outside / "before.txt").write_text("kept")
        said = kernel.ask(_FILL % {"path": f"{inside}/large"})
        if said.stdout.strip() != os.strerror(28):
            raise CaseFailed(f"a full disk was told as {said}")
        kernel.restart()
        if (outside / "before.txt").read_text() != "kept":
            raise CaseFailed("a file that was there before is lost")
        kernel.ask(f"import os; os.remove({f'{inside}/large'!r})")
        kernel.expect(f"print(open({f'{inside}/after.txt'!r}, 'w').write('room'))", "4")


def _limits(kernel: Kernel) -> tuple[int | None, int | None]:
    """Bytes of memory and number of processes that the container may have; None: no limit."""
    memory, pids = kernel.ask(_LIMITS).stdout.split()
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # cgroup v1 spells "no limit" as a number beyond all memory.
    bytes_ = int(memory) if memory.isdecimal() and int(memory) < machine else None
    return bytes_, int(pids) if pids.isdecimal() else None


def _free_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


CASES = (
    Case(
        id="crash",
        what="a kernel that ends by itself leaves nothing, and comes back",
        how="os._exit(3) in a cell, then a restart as Jupyter does it",
        run=_crash,
    ),
    Case(
        id="client-killed",
        what="SIGKILL of the kernel's client leaves nothing",
        how="kill the process that Jupyter started, while a cell runs",
        run=_client_killed,
    ),
    Case(
        id="server-killed",
        what="SIGKILL of the notebook server leaves nothing",
        how="kill the program that started the kernel, while a cell runs",
        run=_server_killed,
    ),
    Case(
        id="out-of-memory",
        what="out of memory: told why, and started anew",
        how="take memory until it is killed; listen to the notebook",
        run=_out_of_memory,
    ),
    Case(
        id="fork-bomb",
        what="a fork bomb stops at the limit of processes",
        how="fork until refused, and end the children",
        run=_fork_bomb,
    ),
    Case(
        id="disk-full",
        what="a full disk is an error in the cell, and nothing is lost",
        how="write until refused, restart, look for an older file",
        run=_disk_full,
    ),
)
