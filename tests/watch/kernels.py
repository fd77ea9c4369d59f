"""Kernels, looks and policies that were never on any machine."""

from __future__ import annotations

import os
from typing import Any

from kernelspec_lib.launcher import call
from kernelspec_lib.watch.containers import Kernel
from kernelspec_lib.watch.rows import Row
from kernelspec_lib.watch.usage import Usage

G = 1024**3
HELD = f"{os.getpid()}:{call.start_ticks(os.getpid())}"
"""Held by the process of the tests."""


def kernel(ident: str = "a" * 64, **more: Any) -> Kernel:
    """A kernel that runs; *ident* is its container's id."""
    usual: dict[str, Any] = {
        "id": ident,
        "name": f"kernelspec-ada-churn-{ident[:4]}",
        "login": "ada",
        "kernel": "churn",
        "image": "ada_churn:latest",
        "launcher": "sudo",
        "created": 1000.0,
        "state": "running",
        "pid": 7,
        "connection_file": __file__,
        "parent": HELD,
        "memory_limit": 4 * G,
        "cpus_limit": 2.0,
        "pids_limit": 200,
    }
    return Kernel(**{**usual, **more})


def row(one: Kernel, **more: Any) -> Row:
    """What is seen of it."""
    usual: dict[str, Any] = {
        "kernel": one,
        "usage": Usage(cpu=12.5, memory=G, pids=9),
        "cpus": 0.5,
        "age": 3600.0,
        "idle": 60.0,
        "orphan": "",
    }
    return Row(**{**usual, **more})
