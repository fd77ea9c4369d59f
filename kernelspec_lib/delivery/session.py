"""A kernel, started from its kernel spec as Jupyter does it, and always shut down."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from kernelspec_lib.errors import KernelFailed

_POLL = 0.5
"""Seconds between two looks at whether the kernel is still there."""
_MAX_LOG = 10
_BANNER = re.compile(
    r"Kernel is running over TCP|^NOTE: When using|^To exit, you will|^\"quit\" from a client"
    r"|^To read more about this|^To connect another client|^\s*--existing "
)
"""What ipykernel writes at every start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one kernel is started."""

    kernels: Path
    """The folder that holds the kernel spec folder."""
    kernel_name: str
    connection_file: Path
    work: Path
    log: Path
    """Takes what the kernel's process writes."""
    user: tuple[int, int] | None
    """Uid and gid that the connection file is given to; None: it stays this process's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What one piece of code said."""

    stdout: str
    error: str | None
    """Its last line, such as "NameError: name 'x' is not defined"."""


@contextmanager
def started(place: Place) -> Iterator[KernelManager]:
    """The manager of a kernel that was started. Raises KernelFailed."""
    specs = KernelSpecManager(kernel_dirs=[str(place.kernels)], ensure_native_kernel=False)
    manager = KernelManager(
        kernel_name=place.kernel_name,
        kernel_spec_manager=specs,
        connection_file=str(place.connection_file),
        # Ports of a cache would be written later, into a file that is this process's again.
        cache_ports=place.user is None,
    )
    try:
        if place.user:
            manager.write_connection_file()
            os.chown(place.connection_file, *place.user)
        # Open as long as it runs: a restart writes into the same file.
        with place.log.open("wb") as log:
            try:
                manager.start_kernel(cwd=str(place.work), stdout=log, stderr=log)
            except OSError as error:
                raise KernelFailed(place.kernel_name, f"did not start: {error}") from error
            yield manager
    finally:
        _stop(manager)


def _stop(manager: KernelManager) -> None:
    if manager.has_kernel:
        manager.shutdown_kernel()
    else:
        manager.cleanup_resources()


@contextmanager
def connected(
    manager: KernelManager, place: Place, timeout: float
) -> Iterator[BlockingKernelClient]:
    """A client of the kernel that has answered once. Raises KernelFailed."""
    client = manager.client()
    client.start_channels()
    try:
        try:
            client.wait_for_ready(timeout=timeout)
        except RuntimeError as error:
            raise failed(place, _reason(manager, timeout)) from error
        yield client
    finally:
        client.stop_channels()


def execute(
    manager: KernelManager, client: BlockingKernelClient, place: Place, code: str, timeout: float
) -> Executed:
    """What *code* says. Raises KernelFailed where the kernel dies over it or is late."""
    request = client.execute(code, store_history=False, allow_stdin=False)
    deadline = time.monotonic() + timeout
    stdout: list[str] = []
    error: str | None = None
    while True:
        try:
            message: Any = client.get_iopub_msg(timeout=_POLL)
        except Empty:
            if not manager.is_alive() or time.monotonic() > deadline:
                raise failed(place, _reason(manager, timeout)) from None
            continue
        if message["parent_header"].get("msg_id") != request:
            continue
        match message["header"]["msg_type"], message["content"]:
            case "stream", {"name": "stdout", "text": text}:
                stdout.append(text)
            case "error", {"ename": name, "evalue": value}:
                error = f"{name}: {value}".strip()
            case "status", {"execution_state": "idle"}:
                return Executed(stdout="".join(stdout), error=error)


def failed(place: Place, reason: str) -> KernelFailed:
    """The error of the kernel at *place*, with the last that its process wrote."""
    lines: list[str] = []
    with suppress(OSError):
        text = place.log.read_text(encoding="utf-8", errors="replace")
        said = [line for line in text.splitlines() if line.strip()]
        lines = [line for line in said if not _BANNER.search(line)][-_MAX_LOG:]
    return KernelFailed(place.kernel_name, reason, lines)


def _reason(manager: KernelManager, timeout: float) -> str:
    if manager.is_alive():
        return f"gave no answer within {timeout:g} seconds"
    process = getattr(manager.provisioner, "process", None)
    code = getattr(process, "returncode", None)
    if code == 137:
        return "was killed: most often its memory limit (resources.memory) was too small"
    return "died"
