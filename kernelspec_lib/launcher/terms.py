"""What the site's policy gives a kernel at this moment: limits, budget, folders, network.

The policy is read at each start, so that limits change without touching a kernel.
"""

from __future__ import annotations

import math

from kernelspec_lib.launcher import shapes
from kernelspec_lib.launcher.notes import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

DEFAULT_PIDS = 4096
_MIN_CPUS = 0.01
_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SPANS = {"m": 60, "h": 3600, "d": 86400}


class Folder:
    """A folder of the hub in the container."""

    __slots__ = ("read_only", "source", "target")

    def __init__(self, source: str, target: str, read_only: bool) -> None:
        self.source, self.target, self.read_only = source, target, read_only


class Terms:
    """What one kernel of one user gets."""

    __slots__ = (
        "budget",
        "idle",
        "limits",
        "maximum",
        "mounts",
        "network",
        "read_only_root",
        "work",
    )

    def __init__(self, policy: Mapping[str, Any], asked: Mapping[str, Any], login: str) -> None:
        """asked: the resources that the kernel asks for, as in requirements.json."""
        groups = [one for one in policy.get("groups", {}).values() if login in one["members"]]
        resources = policy.get("resources", {})
        self.maximum = widened(
            resources.get("maximum", {}),
            [one.get("resources", {}).get("maximum", {}) for one in groups],
        )
        """The most that one kernel may have; numbers, memory in bytes."""
        self.budget = widened(
            policy.get("per_user", {}), [one.get("per_user", {}) for one in groups]
        )
        """memory (bytes), cpus, kernels: what all kernels of this user may have together."""
        self.limits = _limits(asked, resources, self.maximum, self.budget)
        """memory and shm_size (bytes), cpus, pids, gpus (-1: all), each where there is one."""
        self.network: str = policy.get("network", "host")
        self.read_only_root: bool = policy.get("read_only_root", False)
        more = [one["idle"] for one in (policy, *groups) if "idle" in one and "idle" in policy]
        self.idle: str = max((one["after"] for one in more), key=_seconds, default="")
        """For how long a kernel may be idle, as the policy writes it; empty: for ever."""
        work = policy.get("work_dir", "/home/{login}/work")
        self.work = _folder(work if isinstance(work, dict) else {"source": work}, login, False)
        self.mounts = [_folder(one, login, True) for one in policy.get("mounts", ())]


def _seconds(span: str) -> int:
    return int(span[:-1]) * _SPANS[span[-1]]


def number(name: str, value: Any) -> float:
    """The limit *name* as a number: bytes of a size, infinity for all GPUs."""
    if value == "all":
        return math.inf
    if name in ("memory", "shm_size"):
        return float(int(value[:-1]) * _UNITS[value[-1]])
    return float(value)


def widened(base: Mapping[str, Any], more: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Each bound of *base*, or the largest that one of *more* gives instead."""
    return {
        name: max(number(name, one[name]) for one in (base, *more) if name in one) for name in base
    }


def _limits(
    asked: Mapping[str, Any],
    resources: Mapping[str, Any],
    *most: Mapping[str, float],
) -> dict[str, float]:
    # A kernel that names no limit would otherwise have none, and pass the maximum.
    bounds = resources.get("maximum", {})
    given = {key: bounds[key] for key in ("memory", "cpus") if key in bounds}
    given = {"pids": DEFAULT_PIDS, **given, **resources.get("default", {}), **asked}
    limits = {}
    for name, value in given.items():
        limit = min(number(name, value), *(one.get(name, math.inf) for one in most))
        limits[name] = max(limit, _MIN_CPUS) if name == "cpus" else limit
    return limits


def _folder(value: Mapping[str, Any], login: str, read_only: bool) -> Folder:
    source = value["source"].replace("{login}", login)
    target = value.get("target", value["source"]).replace("{login}", login)
    return Folder(source, target, value.get("read_only", read_only))


def policy_of(text: bytes, path: str) -> Any:
    """The policy in *text*. Raises Refused where it has a mistake; *path* is for the sentence."""
    schema = shapes.schema("policy")
    try:
        value = shapes.read(text)
        mistake = next(shapes.faults(value, schema, schema), None)
    except (ValueError, RecursionError) as error:
        mistake = str(error)
    if mistake:
        raise Refused(
            f"The site policy {path} has a mistake, so no kernel is started: {mistake}. "
            "Please tell your administrator; `kernelspec policy show` tells where it stands."
        )
    return value


def asked_of(text: bytes, path: str) -> Any:
    """metadata.kernelspec of the kernel.json in *text*: what the kernel is and asks for.

    Raises Refused where it was not made by `kernelspec emit`.
    """
    known = shapes.schema("requirements")["properties"]
    words = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": r"^[ -~]+(?![\s\S])"}
    shape = {
        "type": "object",
        "required": ["owner", "kernel", "image"],
        "properties": {
            "owner": words,
            "kernel": known["kernel_name"],
            "image": words,
            "resources": known["resources"],
            "environment": known["environment"],
        },
    }
    try:
        value = shapes.read(text)["metadata"]["kernelspec"]
        mistake = next(shapes.faults(value, shape, {}), None)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        mistake = f"{type(error).__name__}: {error}"
    if mistake:
        raise Refused(
            f"The kernel spec {path} was not made by `kernelspec emit`, or was changed: {mistake}. "
            "Install the kernel again."
        )
    return value
