"""Whose kernel it is, and the name of its image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernelspec_lib import naming
from kernelspec_lib.errors import UsageError
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject
from kernelspec_lib.wording import shown

MAX_LOGIN = 100

# One part of a repository's name, as Docker's reference grammar has it.
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_LOGIN = re.compile(_PART)
_HOST = r"[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*(?::[0-9]{1,5})?"
_NAME = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")
_MAX_NAME = 255
_USER = re.compile(r"([0-9]{1,10}):([0-9]{1,10})")
_MAX_ID = 2**32 - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A user of the hub."""

    login: str
    """As a part of an image's name: lower case."""
    uid: int | None = None
    """Numbers on the hub's machine; None where they are not known."""
    gid: int | None = None


def login(text: str) -> str:
    """*text* as a login, lower-cased. Raises UsageError for what cannot be in an image's name."""
    lowered = text.lower()
    # The Kelvin sign is a k in lower case, and somebody else's login.
    if not text.isascii() or len(lowered) > MAX_LOGIN or not _LOGIN.fullmatch(lowered):
        raise UsageError(
            f"{shown(text)} cannot be a login here: accepted are ASCII letters and digits, with a "
            f"dot, hyphens or at most two underscores between them, at most {MAX_LOGIN} characters"
        )
    return lowered


def user(text: str) -> tuple[int, int]:
    """Uid and gid of "UID:GID". Raises UsageError for anything else."""
    found = _USER.fullmatch(text)
    if not found or max(int(found[1]), int(found[2])) > _MAX_ID:
        raise UsageError(f"{shown(text)} is not a user: write two numbers, as in 1000:1000")
    return int(found[1]), int(found[2])


def image_reference(project: KernelProject, policy: Policy, login: str) -> str:
    """The image of *project* when *login* owns it, as the site's pattern names it.

    Raises UsageError where the pattern makes no reference that Docker takes.
    """
    values = {
        "registry": policy.registry,
        "login": login,
        "image_name": project.image_name,
        "image_version": project.image_version,
    }
    filled = naming.FIELD.sub(lambda found: values[found[1]], policy.image)
    return reference(filled if policy.registry else filled.removeprefix("/"))


def reference(text: str) -> str:
    """*text*, if it is an image's reference. Raises UsageError otherwise.

    Source: the grammar in Docker's package `reference`.
    """
    name, at, digest = text.partition("@")
    slash, colon = name.rfind("/"), name.rfind(":")
    tag = None
    if colon > slash:
        name, tag = name[:colon], name[colon + 1 :]
    fits = (
        len(name) <= _MAX_NAME
        and _NAME.fullmatch(name)
        and (tag is None or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )
    if not fits:
        raise UsageError(
            f"{shown(text)} is no image reference; it reads like "
            "registry.example/team/ada_churn:latest"
        )
    return text


def registry_of(reference: str) -> str | None:
    """The host, with its port, that the image *reference* is pulled from; None: none is named.

    Source: `splitDockerDomain` in Docker's package `reference`.
    """
    host, slash, _ = reference.partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else None
