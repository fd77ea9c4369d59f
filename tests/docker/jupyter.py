"""Kernels as Jupyter starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager


def manager(
    kernels: Path, kernel_name: str, connection_file: Path, uid: int, **more: Any
) -> KernelManager:
    """The manager of a kernel in the folder *kernels*, not started; its file is that user's."""
    made = KernelManager(
        kernel_name=kernel_name,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)]),
        connection_file=str(connection_file),
        # The port cache writes the connection file anew, as the user of this process.
        cache_ports=False,
        **more,
    )
    made.write_connection_file()
    os.chown(made.connection_file, uid, -1)
    return made


@contextmanager
def ready(made: KernelManager, **how: Any) -> Iterator[BlockingKernelClient]:
    """A client of the kernel of *made*, which is started, and shut down at the end."""
    made.start_kernel(**how)
    client = made.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        yield client
    finally:
        client.stop_channels()
        if made.has_kernel:
            made.shutdown_kernel()


def printed(client: BlockingKernelClient, code: str) -> str:
    """What *code* prints."""
    told: list[str] = []
    client.execute_interactive(
        code, timeout=60, output_hook=lambda one: told.append(one["content"].get("text", ""))
    )
    return "".join(told)
