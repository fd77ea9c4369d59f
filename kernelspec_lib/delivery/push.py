"""An image on its way to the registry: first under a name of its own, then under its version.

The engine pushes to a tag that no other push has, and the registry sets the version's tag in one
step. So the version stands for the old image or for the new one, whatever is killed when, and no
image is ever without a tag: what `latest` has left behind can still be found, and pruned.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kernelspec_lib.delivery import command
from kernelspec_lib.delivery.engine import Engine, failed
from kernelspec_lib.delivery.image import LOCK_LABEL, REVISION_LABEL, STAGE_LABEL
from kernelspec_lib.delivery.registry import Registry, RegistryUnreachable, parts
from kernelspec_lib.errors import CommandFailed, KernelspecError, UsageError
from kernelspec_lib.kernels.container import KERNEL_LABEL, OWNER_LABEL

BUILD_TAG = "build-"
"""How the tags begin that single pushes get; the time (UTC) follows, so that they can be sorted."""

_TIME = "%Y%m%dT%H%M%S"
_TIMEOUT = 3 * 3600.0
_SAME = (OWNER_LABEL, KERNEL_LABEL, LOCK_LABEL, STAGE_LABEL, REVISION_LABEL)


class VersionTaken(KernelspecError):
    """A production version is in the registry already, with other content."""

    exit_code = 1

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference

    def __str__(self) -> str:
        return (
            f"{self.reference} is in the registry already, with other content: a production "
            "version never changes. Raise image_version in requirements.json"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where an image goes."""

    registry: Registry
    repository: str
    version: str
    """Its tag."""

    @property
    def name(self) -> str:
        """Of the repository, with its host: what stands in front of a tag or a digest."""
        return f"{self.registry.host}/{self.repository}"

    def pinned(self, digest: str) -> str:
        """The reference of the image *digest* there."""
        return f"{self.name}@{digest}"


def destination(reference: str, environment: Mapping[str, str]) -> Destination:
    """Where *reference* is pushed to. Raises UsageError where it names no registry."""
    found = parts(reference)
    if found is None:
        raise UsageError(
            f"{reference} names no registry to push to: the policy's `registry` says which"
        )
    host, repository, version = found
    return Destination(registry=Registry(host, environment), repository=repository, version=version)


def standing(to: Destination, wanted: Mapping[str, str]) -> str | None:
    """The digest of the production version that is there already, made from the same commit.

    wanted: the labels of the image to push. None: it may be pushed. Raises UsageError where the
    version is another owner's, VersionTaken where it must not change, RegistryUnreachable.
    """
    there = to.registry.labels(to.repository, to.version)
    if there is None:
        return None
    reference = f"{to.name}:{to.version}"
    owner = there.get(OWNER_LABEL)
    if owner is not None and owner != wanted[OWNER_LABEL]:
        raise UsageError(f"{reference} belongs to {owner}, and is not {wanted[OWNER_LABEL]}'s")
    if there.get(STAGE_LABEL) != "production":
        return None
    same = all(there.get(label) == wanted.get(label) for label in _SAME)
    # A build without a commit tells nothing of its Dockerfile.
    if not same or not wanted.get(REVISION_LABEL):
        raise VersionTaken(reference)
    return to.registry.digest(to.repository, to.version)


def push(
    engine: Engine,
    image: str,
    to: Destination,
    labels: Mapping[str, str],
    now: datetime,
    told: Callable[[str], None],
) -> str:
    """Push the local *image*, and let the version stand for it; the digest that it stands for now.

    labels: the image's. now: in UTC. Raises as `standing` does, and CommandFailed.
    """
    tag = f"{BUILD_TAG}{now:{_TIME}}-{secrets.token_hex(4)}"
    _forget(engine, to, now)
    own = f"{to.name}:{tag}"
    answer = engine.ask("tag", image, own)
    if answer.returncode != 0:
        raise failed(engine, "tag", answer)
    try:
        _send(engine, own, told)
    finally:
        engine.ask("image", "rm", own)
    digest = to.registry.digest(to.repository, tag)
    if digest is None:
        raise RegistryUnreachable(to.registry.host, f"what was pushed to {own} is not there")
    # Asked once more: another pipeline may have been quicker.
    already = standing(to, labels)
    if already is not None and already != digest:
        return already
    to.registry.tag(to.repository, digest, to.version)
    return digest


def _forget(engine: Engine, to: Destination, now: datetime) -> None:
    """Take the names off that a push had here which was killed: no push lasts that long."""
    begun = f"{BUILD_TAG}{now - timedelta(seconds=_TIMEOUT):{_TIME}}"
    words = ("image", "ls", "--format={{.Tag}}", f"--filter=reference={to.name}:{BUILD_TAG}*")
    for tag in engine.ask(*words).stdout.split():
        if tag < begun:
            engine.ask("image", "rm", f"{to.name}:{tag}")


def _send(engine: Engine, reference: str, told: Callable[[str], None]) -> None:
    done = command.follow((engine.client, "push", reference), engine.environment, _TIMEOUT, told)
    if done.returncode != 0:
        raise CommandFailed(
            f"pushing {reference}",
            done.returncode,
            [line for line in done.lines if line.strip()][-3:],
            "log in with `docker login`, and see that the policy's registry is the right one",
        )
