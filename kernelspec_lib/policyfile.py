"""The file of the site policy: read whole, or refused with every mistake in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from packaging.requirements import InvalidRequirement, Requirement

from kernelspec_lib import document, naming
from kernelspec_lib.errors import PolicyInvalid, UsageError, unusable
from kernelspec_lib.rules import RULES
from kernelspec_lib.wording import shown

DEED = "read the site policy"
"""What fails, in the sentence of FileUnusable."""

_SPAN = re.compile(r"[1-9][0-9]{0,4}[mhd]")
_Kind = TypeVar("_Kind", list[Any], dict[str, Any])


def read(path: Path) -> Any:
    """The value of the policy in *path*, which its schema admits.

    Raises PolicyInvalid for any mistake in it, UsageError where it is no file, and FileUnusable
    where it cannot be read.
    """
    # jsonschema takes a tenth of a second to load, and most runs have the built-in policy.
    from kernelspec_lib import shape

    source = document.read(_bytes(path))
    faults = [*source.faults, *shape.faults(source, "policy"), *_meaningless(source)]
    if faults:
        faults.sort(key=lambda fault: (fault.span.line, fault.span.column))
        raise PolicyInvalid(str(path), [_told(path, fault) for fault in faults])
    return source.value


def _bytes(path: Path) -> bytes:
    """Raises UsageError for what is no file, and FileUnusable."""
    with unusable(str(path), DEED):
        # A pipe would be waited for, perhaps for ever.
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no file"
            raise UsageError(f"the policy {shown(str(path))} is {what}; name a JSON file")
        with path.open("rb") as file:
            return file.read(document.MAX_BYTES + 1)


def _meaningless(source: document.Document) -> Iterator[document.Fault]:
    """What in *source* the schema admits, and yet says nothing. What it refuses is passed over."""
    yield from _mixed_up(source)
    yield from _late(source)
    libs = _inside(source.value, "libs", dict)
    for key in ("denied", "required"):
        for index, entry in enumerate(_inside(libs, key, list)):
            inside = "/requirement" if isinstance(entry, dict) else ""
            text = entry.get("requirement") if isinstance(entry, dict) else entry
            if not isinstance(text, str):
                continue
            try:
                Requirement(text)
            except (InvalidRequirement, ValueError):
                yield _fault(
                    source,
                    f"/libs/{key}/{index}{inside}",
                    "KS106",
                    f"{shown(text)} is not a requirement",
                    "a name with the versions meant, such as torch<2.6",
                )
    for index, code in enumerate(_inside(source.value, "enforced", list)):
        if isinstance(code, str) and not any(rule.startswith(code) for rule in RULES):
            yield _fault(
                source,
                f"/enforced/{index}",
                "KS112",
                f"{code} is no rule's code, nor the beginning of one",
                "`kernelspec explain` lists them",
            )


def _mixed_up(source: document.Document) -> Iterator[document.Fault]:
    """A pattern under which somebody could name another's image."""
    value = source.value if isinstance(source.value, dict) else {}
    pattern, registry = value.get("image", naming.USUAL), value.get("registry", "")
    if not isinstance(pattern, str) or not isinstance(registry, str):
        return
    told = naming.fault(pattern, registry)
    if told is not None and "{" not in naming.FIELD.sub("", pattern):
        pointer = "/image" if "image" in value else "/registry"
        yield _fault(source, pointer, "KS104", f"the pattern {told}", f"as in {naming.USUAL}")


def _late(source: document.Document) -> Iterator[document.Fault]:
    """A warning that would come before a kernel can be idle for so long."""
    groups = _inside(source.value, "groups", dict)
    holders = [((), source.value), *((("groups", name), one) for name, one in groups.items())]
    for way, value in holders:
        idle = _inside(value, "idle", dict)
        after, warn = (seconds(idle.get(key)) for key in ("after", "warn"))
        if after and warn and warn >= after:
            told = f"the warning comes {idle['warn']} before the end, and the end after "
            pointer = document.joined([*way, "idle", "warn"])
            hint = "warn later than that before the end"
            yield _fault(source, pointer, "KS112", told + idle["after"], hint)


def seconds(text: Any) -> int:
    """The seconds of a span such as "24h"; 0 for what is none."""
    if not isinstance(text, str) or not _SPAN.fullmatch(text):
        return 0
    return int(text[:-1]) * {"m": 60, "h": 3600, "d": 86400}[text[-1]]


def _inside(value: Any, key: str, kind: type[_Kind]) -> _Kind:
    """What *value* holds at *key* if it is of this *kind*, else an empty one."""
    inside = value.get(key) if isinstance(value, dict) else None
    return inside if isinstance(inside, kind) else kind()


def _fault(
    source: document.Document, pointer: str, code: str, message: str, hint: str
) -> document.Fault:
    span = source.span_of(pointer)
    return document.Fault(code=code, message=message, hint=hint, pointer=pointer, span=span)


def _told(path: Path, fault: document.Fault) -> str:
    place = f"{path}:{fault.span.line}:{fault.span.column}"
    return f"{place}: {fault.code} {fault.message}" + (f" ({fault.hint})" if fault.hint else "")
