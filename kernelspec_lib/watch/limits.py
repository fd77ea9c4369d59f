"""The limits of a kernel that runs, changed while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernelspec_lib.errors import KernelspecError, UsageError
from kernelspec_lib.kernels import budget
from kernelspec_lib.launcher.notes import size
from kernelspec_lib.policy import Policy
from kernelspec_lib.watch import containers
from kernelspec_lib.watch.containers import EngineUnwilling, Kernel
from kernelspec_lib.watch.usage import Usage
from kernelspec_lib.wording import shown

LEAST_MEMORY = 6 * 1024**2
"""Bytes: Docker takes nothing below."""
_MIN_ID = 4
_UNKNOWN = 404
_PERIOD = 100_000
"""Microseconds, within which a container may use its time."""
_BUSY = ("device or resource busy", "ebusy")


class LimitRefused(KernelspecError):
    """The machine cannot hold the kernel to this limit."""

    def __init__(self, kernel: Kernel, reason: str, remedy: str = "") -> None:
        super().__init__(kernel, reason, remedy)
        self.kernel, self.reason, self.remedy = kernel, reason, remedy

    def __str__(self) -> str:
        told = f"{told_of(self.kernel)} keeps its limits: {self.reason}"
        return f"{told}; {self.remedy}" if self.remedy else told


def told_of(kernel: Kernel) -> str:
    """*kernel* in a sentence."""
    return f"{kernel.kernel} of {kernel.login} ({kernel.id[:12]})"


def named(found: Sequence[Kernel], text: str) -> Kernel:
    """The one running kernel that *text* names: KERNEL, OWNER/KERNEL, or a container.

    Raises UsageError where there is none, or more than one.
    """
    running = [one for one in found if one.runs]
    owner, slash, kernel = text.partition("/")
    matches = [one for one in running if text in (one.name, one.id)]
    matches = matches or [
        one
        for one in running
        if (slash and (one.login, one.kernel) == (owner, kernel)) or one.kernel == text
    ]
    if not matches and len(text) >= _MIN_ID:
        matches = [one for one in running if one.id.startswith(text)]
    if not matches:
        raise UsageError(f"no kernel of ours runs as {shown(text)}: `kernelspec top` lists them")
    if len(matches) > 1:
        each = ", ".join(f"{one.id[:12]} of {one.login}" for one in matches)
        raise UsageError(f"{shown(text)} names {len(matches)} containers; name one: {each}")
    return matches[0]


def above(policy: Policy, login: str, wanted: Mapping[str, float]) -> list[str]:
    """What of *wanted* is more than the policy lets one kernel of *login* have, in words."""
    told = []
    for name, value in wanted.items():
        for most, what in (
            (budget.maximum(policy, login), "one kernel"),
            (budget.of(policy, login), "all of a user's"),
        ):
            if value > most.get(name, value):
                told.append(f"{_said(name, value)} ({_said(name, most[name])} for {what})")
    return told


def update(socket: str, kernel: Kernel, wanted: Mapping[str, float], usage: Usage) -> None:
    """Hold *kernel* to the limits *wanted*: memory in bytes, cpus, pids; the others stay.

    Raises LimitRefused, EngineSilent, EngineUnwilling; then nothing has changed.
    """
    memory = wanted.get("memory")
    # Version 2 of the groups would kill the kernel instead of refusing.
    if memory is not None and usage.memory is not None and memory <= usage.memory:
        raise LimitRefused(kernel, *_in_use(usage.memory))
    pids = wanted.get("pids")
    if pids is not None and usage.pids is not None and pids < usage.pids:
        reason = f"it has {usage.pids} processes and threads at this moment"
        raise LimitRefused(kernel, reason, "name a higher --pids")
    deed, target = f"change {kernel.name}", f"/containers/{kernel.id}/update"
    try:
        try:
            containers.asked(socket, deed, "POST", target, _for_docker(wanted))
        except EngineUnwilling as error:
            if error.status != _UNKNOWN:
                raise
            # podman knows it by another name only.
            target = f"/v4.0.0/libpod{target}"
            containers.asked(socket, deed, "POST", target, _for_podman(wanted))
    except EngineUnwilling as error:
        if any(word in error.message.lower() for word in _BUSY):
            raise LimitRefused(kernel, *_in_use(usage.memory)) from error
        raise


def _for_docker(wanted: Mapping[str, float]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if "memory" in wanted:
        # Equal: no swap on top, which would slow the whole machine.
        body["Memory"] = body["MemorySwap"] = int(wanted["memory"])
    if "cpus" in wanted:
        body["NanoCpus"] = int(wanted["cpus"] * 10**9)
    if "pids" in wanted:
        body["PidsLimit"] = int(wanted["pids"])
    return body


def _for_podman(wanted: Mapping[str, float]) -> dict[str, Any]:
    """The same. Source: LinuxResources of the OCI runtime specification."""
    body: dict[str, Any] = {}
    if "memory" in wanted:
        body["memory"] = {"limit": int(wanted["memory"]), "swap": int(wanted["memory"])}
    if "cpus" in wanted:
        body["cpu"] = {"period": _PERIOD, "quota": int(wanted["cpus"] * _PERIOD)}
    if "pids" in wanted:
        body["pids"] = {"limit": int(wanted["pids"])}
    return body


def _in_use(memory: int | None) -> tuple[str, str]:
    much = "more than that" if memory is None else size(memory)
    return (
        f"it uses {much} of memory at this moment",
        "name a higher --memory, or let its user free some first",
    )


def changed(before: Kernel, wanted: Mapping[str, float]) -> str:
    """What `update` did, in words."""
    old = {"memory": before.memory_limit, "cpus": before.cpus_limit, "pids": before.pids_limit}
    parts = []
    for name, value in wanted.items():
        was = old[name]
        first = "no limit" if was is None else _said(name, was)
        parts.append(f"{first} -> {_said(name, value)}")
    return f"{told_of(before)}: {', '.join(parts)}"


def _said(name: str, value: float) -> str:
    if name == "memory":
        return size(value)
    unit = "processors" if name == "cpus" else "processes"
    return f"{value:.4g} {unit}" if name == "cpus" else f"{value:.0f} {unit}"
