"""Where a kernel is tried: in its container, or in a throwaway environment, with a throwaway work
folder. The user's own files are never in reach."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kernelspec_lib.delivery import engine, environment
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.delivery.session import Place
from kernelspec_lib.kernels import spec
from kernelspec_lib.kernels.container import CONNECTION_LABEL
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.kernels.spec import CONNECTION_FILE, KernelSpec
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.policy import Mount, Policy
from kernelspec_lib.project import LOCK, KernelProject

_NOBODY = 65534
"""A kernel must run for any uid, and is never root's on a hub: root tries it as nobody."""


@contextmanager
def in_container(
    project: KernelProject,
    policy: Policy,
    login: str,
    image: str,
    docker: Engine,
    folder: Path,
    told: Callable[[str], None],
) -> Iterator[Place]:
    """The kernel in a container of *image*, with all its files in *folder*.

    told: hears which mounts of the site are left out. Afterwards the container is gone, whatever
    happened. Raises CommandFailed where docker cannot say so.
    """
    is_root = os.getuid() == 0
    uid, gid = (_NOBODY, _NOBODY) if is_root else (os.getuid(), os.getgid())
    place = _place(project, folder, (uid, gid) if is_root else None)
    os.chown(place.work, uid, gid)
    owner = Owner(login=login, uid=uid, gid=gid)
    emitted = spec.emit(project, _for_trial(policy, owner, place, told), owner, image)
    _write(emitted, (docker.client, *emitted.argv[1:]), {}, place)
    try:
        yield place
    finally:
        engine.remove_containers(docker, f"{CONNECTION_LABEL}={place.connection_file}")


@contextmanager
def in_environment(
    project: KernelProject,
    policy: Policy,
    login: str,
    index: IndexConfig,
    variables: Mapping[str, str],
    folder: Path,
    told: Callable[[str], None],
) -> Iterator[Place]:
    """The kernel in a new environment made from the lock, with all its files in *folder*.

    index: where the packages come from. variables: this program's own. Raises as environment.make.
    """
    place = _place(project, folder, None)
    (folder / "home").mkdir()
    lock = project.place.folder.resolve() / LOCK
    python = environment.make(
        folder / "environment", project.python_version, lock, index, variables, told
    )
    emitted = spec.emit(project, policy, Owner(login=login))
    words = (str(python), *spec.COMMAND[1:-1], CONNECTION_FILE.source)
    own = environment.variables(folder / "environment", folder / "home")
    # Jupyter replaces $NAME in these values; docker, which the hub uses, does not.
    asked = {name: text.replace("$", "$$") for name, text in project.environment.items()}
    _write(emitted, words, {**own, **asked}, place)
    yield place


def _place(project: KernelProject, folder: Path, user: tuple[int, int] | None) -> Place:
    place = Place(
        kernels=folder / "kernels",
        kernel_name=project.kernel_name,
        connection_file=folder / "connection.json",
        work=folder / "work",
        log=folder / "kernel.log",
        user=user,
    )
    place.work.mkdir()
    return place


def _write(
    emitted: KernelSpec, argv: tuple[str, ...], variables: Mapping[str, str], place: Place
) -> None:
    changed = dataclasses.replace(emitted, argv=argv, env=variables)
    spec.write(changed, place.kernels / place.kernel_name, {})


def _for_trial(policy: Policy, owner: Owner, place: Place, told: Callable[[str], None]) -> Policy:
    """*policy* with a throwaway work folder, and with nothing else of the machine to write to."""
    mounts = []
    for mount in policy.mounts:
        source = mount.source.replace("{login}", owner.login)
        if Path(source).exists():
            mounts.append(dataclasses.replace(mount, read_only=True))
        else:
            told(f"{source} is not on this machine: the kernel is tried without it")
    work = Mount(source=str(place.work), target=policy.work_dir.target, read_only=False)
    return dataclasses.replace(
        policy, work_dir=work, mounts=tuple(mounts), launcher="direct", network="host"
    )
