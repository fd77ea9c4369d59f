"""The kernel spec: what Jupyter reads to show a kernel and to start it.

Source: "Kernel specs" in the documentation of jupyter_client.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelspec_lib import __version__, data, project
from kernelspec_lib.errors import UsageError, unusable
from kernelspec_lib.kernels.container import Container, docker_run
from kernelspec_lib.kernels.identity import Owner, image_reference
from kernelspec_lib.onhub import files, kernels
from kernelspec_lib.onhub.files import KERNEL_JSON
from kernelspec_lib.onhub.kernels import MADE_BY
from kernelspec_lib.policy import Mount, Policy, runnable
from kernelspec_lib.project import KernelProject, Resources
from kernelspec_lib.wording import shown

LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")
MAX_LOGO = 1024 * 1024

CONNECTION_FILE = Mount(source="{connection_file}", target="/connection-spec", read_only=False)
"""Writable: ipykernel rewrites it where it adds keys of its own."""
LAUNCHER = "kernelspec-launch"
SUDO_LAUNCHER = "/usr/local/bin/kernelspec-launch"
"""What the rule in sudoers names."""
COMMAND = ("python", "-m", "ipykernel_launcher", "-f", CONNECTION_FILE.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpec:
    """One kernel.json."""

    argv: tuple[str, ...]
    display_name: str
    language: str = "python"
    interrupt_mode: str = "message"
    """Signals do not reach a kernel through docker: the third one kills the client instead."""
    env: Mapping[str, str]
    metadata: Mapping[str, Any]


def emit(
    project: KernelProject, policy: Policy, owner: Owner, image: str | None = None
) -> KernelSpec:
    """The kernel spec of *project* for *owner*.

    image: another image than the one that the site's pattern names.
    """
    container = container_of(project, policy, owner, image)
    return KernelSpec(
        argv=_argv(policy, container),
        display_name=project.display_name,
        env={},
        metadata={
            MADE_BY: {
                "owner": owner.login,
                "kernel": project.kernel_name,
                "image": container.image,
                "version": __version__,
                # What a launcher holds against the site policy at each start.
                "resources": _asked(project, "resources"),
                "environment": _asked(project, "environment"),
            }
        },
    )


def _argv(policy: Policy, container: Container) -> tuple[str, ...]:
    match policy.launcher:
        case "direct":
            return docker_run(container)
        case "supervised":
            return (LAUNCHER, "{resource_dir}", CONNECTION_FILE.source)
        case "sudo":
            # Root finds the kernel spec itself: of what the user says, it takes a name.
            return ("sudo", "-n", SUDO_LAUNCHER, container.kernel_name, CONNECTION_FILE.source)


def _asked(project: KernelProject, key: str) -> Any:
    value = project.document.value
    return value.get(key, {}) if isinstance(value, dict) else {}


def container_of(
    project: KernelProject, policy: Policy, owner: Owner, image: str | None = None
) -> Container:
    """The container that a kernel of *project* runs in.

    Raises UsageError where the policy asks for what no kernel can be started with yet.
    """
    policy = runnable(policy)
    return Container(
        engine=policy.engine,
        image=image or image_reference(project, policy, owner.login),
        command=COMMAND,
        owner=owner,
        kernel_name=project.kernel_name,
        connection_file=CONNECTION_FILE,
        work_dir=for_owner(policy.work_dir, owner),
        mounts=tuple(for_owner(mount, owner) for mount in policy.mounts),
        limits=_limits(project.resources, policy.default_resources),
        network=policy.network,
        environment=project.environment,
        read_only_root=policy.read_only_root,
    )


def for_owner(mount: Mount, owner: Owner) -> Mount:
    """*mount* with the login of *owner* in its paths."""
    return dataclasses.replace(
        mount,
        source=mount.source.replace("{login}", owner.login),
        target=mount.target.replace("{login}", owner.login),
    )


def _limits(asked: Resources, default: Mapping[str, Any]) -> Resources:
    """Each limit that *asked* names, else the site's default."""
    site = project.resources(default)
    named = {
        field.name: getattr(asked, field.name)
        for field in dataclasses.fields(asked)
        if getattr(asked, field.name) is not None
    }
    return dataclasses.replace(site, **named)


def to_json(spec: KernelSpec) -> str:
    """The text of kernel.json."""
    return json.dumps(dataclasses.asdict(spec), indent=2, ensure_ascii=False) + "\n"


def logos(folder: Path) -> dict[str, bytes]:
    """The pictures of a kernel by file name: those in its *folder*, else those of the template.

    Raises FileUnusable or UsageError for one that cannot be read.
    """
    template = data.root() / "{{cookiecutter.kernel_name}}"
    found: dict[str, bytes] = {}
    for name in LOGOS:
        for path in (folder / name, template / name):
            # A link could show any file of the machine to everybody on the hub.
            if path.is_file() and not path.is_symlink():
                picture = project.read_bytes(str(path), MAX_LOGO + 1)
                if len(picture) > MAX_LOGO:
                    raise UsageError(f"{shown(str(path))} is larger than a logo's 1 MiB")
                found[name] = picture
                break
    return found


def write(spec: KernelSpec, folder: Path, logos: Mapping[str, bytes]) -> None:
    """Make *folder* the kernel spec folder of *spec*.

    What stands there is replaced whole, in one step, if it is this owner's same kernel. Raises
    UsageError where it is anything else, FileUnusable where the disk refuses; then nothing has
    changed.
    """
    folder = folder.absolute()
    _refuse_foreign(spec, folder)
    with unusable(str(folder), "write"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kernelspec-", dir=folder.parent) as name:
            staged = str(Path(name, "new"))
            files.write_folder(staged, {KERNEL_JSON: to_json(spec).encode(), **logos})
            files.replace_folder(staged, str(folder))


def _refuse_foreign(spec: KernelSpec, folder: Path) -> None:
    made = spec.metadata[MADE_BY]
    if kernels.is_own_link(str(folder)):
        raise UsageError(
            f"{shown(str(folder))} was put there by `kernelspec install`: use that, or `kernelspec "
            f"uninstall {made['kernel']}` first"
        )
    try:
        kernels.refuse_foreign(str(folder), made["kernel"], made["owner"])
    except files.Refused as refusal:
        raise UsageError(f"{refusal.text}; name another folder, or remove it first") from refusal
