"""Kernels that `kernelspec-launch` starts, as Jupyter calls it."""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.docker.conftest import Kernel, kernelspec
from tests.docker.test_line import UID, Running

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def policy(kernel: Kernel, folder: Path, **keys: Any) -> Path:
    """A site policy with the launcher `supervised`, and the work folder of *kernel*."""
    work = {"source": str(kernel.work), "target": "/home/{login}/work"}
    path = folder / "policy.json"
    path.write_text(json.dumps({"launcher": "supervised", "work_dir": work, **keys}))
    return path


def manager(
    kernel: Kernel, folder: Path, site: Path, *, comma: bool = True, **more: Any
) -> KernelManager:
    """The manager of *kernel*, emitted for the policy *site* into *folder*, and not started.

    comma: put one into the path of the connection file; podman takes none.
    """
    kernels, runtime = folder / "kernels", folder / f"runtime{', with a comma' * comma}"
    runtime.mkdir(exist_ok=True)
    words = ("emit", str(kernel.folder), f"--output={kernels / 'churn'}")
    emitted = kernelspec(*words, KERNELSPEC_POLICY=str(site))
    assert emitted.returncode == 0, emitted.stderr
    os.chown(kernel.work, UID, UID)
    number = len(list(runtime.iterdir()))
    made = KernelManager(
        kernel_name="churn",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)]),
        connection_file=str(runtime / f"kernel-{number}.json"),
        cache_ports=False,
        **more,
    )
    made.write_connection_file()
    os.chown(made.connection_file, UID, UID)
    return made


def variables(site: Path, **more: str) -> dict[str, str]:
    """What a notebook server hands on to the launcher."""
    return {**os.environ, "PATH": PATH, "KERNELSPEC_POLICY": str(site), **more}


@contextmanager
def running(
    made: KernelManager, kernel: Kernel, environment: Mapping[str, str], cwd: Path | None = None
) -> Iterator[Running]:
    """The kernel of *made*, started, and shut down at the end."""
    made.start_kernel(env=dict(environment), cwd=str(cwd or kernel.work))
    client = made.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Running(manager=made, client=client, kernel=kernel)
    finally:
        client.stop_channels()
        if made.has_kernel:
            made.shutdown_kernel()


def users_manager(account: pwd.struct_passwd, kernels: Path, kernel_name: str) -> KernelManager:
    """The manager of an installed kernel, as a user's server has it, and not started."""
    run = Path(account.pw_dir, "run")
    run.mkdir(mode=0o700, exist_ok=True)
    path = kernels / kernel_name / "kernel.json"
    path.write_text(path.read_text().replace('"LOGIN"', f'"{account.pw_name}"'))
    made = KernelManager(
        kernel_name=kernel_name,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)]),
        connection_file=str(run / f"kernel-{time.time_ns()}.json"),
        cache_ports=False,
    )
    made.write_connection_file()
    for one in (run, made.connection_file):
        os.chown(one, account.pw_uid, account.pw_gid)
    return made
