"""Kernels on the hub: installed with a verified image, rolled back, removed, listed.

A plan is made of what the hub says of itself; each folder of kernel specs is then changed by one
rename, and in no other way.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from kernelspec_lib.delivery import installed
from kernelspec_lib.delivery.image import LOCK_LABEL, REVISION_LABEL
from kernelspec_lib.delivery.installed import Row
from kernelspec_lib.delivery.place import Place
from kernelspec_lib.errors import UsageError
from kernelspec_lib.kernels import identity, spec
from kernelspec_lib.kernels.container import KERNEL_LABEL, OWNER_LABEL
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.kernels.spec import KernelSpec
from kernelspec_lib.onhub.files import KERNEL_JSON
from kernelspec_lib.onhub.kernels import MADE_BY
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject

CREATED_LABEL = "org.opencontainers.image.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A kernel to install."""

    project: KernelProject
    policy: Policy
    owner: str
    """A login."""
    names: tuple[str, ...]
    """What the owner's account may be called on the hub, the likeliest first."""
    image: str
    """The reference of its image."""
    lock: str
    """What the label of an image says that was built from the lock in the kernel's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that lies on the hub, and is the kernel's."""

    pinned: str
    """By digest; by its id where it comes from no registry."""
    image_id: str
    labels: Mapping[str, str]
    built: str
    """When, as the image says it (RFC 3339)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A kernel that is now on the hub for one user."""

    user: str
    folder: str
    new: bool
    """False: it was there already, exactly so."""
    work_dir: str
    """The user's work folder; empty where it is there."""


def shared_with(policy: Policy, login: str, kernel: str) -> tuple[str, ...]:
    """Who else sees the kernel *kernel* of *login*: members of the groups it is shared with."""
    path = f"{login}/{kernel}"
    members = (
        group.members
        for group in policy.groups
        if any(fnmatchcase(path, pattern) for pattern in group.kernels)
    )
    return tuple(sorted(frozenset[str]().union(*members) - {login}))


def verified_image(order: Order, place: Place) -> Image:
    """The image of *order*, brought to the hub if it is a registry's.

    Raises UsageError where it is not that kernel of its owner's, HubFailed where it cannot be had.
    """
    reference, login, kernel = order.image, order.owner, order.project.kernel_name
    found = place.connection.ask(
        "image",
        engine=order.policy.engine,
        reference=reference,
        pull=identity.registry_of(reference) is not None,
    )
    labels: Mapping[str, str] = found["labels"]
    for label, wanted in ((OWNER_LABEL, login), (KERNEL_LABEL, kernel)):
        if labels.get(label) != wanted:
            raise UsageError(
                f"the image {reference} is not the kernel {kernel} of {login}: its label {label} "
                f"is {labels.get(label, 'missing')}; `kernelspec build` makes images that say it"
            )
    return Image(
        pinned=found["pinned"],
        image_id=found["id"],
        labels=labels,
        built=labels.get(CREATED_LABEL) or _time(found["created"]),
    )


def _time(created: str | None) -> str:
    # What has no layer of its own was made in the year 1.
    return "" if created is None or created.startswith("0001-") else created


def emit_for(order: Order, user: Owner, image: Image) -> KernelSpec:
    """The kernel spec of the kernel, as *user* starts it from *image*."""
    emitted = spec.emit(order.project, order.policy, user, image.pinned)
    origin = {
        "image_id": image.image_id,
        "built": image.built,
        "revision": image.labels.get(REVISION_LABEL, ""),
        "lock": image.labels.get(LOCK_LABEL, ""),
        # What is asked for when somebody wants to know whether there is a newer one.
        "reference": identity.image_reference(order.project, order.policy, order.owner),
    }
    own = {**emitted.metadata[MADE_BY], "owner": order.owner, **origin}
    if user.login != order.owner:
        own["user"] = user.login
    return dataclasses.replace(emitted, metadata={**emitted.metadata, MADE_BY: own})


def install(order: Order, place: Place, told: Callable[[str], None]) -> tuple[Installed, ...]:
    """Install the kernel for its owner, and for those whom the policy shares it with.

    told: hears what is worth a note. Raises UsageError where the kernel is not the owner's to
    replace, HubFailed where the hub cannot; what one user cannot have hinders no other.
    """
    shared = _shared(order, place)
    accounts = place.accounts({order.owner: order.names, **{one: (one,) for one in shared}})
    if accounts[order.owner] is None:
        raise UsageError(
            f"{place.connection.hub}: it does not know the user {order.owner}, who owns this "
            "kernel; --login names another owner"
        )
    image = verified_image(order, place)
    if image.labels.get(LOCK_LABEL) != order.lock:
        told(f"note: {order.image} was built from another lock than the one in this folder")
    done: list[Installed] = []

    def give(login: str) -> str:
        account = accounts[login]
        if account is None:
            return f"note: {place.connection.hub} does not know {login}, who shares this kernel"
        done.append(put(order, place, image, account, login))
        missing = done[-1].work_dir
        return f"note: {login}'s kernel starts once {missing} is there" if missing else ""

    installed.each((order.owner,), give, told)
    installed.each(shared, give, told)
    if place.folder is None:
        gone = _no_longer_shared(order, place, shared)
        installed.each(gone, lambda row: installed.remove(place, order.policy, row), told)
    return tuple(done)


def _shared(order: Order, place: Place) -> tuple[str, ...]:
    """Who gets a kernel.json of their own beside the owner. Raises UsageError."""
    if place.folder is not None:
        return ()
    users = shared_with(order.policy, order.owner, order.project.kernel_name)
    if not place.is_one_for_all():
        return users
    if users and order.policy.launcher == "direct":
        raise UsageError(
            f"the policy shares this kernel with {', '.join(users)}, and its hub.kernels is one "
            "folder for all: write {login} into it, so that each has a kernel of their own"
        )
    return ()


def put(
    order: Order, place: Place, image: Image, account: Mapping[str, Any], user: str
) -> Installed:
    """Install the kernel for *user*, whose account on the hub is *account*.

    Raises UsageError where somebody else's kernel stands there, HubFailed where the hub cannot;
    then what was there is there, whole.
    """
    policy, project = order.policy, order.project
    who = Owner(login=user, uid=account["uid"], gid=account["gid"])
    emitted = emit_for(order, who, image)
    files = {KERNEL_JSON: spec.to_json(emitted).encode(), **spec.logos(project.place.folder)}
    folder = place.folder_of(user, account)
    work_dir = policy.work_dir.source.replace("{login}", user)
    done = place.connection.ask(
        "put",
        engine=policy.engine,
        kernel=project.kernel_name,
        owner=order.owner,
        account=account,
        folder=folder,
        files={name: base64.b64encode(content).decode() for name, content in files.items()},
        pinned=image.pinned,
        id=image.image_id,
        work_dir=work_dir,
        roots=policy.launcher == "sudo",
    )
    missing = "" if done["work_dir"] else work_dir
    return Installed(user=user, folder=folder, new=done["new"], work_dir=missing)


def _no_longer_shared(order: Order, place: Place, users: Sequence[str]) -> list[Row]:
    found = installed.rows(place, None)
    return [
        row
        for row in found
        if (row.owner, row.kernel) == (order.owner, order.project.kernel_name)
        and row.user not in (order.owner, *users)
    ]
