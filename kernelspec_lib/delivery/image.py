"""The Docker image of a kernel: planned from its lock, then built, then pushed if that is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernelspec_lib.delivery import command, installer, secrets, trouble
from kernelspec_lib.delivery.engine import Engine, failed, labels
from kernelspec_lib.errors import FileUnusable, UsageError
from kernelspec_lib.kernels.container import KERNEL_LABEL, OWNER_LABEL
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.project import DOCKERFILE, LOCK, OUTSIDE, KernelProject, leads_out, whole

LOCK_LABEL = "kernelspec.lock"
STAGE_LABEL = "kernelspec.stage"
REVISION_LABEL = "org.opencontainers.image.revision"
SCHEMA_LABEL = "kernelspec.schema"
SCHEMA_VERSION = "1"
"""Of requirements.json: another one when its keys change their meaning."""

_TIMEOUT = 3 * 3600.0
"""Seconds; a large library compiled from its source takes its time."""
_PRUNE_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One image to build."""

    image: str
    folder: Path
    """The kernel's folder: what the Dockerfile may copy from."""
    arguments: Mapping[str, str]
    """Build arguments that stay in the image's history."""
    proxies: Mapping[str, str]
    """Build arguments that may hold a password: they stay nowhere, and go by the environment."""
    labels: Mapping[str, str]
    secrets: Mapping[str, bytes]
    """Files that single steps of the build can read, and no layer keeps."""
    network: str | None
    """The network of the build's steps; None: the engine's default."""
    takes_installer: bool
    """Whether the Dockerfile takes the installer that is lent to it."""
    hidden: Callable[[str], str]
    """Takes what is secret of the index out of a line that the build says."""


def plan(
    project: KernelProject,
    image: str,
    login: str,
    index: IndexConfig,
    origin: Mapping[str, str],
    network: str | None = None,
) -> Plan:
    """How the image *image* of *project* is built from the lock in its folder.

    index: where the packages come from. origin: GitLab's variables, which say where the kernel's
    files come from; may be empty. Raises FileUnusable.
    """
    folder = project.place.folder.resolve()
    return Plan(
        image=image,
        folder=folder,
        arguments={
            "BASE_IMAGE": project.base_image,
            "SYSTEM_PACKAGES": " ".join(project.system_packages),
            # Caches of other users are out of reach: one could lay code into theirs.
            "BUILDKIT_CACHE_MOUNT_NS": login,
        },
        proxies=_proxies(index),
        labels=_labels(project, login, lock_digest(folder), origin),
        secrets=secrets.of(index),
        network=network,
        takes_installer=installer.INSTALLER_IMAGE.encode() in whole(folder / DOCKERFILE),
        hidden=index.hidden,
    )


def lock_digest(folder: Path) -> str:
    """What the label of an image built from the lock in *folder* says. Raises FileUnusable."""
    path = folder / LOCK
    if leads_out(path):
        raise FileUnusable(str(path), "read", OUTSIDE)
    return f"sha256:{hashlib.sha256(whole(path)).hexdigest()}"


def _proxies(index: IndexConfig) -> dict[str, str]:
    named = {f"{scheme}_proxy": proxy for scheme, proxy in index.proxies.items()}
    if named and index.no_proxy:
        named["no_proxy"] = index.no_proxy
    # Some programs read the small letters only, some the capitals.
    return {name: value for low, value in named.items() for name in (low, low.upper())}


def argv(
    plan: Plan, secrets: Mapping[str, str], arguments: Mapping[str, str], engine: str = "docker"
) -> tuple[str, ...]:
    """The words behind `docker` (or podman: *engine*) that build *plan*.

    secrets: the files that hold its secrets. arguments: build arguments besides its own.
    """
    return (
        "build",
        # podman's lines are plain anyway.
        *(("--progress=plain",) if engine == "docker" else ()),
        f"--tag={plan.image}",
        *(f"--build-arg={name}={value}" for name, value in {**plan.arguments, **arguments}.items()),
        *(f"--build-arg={name}" for name in plan.proxies),
        *(f"--label={name}={value}" for name, value in plan.labels.items()),
        *(f"--secret={_secret(name, path)}" for name, path in secrets.items()),
        *([f"--network={plan.network}"] if plan.network else []),
        str(plan.folder),
    )


def build(engine: Engine, plan: Plan, told: Callable[[str], None]) -> None:
    """Build *plan*, and hand each line of the engine's to *told*.

    Raises UsageError where the image is somebody else's, BuildFailed or CommandFailed.
    """
    there = labels(engine, plan.image)
    owner = plan.labels[OWNER_LABEL]
    if there is not None and there.get(OWNER_LABEL, owner) != owner:
        raise UsageError(
            f"the image {plan.image} belongs to {there[OWNER_LABEL]}, and {owner} cannot replace it"
        )
    environment = {**engine.environment, **plan.proxies}
    arguments = (
        {installer.INSTALLER_IMAGE: installer.provide(engine)} if plan.takes_installer else {}
    )
    with secrets.handed(plan.secrets) as files:
        words = (engine.client, *argv(plan, files.paths, arguments, engine.name))
        done = command.follow(
            words,
            environment,
            _TIMEOUT,
            lambda line: told(plan.hidden(line)),
            descriptors=files.descriptors,
        )
    if done.returncode != 0:
        lines = [plan.hidden(line) for line in done.lines]
        given = plan.arguments["SYSTEM_PACKAGES"].split()
        raise trouble.build_failed(done.returncode, lines, given)


def bound_cache(engine: Engine, size: str) -> None:
    """Remove what builds left on *engine*, least used first, until *size* ("20g") is left of it.

    podman keeps no such thing. Raises CommandFailed.
    """
    if engine.name != "docker":
        return
    answer = engine.ask(
        "builder", "prune", "--force", f"--keep-storage={size}", timeout=_PRUNE_TIMEOUT
    )
    if answer.returncode != 0:
        raise failed(engine, "builder prune", answer)


def _labels(
    project: KernelProject, login: str, digest: str, origin: Mapping[str, str]
) -> dict[str, str]:
    standard = {
        "title": project.kernel_name,
        "description": project.display_name,
        "version": project.image_version,
        "base.name": project.base_image,
        # GitLab says in a pipeline where the kernel's files come from.
        "source": origin.get("CI_PROJECT_URL", ""),
        "revision": origin.get("CI_COMMIT_SHA", ""),
    }
    return {
        OWNER_LABEL: login,
        KERNEL_LABEL: project.kernel_name,
        STAGE_LABEL: project.stage,
        LOCK_LABEL: digest,
        SCHEMA_LABEL: SCHEMA_VERSION,
        **{f"org.opencontainers.image.{name}": text for name, text in standard.items() if text},
    }


def _secret(name: str, path: str) -> str:
    # A line of CSV, as in --mount: the temporary folder's name is the machine's choice.
    # Quotes only where there must be some: podman takes none.
    source = f"src={path}"
    if "," in source or '"' in source:
        source = '"' + source.replace('"', '""') + '"'
    return f"id={name},{source}"
