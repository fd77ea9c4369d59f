"""One line of libs, as PEP 508 has it: read, or refused with the reason and what to write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier
from packaging.version import InvalidVersion, Version

from kernelspec_lib.wording import shown

_VCS = re.compile(r"(git|hg|svn|bzr)(\+|:)", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|file:", re.IGNORECASE)
_PATH = re.compile(r"[./~\\]|[A-Za-z]:[\\/]|.*\.(whl|tar\.gz|zip|tar\.bz2)\s*$", re.IGNORECASE)

_MAX_BRACKETS = 20
"""packaging reads them by recursion: how many it can take depends on who calls it."""
_NO_LETTER = re.compile(r"""[^A-Za-z0-9 ._+!*,<>=~()\[\];'"-]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a text is not taken as a requirement."""

    code: str
    reason: str
    hint: str


@lru_cache(maxsize=4096)
def read(text: str) -> Requirement | Refusal:
    """*text* as a PEP 508 requirement of an index's package, or why it is not one. Never raises.

    Remembered, because the kernels of one site ask for the same libraries over and over.
    """
    stripped = text.strip()
    if not text.isascii() or not text.isprintable():
        return Refusal(
            code="KS106",
            reason=f"{shown(text)} is not a requirement",
            hint="write it in plain ASCII letters, digits and punctuation",
        )
    if refusal := _foreign(stripped):
        return refusal
    try:
        parsed = Requirement(stripped)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        return Refusal(
            code="KS106",
            reason=f"{shown(text)} is not a requirement: {reason[:1].lower()}{reason[1:]}",
            hint=_mended(stripped),
        )
    except (RecursionError, ValueError):
        # packaging reads markers by recursion, and version parts by int() with its limit of digits.
        return Refusal(
            code="KS106",
            reason=f"{shown(text)} is not a requirement that can be read",
            hint="shorten its version or its marker",
        )
    if parsed.url:
        return _foreign_url(stripped)
    return _unusual(parsed, stripped) or parsed


def is_pinned(requirement: Requirement) -> bool:
    """Whether one release alone will do: `==1.*` admits many. Source: PEP 592, as pip reads it."""
    return any(
        one.operator in ("==", "===") and not one.version.endswith(".*")
        for one in requirement.specifier
    )


def _unusual(parsed: Requirement, text: str) -> Refusal | None:
    """What the grammar of PEP 508 admits in *text*, and no requirement needs.

    pip and uv read $NAME, a backslash and # in their files in ways of their own.
    """
    known = "what it is compared with is no variable of PEP 508"
    found = _NO_LETTER.search(text)
    if found:
        reason, hint = f"{shown(found.group())} stands in it", "leave that out"
    elif not all(_is_version(one) for one in parsed.specifier if one.operator == "==="):
        reason, hint = "=== wants a version", "write it with == and a version"
    elif text.count("(") > _MAX_BRACKETS:
        reason, hint = "it has too many brackets", "shorten its marker"
    elif parsed.marker is not None and not _is_answered(parsed.marker):
        reason, hint = known, "compare python_version, sys_platform or platform_machine with a text"
    else:
        return None
    return Refusal(code="KS106", reason=f"{shown(text)} is not taken: {reason}", hint=hint)


def _is_version(specifier: Specifier) -> bool:
    try:
        Version(specifier.version)
    except InvalidVersion:
        return False
    return True


def _is_answered(marker: Marker) -> bool:
    """Whether *marker* has a yes or no on a Python: packaging finds out only when it is asked."""
    try:
        marker.evaluate({"extra": "", "platform_release": "", "platform_version": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
        return False
    return True


def _foreign(text: str) -> Refusal | None:
    if text.startswith("-"):
        hint = "one requirement an entry; where packages come from is the site's to say"
        return _refuse(text, "is an option of pip, not a requirement", hint)
    if _VCS.match(text) or _URL.match(text):
        return _foreign_url(text)
    if _PATH.match(text) and "@" not in text:
        hint = "name a package of the index; put own code into the work folder"
        return _refuse(text, "is a path, not a package of the index", hint)
    return None


def _foreign_url(text: str) -> Refusal:
    hint = "name a package of the index, with its version"
    if "+" in text.partition("://")[0]:
        return _refuse(text, "is a version control link, not a package of the index", hint)
    return _refuse(text, "points at a URL, not at the index", hint)


def _refuse(text: str, what: str, hint: str) -> Refusal:
    # A URL may hold a password: nothing behind its scheme is repeated.
    named = re.sub(r"://.*", "://…", text, flags=re.DOTALL)
    return Refusal(code="KS107", reason=f"{shown(named)} {what}", hint=hint)


def _mended(text: str) -> str:
    if found := re.fullmatch(r"([A-Za-z0-9._-]+)\s*=\s*([0-9][A-Za-z0-9.+!*-]*)", text):
        return f'did you mean "{found.group(1)}=={found.group(2)}"?'
    if found := re.fullmatch(r"([A-Za-z0-9._-]+)\s+v?([0-9][A-Za-z0-9.+!*-]*)", text):
        return f'did you mean "{found.group(1)}=={found.group(2)}"?'
    if re.fullmatch(r"[A-Za-z0-9._-]+([\s,]+[A-Za-z0-9._-]+)+", text):
        return "write one requirement an entry"
    return 'write it as in "pandas==2.2.3" or "dask[dataframe]>=2024.1"'
