"""KS0xx and KS1xx: is the file a description of a kernel at all?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernelspec_lib import project, requirement, shape
from kernelspec_lib.document import Document, joined
from kernelspec_lib.findings import RULES, Finding, Severity
from kernelspec_lib.packages.target import Target
from kernelspec_lib.wording import shown

_SIZE = re.compile(r"[1-9][0-9]{0,14}[bkmg]")
_VERSION = re.compile(r"3\.[0-9]{1,2}")
_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")
MAX_DISPLAY_NAME = 100
_CODE = re.compile(r"KS[0-9]{3}")
_SUBSTITUTED = re.compile(r"\{[A-Za-z0-9_]+\}")
"""What jupyter_client replaces in argv by values of its own."""
_MIN_MEMORY = 6 * 1024**2
_MAX_MEMORY = 2**62


def check(document: Document, path: str) -> Iterator[Finding]:
    """Everything that is wrong in *document*, the requirements.json at *path*, by itself."""
    for fault in document.faults:
        yield Finding.from_fault(fault, path)
    for fault in shape.faults(document, "requirements"):
        yield Finding.from_fault(fault, path)
    if isinstance(document.value, dict):
        yield from _check_libs(document, path, document.value)
        yield from _check_texts(document, path, document.value)
        yield from _check_sizes(document, path, document.value)
        yield from _check_production(document, path, document.value)
        yield from _check_ignore(document, path, document.value)


def _check_libs(document: Document, path: str, value: dict[str, Any]) -> Iterator[Finding]:
    libs = value.get("libs")
    if not isinstance(libs, list) or not libs:
        return
    seen: dict[str, str] = {}
    complete = True
    for index, text in enumerate(libs[:1000]):
        pointer = f"/libs/{index}"
        if not isinstance(text, str) or document.has_fault_at(pointer) or not 0 < len(text) <= 1000:
            complete = False
            continue
        match requirement.read(text):
            case requirement.Refusal(code=code, reason=reason, hint=hint):
                complete = False
                yield _at(document, path, pointer, code, reason, hint)
            case Requirement(name=name) as parsed:
                yield from _check_duplicate(document, path, pointer, name, seen)
                seen.setdefault(canonicalize_name(name), text)
                if canonicalize_name(name) == "ipykernel" and _is_left_out(parsed, value):
                    message = "the marker of ipykernel leaves it out of this kernel's image"
                    yield _at(document, path, pointer, "KS109", message, "delete the marker")
    if complete and "ipykernel" not in seen and not _is_own(value.get("base_image")):
        yield Finding.of(
            "KS109",
            "ipykernel is not among the libs, so the image would have no kernel",
            'add "ipykernel" to libs',
            path=path,
            pointer="/libs",
            span=document.span_of_key("/libs"),
        )


def _is_left_out(requirement: Requirement, value: dict[str, Any]) -> bool:
    """Whether the marker of *requirement* holds on no Linux machine with the kernel's Python."""
    version = value.get("python_version")
    if (
        requirement.marker is None
        or not isinstance(version, str)
        or not _VERSION.fullmatch(version)
    ):
        return False
    targets = (
        Target(python_version=version, python_full_version=f"{version}.99", machine=machine)
        for machine in ("x86_64", "aarch64")
    )
    return not any(requirement.marker.evaluate(dict(one.marker_environment)) for one in targets)


def _check_duplicate(
    document: Document, path: str, pointer: str, name: str, seen: dict[str, str]
) -> Iterator[Finding]:
    first = seen.get(canonicalize_name(name))
    if first is not None:
        yield _at(
            document,
            path,
            pointer,
            "KS108",
            f"{name} stands here a second time, after {shown(first)}",
            "keep one of the two",
        )


def _is_own(base_image: object) -> bool:
    """Whether *base_image* comes from a registry of the site's own: its first part names a host."""
    if not isinstance(base_image, str):
        return False
    host, slash, _ = base_image.partition("/")
    return (
        bool(slash) and ("." in host or ":" in host or host == "localhost") and host != "docker.io"
    )


def _check_texts(document: Document, path: str, value: dict[str, Any]) -> Iterator[Finding]:
    """What a schema's pattern cannot say of the two free texts."""
    name = value.get("display_name")
    if isinstance(name, str) and not document.has_fault_at("/display_name"):
        # What the schema refuses is told already.
        fits = bool(name.strip()) and len(name) <= MAX_DISPLAY_NAME
        if fits and (not name.isprintable() or _TAG.search(name)):
            yield _at(
                document,
                path,
                "/display_name",
                "KS104",
                f"{shown(name)} is not accepted as display_name",
                "accepted: 1 to 100 printable characters, no HTML",
            )
    environment = value.get("environment")
    for key, text in environment.items() if isinstance(environment, dict) else ():
        pointer = joined(["environment", key])
        if isinstance(text, str) and _SUBSTITUTED.search(text):
            yield _at(
                document,
                path,
                pointer,
                "KS104",
                f"Jupyter would replace the word in braces in {shown(text)}",
                "write it without the braces, or set the variable in the notebook",
            )


def _check_sizes(document: Document, path: str, value: dict[str, Any]) -> Iterator[Finding]:
    """Docker starts no container below 6 MiB, and counts bytes in 64 bits."""
    resources = value.get("resources")
    for key, least in (("memory", _MIN_MEMORY), ("shm_size", 1)):
        text = resources.get(key) if isinstance(resources, dict) else None
        if not isinstance(text, str) or not _SIZE.fullmatch(text):
            continue
        if not least <= project.size_in_bytes(text) <= _MAX_MEMORY:
            pointer = f"/resources/{key}"
            yield _at(
                document,
                path,
                pointer,
                "KS104",
                f"no container can have {shown(text)} of {key}",
                'accepted: what the machine has, such as "4g"; memory from "6m" on',
            )


def _check_production(document: Document, path: str, value: dict[str, Any]) -> Iterator[Finding]:
    if value.get("stage") != "production":
        return
    if value.get("image_version", "latest") == "latest":
        pointer = "/image_version" if "image_version" in value else "/stage"
        yield _at(
            document,
            path,
            pointer,
            "KS111",
            "a production kernel needs a version other than latest",
            'set image_version, such as "1.0.0"',
        )
    libs = value.get("libs")
    for index, text in enumerate(libs[:1000] if isinstance(libs, list) else ()):
        parsed = requirement.read(text) if isinstance(text, str) and len(text) <= 1000 else None
        if isinstance(parsed, Requirement) and not requirement.is_pinned(parsed):
            pointer = f"/libs/{index}"
            yield _at(
                document,
                path,
                pointer,
                "KS110",
                f"{parsed.name} is not pinned, and this is a production kernel",
                f"write {parsed.name}== and the version that you tested",
            )


def _check_ignore(document: Document, path: str, value: dict[str, Any]) -> Iterator[Finding]:
    ignore = value.get("ignore")
    for code in ignore if isinstance(ignore, dict) else ():
        if not _CODE.fullmatch(code):
            continue  # the schema has said so
        rule = RULES.get(code)
        if rule is not None and rule.severity is Severity.WARNING:
            continue
        warnings = ", ".join(
            rule.code for rule in RULES.values() if rule.severity is Severity.WARNING
        )
        pointer = f"/ignore/{code}"
        yield Finding.of(
            "KS112",
            f"{code} is an error, and errors cannot be ignored" if rule else f"{code} is no rule",
            f"delete it; the warnings are {warnings}",
            path=path,
            pointer=pointer,
            span=document.span_of_key(pointer),
        )


def _at(document: Document, path: str, pointer: str, code: str, message: str, hint: str) -> Finding:
    """The finding *code* on the value at *pointer*."""
    span = document.span_of(pointer)
    return Finding.of(code, message, hint, path=path, pointer=pointer, span=span)
