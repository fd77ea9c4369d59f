"""Kernels under test, started and used as Jupyter does it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_core.paths import jupyter_runtime_dir

from kernelspec_lib.conformance import traces
from kernelspec_lib.conformance.traces import Process, Traces
from kernelspec_lib.delivery import session
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.delivery.session import Place
from kernelspec_lib.errors import KernelFailed

_ASK_AGAIN = 2.0
"""Seconds after which a kernel that has not answered is asked once more."""


class CaseFailed(Exception):
    """What a case asks for does not hold."""


class NotRun(Exception):
    """A case needs what is not here. Its text goes on from "needs"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The kernel spec under test."""

    kernels: Path
    """The folder that holds the kernel spec folder."""
    kernel_name: str
    launcher: str
    """"direct", "supervised", "sudo", or "other"."""
    work: Path
    """The owner's work folder on this machine."""
    inside: str
    """Where the work folder stands in the container."""
    room: int | None
    """How many kernels the site lets this user have at once; None: any number."""
    """What its owner may have in all."""
    engine: Engine | None
    """None: the owner may not ask it."""
    folder: Path
    """Takes what the kernels' processes write."""
    timeout: float
    """Seconds for a start, or for one piece of code."""
    patience: float
    """Seconds that what must happen may take on a busy machine; no promise to anybody."""
    at_once: int
    in_a_row: int

    def place(self, cwd: Path | None = None) -> Place:
        """Where one kernel of it is started. cwd: the notebook's folder; None: the work folder."""
        return place(self.kernels, self.kernel_name, cwd or self.work, self.folder)


def place(kernels: Path, kernel_name: str, cwd: Path, folder: Path) -> Place:
    """Where one kernel is started, with a connection file of its own where Jupyter has them.

    kernels: the folder of kernel specs. folder: takes what its process writes.
    """
    name = f"kernel-{uuid.uuid4()}"
    runtime = Path(jupyter_runtime_dir())
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Place(
        kernels=kernels,
        kernel_name=kernel_name,
        # As jupyter_client tells it to the kernel: links followed.
        connection_file=runtime.resolve() / f"{name}.json",
        work=cwd,
        log=folder / f"{name}.log",
        user=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one piece of code said."""

    stdout: str
    stderr: str
    error: str
    """Such as "NameError: name 'x' is not defined"; empty where there was none."""


@dataclass(slots=True, kw_only=True)
class Kernel:
    """A running kernel and a client of it."""

    subject: Subject
    place: Place
    manager: Any
    """A KernelManager, or what knows as much of the kernel."""
    client: BlockingKernelClient
    first: Process | None = None
    """The first process of the newest kernel here."""
    heard: list[str] = field(default_factory=list)
    """All that was said in the notebook."""

    def ask(self, code: str, *, interrupt_at: str = "") -> Said:
        """What *code* says. Raises KernelFailed where the kernel dies over it or is late.

        interrupt_at: what it prints when it is to be interrupted, as by Jupyter's button.
        """
        request = self.client.execute(code, allow_stdin=False)
        said = {"stdout": "", "stderr": "", "error": ""}
        deadline = time.monotonic() + self.subject.timeout
        while True:
            message = self.listen()
            if message is None:
                if not self.manager.is_alive() or time.monotonic() > deadline:
                    raise session.failed(self.place, "died, or gave no answer")
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            match message["header"]["msg_type"], message["content"]:
                case "stream", {"name": name, "text": text}:
                    said[name] += text
                case "error", {"ename": name, "evalue": value}:
                    said["error"] = f"{name}: {value}"
                case "status", {"execution_state": "idle"}:
                    return Said(**said)
            if interrupt_at and interrupt_at in said["stdout"]:
                interrupt_at = ""
                self.manager.interrupt_kernel()

    def expect(self, code: str, stdout: str) -> None:
        """Raise CaseFailed unless *code* prints *stdout*, and nothing goes wrong."""
        said = self.ask(code)
        if said.error or said.stdout.strip() != stdout:
            raise CaseFailed(f"{code!r} said {said.error or said.stdout.strip()!r}, not {stdout!r}")

    def listen(self) -> Any:
        """The next message to the notebook, within a quarter of a second; None: there was none."""
        try:
            message: Any = self.client.get_iopub_msg(timeout=0.25)
        except Empty:
            return None
        content = message["content"]
        if message["header"]["msg_type"] in ("stream", "error", "display_data"):
            told = content.get("text") or content.get("evalue") or str(content.get("data"))
            self.heard.append(told)
        return message

    def learn(self) -> None:
        """Learn by what this kernel is found from outside."""
        said = self.ask(f"import os; print(os.readlink({traces.NAMESPACE!r}), os.getpid())")
        namespace, _, pid = said.stdout.strip().partition(" ")
        if not pid.isdecimal():
            # A launcher that refuses to start a kernel answers in its place, and tells why.
            raise KernelFailed(self.subject.kernel_name, "runs no cells", self.heard[-5:])
        self.first = traces.first_process(namespace, int(pid))
        if self.first is None:
            raise CaseFailed(
                "the kernel does not run as this user: its processes are not to be seen"
            )

    def traces(self) -> Traces:
        """By what the newest kernel here is found from outside."""
        return Traces(
            first=self.first,
            connection_file=self.place.connection_file,
            engine=self.subject.engine,
        )

    def answers(self) -> None:
        """Wait until the kernel answers, and keep what is heard. Raises KernelFailed."""
        deadline = time.monotonic() + self.subject.timeout
        asked = 0.0
        while True:
            if time.monotonic() - asked > _ASK_AGAIN:
                self.client.kernel_info()
                asked = time.monotonic()
            message = self.listen()
            if message is not None and _is_answer(message):
                return
            if time.monotonic() > deadline or not self.manager.is_alive():
                raise session.failed(self.place, "died, or gave no answer")

    def restart(self, *, now: bool = False) -> None:
        """Restart it, as Jupyter's button or its keeper of dead kernels does (now)."""
        self.manager.restart_kernel(now=now)
        self.answers()
        self.learn()

    def dies(self) -> bool:
        """Whether its process ends soon, as Jupyter sees it; what is said meanwhile is heard."""

        def dead() -> bool:
            self.listen()
            return bool(not self.manager.is_alive())

        return traces.happens(dead, self.subject.patience)


def _is_answer(message: Any) -> bool:
    parent = message["parent_header"].get("msg_type")
    return bool(parent == "kernel_info_request" and message["header"]["msg_type"] == "status")


@contextmanager
def running(subject: Subject, cwd: Path | None = None) -> Iterator[Kernel]:
    """A kernel that has answered. It is shut down, and what a failure leaves of it is removed."""
    here = subject.place(cwd)
    left = Traces(first=None, connection_file=here.connection_file, engine=subject.engine)
    try:
        with (
            session.started(here) as manager,
            session.connected(manager, here, subject.timeout) as client,
        ):
            kernel = Kernel(subject=subject, place=here, manager=manager, client=client)
            try:
                kernel.learn()
                yield kernel
            finally:
                left = kernel.traces()
    finally:
        left.sweep()


def must_be_gone(found: Traces, patience: float) -> None:
    """Raise CaseFailed where something of a kernel is left after *patience* seconds."""
    if not traces.happens(lambda: not found.left(), patience):
        raise CaseFailed(f"left behind: {', '.join(found.left())}")
