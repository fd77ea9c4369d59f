"""What a kernel is when it runs, and how docker spells it.

The two stand apart: a swarm or a cluster will spell the same container in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.policy import Mount
from kernelspec_lib.project import Resources

OWNER_LABEL = "kernelspec.owner"
KERNEL_LABEL = "kernelspec.kernel"
CONNECTION_LABEL = "kernelspec.connection_file"
PARENT_LABEL = "kernelspec.parent"
"""The process that a kernel ends with, as PID:STARTTICKS; a launcher sets it."""

DEFAULT_PIDS = 4096
"""Enough for every honest kernel; a fork bomb stops here, before the machine does."""

_MIN_CPUS = 0.01
"""Docker starts nothing below, and reads 0 as "no limit"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One kernel in its container."""

    engine: Literal["docker", "podman"]
    image: str
    command: tuple[str, ...]
    """What runs in it."""
    owner: Owner
    kernel_name: str
    connection_file: Mount
    """Its source is a word that Jupyter replaces at each start."""
    work_dir: Mount
    """The owner's folder, where the kernel starts."""
    mounts: tuple[Mount, ...]
    limits: Resources
    network: Literal["host", "bridge", "none"]
    environment: Mapping[str, str]
    read_only_root: bool
    """Whether only the mounts and /tmp can be written to."""


def docker_run(container: Container) -> tuple[str, ...]:
    """The command that runs *container* in the foreground until its kernel ends.

    Every option is one word, `--name=value`: no value can be read as an option of its own.
    """
    return (
        # podman takes the same words.
        container.engine,
        "run",
        "--rm",
        "--init",
        # An absent image is an error to tell at once, not a wait for a registry.
        "--pull=never",
        # What a kernel prints past Jupyter would fill the host's disk.
        "--log-driver=none",
        f"--network={container.network}",
        *_labels(container),
        *_mounts(container),
        *_user(container.owner),
        *_limits(container.limits),
        *_hardening(container),
        *(f"--env={name}={value}" for name, value in _environment(container).items()),
        container.image,
        *container.command,
    )


def _labels(container: Container) -> tuple[str, ...]:
    return (
        f"--label={OWNER_LABEL}={container.owner.login}",
        f"--label={KERNEL_LABEL}={container.kernel_name}",
        f"--label={CONNECTION_LABEL}={container.connection_file.source}",
    )


def _mounts(container: Container) -> tuple[str, ...]:
    mounts = (container.connection_file, container.work_dir, *container.mounts)
    return (
        *(f"--mount={_mount(mount)}" for mount in mounts),
        f"--workdir={container.work_dir.target}",
    )


def _mount(mount: Mount) -> str:
    fields = ["type=bind", _field(f"source={mount.source}"), _field(f"target={mount.target}")]
    return ",".join([*fields, "readonly"] if mount.read_only else fields)


def _field(text: str) -> str:
    # Docker reads a line of CSV: in quotes, a comma in a folder's name stays one. What Jupyter will
    # put for its word in braces is not known here.
    return f'"{text}"' if "{" in text or "," in text else text


def _user(owner: Owner) -> tuple[str, ...]:
    if owner.uid is None or owner.gid is None:
        # The connection file is 0600: without this, the image's root could not read it either. The
        # image may end as another user, who could not at all.
        return ("--user=0:0", "--cap-add=DAC_OVERRIDE")
    return (f"--user={owner.uid}:{owner.gid}",)


def _limits(limits: Resources) -> tuple[str, ...]:
    options = [f"--pids-limit={limits.pids or DEFAULT_PIDS}"]
    if limits.memory is not None:
        # Equal: no swap on top, which would slow the whole machine.
        options += [f"--memory={limits.memory}", f"--memory-swap={limits.memory}"]
    if limits.cpus is not None:
        options.append(f"--cpus={_decimal(max(limits.cpus, _MIN_CPUS))}")
    if limits.shm_size is not None:
        options.append(f"--shm-size={limits.shm_size}")
    if limits.gpus is not None:
        options.append(f"--gpus={limits.gpus}")
    return tuple(options)


def _decimal(number: float) -> str:
    """At most nine digits behind the point: docker counts in billionths of a processor."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _hardening(container: Container) -> tuple[str, ...]:
    options = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
    return (*options, "--read-only", "--tmpfs=/tmp") if container.read_only_root else options


def _environment(container: Container) -> dict[str, str]:
    # A uid without an account has no name but this one, and getpass.getuser() asks for it.
    own = {"USER": container.owner.login}
    if container.read_only_root:
        own["HOME"] = "/tmp"  # noqa: S108 - the container's own, and all of it that can be written
    return {**own, **container.environment}
