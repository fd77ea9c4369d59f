"""What is installed on a hub: listed, rolled back, removed, and held against what is newer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kernelspec_lib.delivery.image import LOCK_LABEL
from kernelspec_lib.delivery.place import Place
from kernelspec_lib.errors import KernelspecError, UsageError
from kernelspec_lib.policy import Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A kernel on the hub, for one user."""

    kernel: str
    owner: str
    user: str
    """Who starts it: its owner, or a member of a group that it is shared with."""
    folder: str
    account: Mapping[str, Any] | None
    made: Mapping[str, Any]
    """What kernel.json says of itself."""
    before: Mapping[str, Any] | None
    """The same of the kernel that `rollback` goes back to."""
    present: bool | None
    """Whether its image is on the hub; None: it is not known."""
    image_lock: str
    """The lock that the image was built from, as its label says; empty: it does not."""
    newest_id: str | None
    """The id of the image that has the kernel's reference on the hub by now."""

    def said(self, key: str) -> str:
        """What kernel.json says of itself under *key*; empty: nothing."""
        value = self.made.get(key)
        return value if isinstance(value, str) else ""

    @property
    def reference(self) -> str:
        """The reference by which there may be a newer image."""
        return self.said("reference")


def rows(place: Place, engine: str | None) -> tuple[Row, ...]:
    """Every kernel of this library's on the hub. engine: asked for their images; None: do not."""
    found = place.connection.ask(
        "listed", engine=engine, pattern=place.pattern, folder=place.folder
    )
    return tuple(map(_row, found))


def _row(value: Mapping[str, Any]) -> Row:
    made, image = value["made"], value.get("image")
    user = made.get("user")
    return Row(
        kernel=value["kernel"],
        owner=made["owner"],
        user=user if isinstance(user, str) else made["owner"],
        folder=value["folder"],
        account=value["account"],
        made=made,
        before=value["before"],
        present=(image is not None) if "image" in value else None,
        newest_id=value.get("newest_id"),
        image_lock=image["labels"].get(LOCK_LABEL, "") if image else "",
    )


def of_kernel(place: Place, login: str, kernel: str) -> tuple[Row, ...]:
    """The kernel *kernel* of *login* on the hub, their own first, then of those who share it.

    Raises UsageError where it is not there, or is somebody else's.
    """
    everything = rows(place, None)
    found = [row for row in everything if (row.owner, row.kernel) == (login, kernel)]
    if found:
        return tuple(sorted(found, key=lambda row: (row.user != login, row.user)))
    others = {row.owner for row in rows(place, None) if row.kernel == kernel and row.user == login}
    if others:
        raise UsageError(
            f"{place.connection.hub}: the kernel {kernel} that {login} sees is {min(others)}'s"
        )
    raise UsageError(f"{place.connection.hub}: there is no kernel {kernel} of {login}")


def each(found: Iterable[T], deed: Callable[[T], str], told: Callable[[str], None]) -> None:
    """Do *deed* for each, and tell what it says. Raises the last error, behind all the others."""
    error: KernelspecError | None = None
    for one in found:
        try:
            said = deed(one)
        except KernelspecError as caught:
            if error is not None:
                told(f"kernelspec: {error}")
            error = caught
        else:
            if said:
                told(said)
    if error is not None:
        raise error


def remove(place: Place, policy: Policy, row: Row) -> str:
    """Remove the kernel of *row*, and what it could be rolled back to. Raises HubFailed."""
    place.connection.ask("remove", **_request(policy, row))
    return f"{row.folder}/{row.kernel}: removed"


def roll_back(place: Place, policy: Policy, row: Row) -> str:
    """Go back to the kernel before; tells it. Raises HubFailed where there is none."""
    before = place.connection.ask("roll_back", **_request(policy, row))
    return f"{row.folder}/{row.kernel}: back at {before.get('image')}"


def _request(policy: Policy, row: Row) -> dict[str, Any]:
    return {
        "engine": policy.engine,
        "kernel": row.kernel,
        "owner": row.owner,
        "account": row.account,
        "folder": row.folder,
    }


def images_in_use(place: Place, policy: Policy) -> frozenset[str]:
    """Image ids and pinned references that an installed kernel needs, or its rollback.

    Raises HubFailed: who does not know what is in use removes nothing.
    """
    found = place.connection.ask(
        "in_use", engine=policy.engine, pattern=place.pattern, folder=place.folder
    )
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Whether a kernel is as new as it could be. None: nobody can say."""

    stale: bool | None
    reason: str


def state(row: Row, newest: str | None, lock: str | None) -> State:
    """How the kernel of *row* stands.

    newest: the digest that its reference has in the registry; None: it could not be learnt.
    lock: what the label of an image made from the kernel's folder says; None: there is no folder.
    """
    if row.present is False:
        return State(stale=True, reason="its image is not on the hub")
    image_lock = row.image_lock or row.said("lock")
    if lock is not None and image_lock and image_lock != lock:
        return State(stale=True, reason="its image was built from another lock")
    name, at, digest = row.said("image").rpartition("@")
    if not at:
        # An image of that machine only: no registry can have a newer one.
        newest = row.newest_id
    if newest is None:
        return State(stale=None, reason=f"what {name or 'its reference'} is now is not known")
    if digest != newest:
        return State(stale=True, reason="there is a newer image")
    return State(stale=False, reason="")


def described(row: Row, newest: str | None, lock: str | None) -> dict[str, Any]:
    """*row* as `list` tells it. newest, lock: as for `state`."""
    name, _, digest = row.said("image").rpartition("@")
    stands = state(row, newest, lock)
    return {
        "kernel": row.kernel,
        "owner": row.owner,
        "user": row.user,
        "folder": row.folder,
        "image": row.reference or name or digest,
        "digest": digest if digest.startswith("sha256:") else "",
        "built": row.said("built"),
        "commit": row.said("revision"),
        "lock": row.image_lock or row.said("lock"),
        "stale": stands.stale,
        "reason": stands.reason,
        "rollback": row.before["image"] if row.before else None,
    }


def newest(
    found: Sequence[Row], environment: Mapping[str, str], told: Callable[[str], None]
) -> dict[str, str | None]:
    """The digest that each reference has in its registry now; those that can be learnt.

    told: hears of each registry that does not answer.
    """
    from kernelspec_lib.delivery import registry

    wanted = {row.reference: registry.parts(row.reference) for row in found}
    named = {reference: parts for reference, parts in wanted.items() if parts is not None}
    known: dict[str, str | None] = {}
    for host in sorted({parts[0] for parts in named.values()}):
        there = registry.Registry(host, environment)
        try:
            for reference, (at, repository, tag) in sorted(named.items()):
                if at == host:
                    known[reference] = there.digest(repository, tag)
        except registry.RegistryUnreachable as error:
            told(f"note: whether there are newer images is not known: {error}")
    return known
