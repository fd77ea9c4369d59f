"""The kernels on this machine, as its engine tells them over its socket.

`docker ps` and `docker stats` take seconds for fifty kernels. One list and a question for each over
connections that stay open take a tenth of one.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.kernels.container import (
    CONNECTION_LABEL,
    KERNEL_LABEL,
    OWNER_LABEL,
    PARENT_LABEL,
)
from kernelspec_lib.launcher import call
from kernelspec_lib.launcher.engine import Engine, EngineDown, EngineRefused, quoted
from kernelspec_lib.launcher.launch import LAUNCHER
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.policy import Policy

T = TypeVar("T")

_THREADS = 8
_RUNS = "running"


class EngineSilent(KernelspecError):
    """The engine's socket cannot be used."""

    def __init__(self, socket: str, reason: str) -> None:
        super().__init__(socket, reason)
        self.socket, self.reason = socket, reason

    def __str__(self) -> str:
        remedy = (
            "call this as root, or as a user who may use Docker"
            if "permission" in self.reason.lower()
            else "start the engine, or say in DOCKER_HOST where its socket is (unix://…)"
        )
        return f"the engine does not answer at {self.socket}: {self.reason}; {remedy}"


class EngineUnwilling(KernelspecError):
    """The engine answered that it will not."""

    def __init__(self, deed: str, message: str, status: int = 500) -> None:
        super().__init__(deed, message, status)
        self.deed, self.message, self.status = deed, message, status

    def __str__(self) -> str:
        return f"the engine would not {self.deed}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One container of ours."""

    id: str
    name: str
    login: str
    kernel: str
    image: str
    launcher: str
    """`supervised` or `sudo`; `direct` for a plain `docker run`."""
    created: float
    """Seconds since the epoch."""
    state: str
    """As the engine says it: `running`, `created`, `exited`, …"""
    pid: int
    """Of its first process on this machine; 0 where none runs."""
    connection_file: str
    parent: str
    memory_limit: int | None
    """Bytes; None: there is no limit. So too of the next ones."""
    cpus_limit: float | None
    pids_limit: int | None

    @property
    def runs(self) -> bool:
        return self.state == _RUNS


def socket_of(policy: Policy, environment: Mapping[str, str]) -> str:
    """Where the engine of *policy* listens. Raises EngineSilent for one on another machine."""
    try:
        return call.socket_of(policy.engine, environment)
    except Refused as error:
        raise EngineSilent(environment["DOCKER_HOST"], str(error)) from error


def listed(socket: str, login: str | None = None) -> list[Kernel]:
    """Every container of ours, of *login* or of everybody, by login, kernel and age.

    Raises EngineSilent, EngineUnwilling.
    """
    known = map(_kernel, inspected(socket, login))
    return sorted(known, key=lambda one: (one.login, one.kernel, one.created))


def inspected(socket: str, login: str | None = None) -> list[Any]:
    """The same containers, as the engine describes each. Raises EngineSilent, EngineUnwilling."""
    label = f"{OWNER_LABEL}={login}" if login else OWNER_LABEL
    wanted = quoted('{"label":["%s"]}' % label)  # noqa: UP031 - braces
    found = asked(socket, "list containers", "GET", f"/containers/json?all=1&filters={wanted}")
    told = each(socket, [one["Id"] for one in found], _inspected)
    return [one for one in told if one is not None]


def asked(socket: str, deed: str, method: str, target: str, body: Any = None) -> Any:
    """What the engine answers to one question. Raises EngineSilent, EngineUnwilling."""
    engine = Engine(socket)
    try:
        return engine.ask(method, target, body)
    except EngineDown as error:
        raise EngineSilent(socket, str(error)) from error
    except EngineRefused as error:
        raise EngineUnwilling(deed, error.message, error.status) from error
    finally:
        engine.close()


def each(socket: str, ids: Sequence[str], deed: Callable[[Engine, str], T]) -> list[T]:
    """*deed* for each of *ids*, side by side, each row of them over one connection."""

    def row(some: Sequence[str]) -> list[T]:
        engine = Engine(socket)
        try:
            return [deed(engine, one) for one in some]
        except EngineDown as error:
            raise EngineSilent(socket, str(error)) from error
        finally:
            engine.close()

    if not ids:
        return []
    rows = [ids[at::_THREADS] for at in range(min(_THREADS, len(ids)))]
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        return [one for found in threads.map(row, rows) for one in found]


def _inspected(engine: Engine, container: str) -> Any:
    try:
        return engine.ask("GET", f"/containers/{container}/json")
    except EngineRefused:
        return None  # It has just ended.


def _kernel(value: Any) -> Kernel:
    labels, host = value["Config"]["Labels"], value["HostConfig"]
    return Kernel(
        id=value["Id"],
        name=value["Name"].removeprefix("/"),
        login=labels[OWNER_LABEL],
        kernel=labels.get(KERNEL_LABEL, ""),
        image=value["Config"]["Image"],
        launcher=labels.get(LAUNCHER, "direct"),
        created=_time(value["Created"]),
        state=value["State"]["Status"],
        pid=value["State"].get("Pid") or 0,
        connection_file=labels.get(CONNECTION_LABEL, ""),
        parent=labels.get(PARENT_LABEL, ""),
        memory_limit=host.get("Memory") or None,
        cpus_limit=_cpus(host),
        pids_limit=_positive(host.get("PidsLimit")),
    )


def _cpus(host: Mapping[str, Any]) -> float | None:
    if host.get("NanoCpus"):
        return float(host["NanoCpus"]) / 10**9
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    return quota / period if quota > 0 else None


def _positive(number: int | None) -> int | None:
    return number if number and number > 0 else None


def _time(text: str) -> float:
    """Seconds since the epoch of a time as the engine writes it, in UTC, to the second."""
    return float(calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))
