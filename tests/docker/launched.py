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

from jupyter_client.manager import KernelManager

from tests.docker import jupyter
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
    return jupyter.manager(kernels, "churn", runtime / f"kernel-{number}.json", UID, **more)


def variables(site: Path, **more: str) -> dict[str, str]:
    """What a notebook server hands on to the launcher."""
    return {**os.environ, "PATH": PATH, "KERNELSPEC_POLICY": str(site), **more}


@contextmanager
def running(
    made: KernelManager, kernel: Kernel, environment: Mapping[str, str], cwd: Path | None = None
) -> Iterator[Running]:
    """The kernel of *made*, started, and shut down at the end."""
    how = {"env": dict(environment), "cwd": str(cwd or kernel.work)}
    with jupyter.ready(made, **how) as client:
        yield Running(manager=made, client=client, kernel=kernel)


def users_manager(account: pwd.struct_passwd, kernels: Path, kernel_name: str) -> KernelManager:
    """The manager of an installed kernel, as a user's server has it, and not started."""
    run = Path(account.pw_dir, "run")
    run.mkdir(mode=0o700, exist_ok=True)
    path = kernels / kernel_name / "kernel.json"
    path.write_text(path.read_text().replace('"LOGIN"', f'"{account.pw_name}"'))
    os.chown(run, account.pw_uid, account.pw_gid)
    file = run / f"kernel-{time.time_ns()}.json"
    return jupyter.manager(kernels, kernel_name, file, account.pw_uid)
