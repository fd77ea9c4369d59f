"""KS405: passwords that would stay in the image, where everybody can read them who may pull it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kernelspec_lib.checks.told import Told
from kernelspec_lib.dockerfile import Instruction, Text, Word
from kernelspec_lib.dockerfile.stages import pairs
from kernelspec_lib.wording import shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SECRET = re.compile(
    r"(.*[_.-])?(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|APIKEY|CREDENTIALS?|PGPASSWORD|"
    r"(API|ACCESS|PRIVATE|SECRET)[_-]KEY)([_.-]ID)?"
)
_LOGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/\s:@$]{1,200}:[^/\s@$]{1,200}@", re.IGNORECASE)
_SHAPES = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,}|"
    r"hf_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16}|xox[abps]-[A-Za-z0-9-]{20,}|"
    r"pypi-[A-Za-z0-9_-]{50,})|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""Tokens that their makers gave a beginning to be known by."""
_ASSIGNED = re.compile(
    r"(?<![\w$./{-])([A-Za-z_][A-Za-z0-9_]{0,80})=(\"[^\"]*\"?|'[^']*'?|[^\s;&|\"']+)"
)
_HEADER = re.compile(
    r"(?i)\b(?:authorization|private-token|x-api-key):\s*(?:(?:bearer|basic|token)\s+)?[A-Za-z0-9+/=_.-]{12,}"
)
_OPTION = re.compile(
    r"(?<!\S)--?(?:password|passwd|token|api-key|secret)[= ](?![$\s\"'-])[^\s\"'$]{4,}"
)
_FILES = re.compile(
    r"(?:.*/)?(\.netrc|_netrc|\.pypirc|\.git-credentials|id_(?:rsa|dsa|ecdsa|ed25519)|\.env|"
    r"\.docker/config\.json|kubeconfig)"
)
_WRITES = re.compile(
    r"(?:>>?\s*|\btee\s+(?:-a\s+)?)[\"']?((?:[^\s\"';&|]*/)?(?:\.netrc|_netrc|\.pypirc|\.git-credentials))(?![\w.])"
)
_HARMLESS = frozenset(("", "true", "false", "none", "null", "yes", "no", "changeme"))
_HINT = "hand it over with RUN --mount=type=secret, or to the kernel when it starts"


def check(one: Instruction) -> Iterator[Told]:
    """The secrets in *one*."""
    if one.name in ("ARG", "ENV", "LABEL"):
        yield from _named(one)
    elif one.name in ("COPY", "ADD"):
        for word in one.arguments:
            if found := _FILES.fullmatch(word.text.strip("\"'")):
                yield _told(word, f"{found[1]} would stay in the image")
                break
    elif one.name == "RUN":
        for text in (one.rest, *(doc.body for doc in one.heredocs)):
            yield from _run(text)
    for text in (one.rest, *(doc.body for doc in one.heredocs)):
        yield from _anywhere(text)


def _named(one: Instruction) -> Iterator[Told]:
    words = (
        (
            (Word(text=w.text.partition("=")[0], span=w.span), w.text.partition("=")[1:])
            for w in one.arguments
        )
        if one.name == "ARG"
        else ((name, ("=", value.text)) for name, value in pairs(one))
    )
    for name, (equals, value) in words:
        if _is_secret(name.text) and not (equals and _harmless(value, one.name)):
            yield _told(name, f"{shown(name.text, 60)} would stay in the image")


def _run(text: Text) -> Iterator[Told]:
    for found in _ASSIGNED.finditer(text.text):
        if _is_secret(found[1]) and not _harmless(found[2], "RUN"):
            yield _told(text.word(*found.span(1)), f"{shown(found[1], 60)} would stay in the image")
    for pattern, what in ((_HEADER, "a login"), (_OPTION, "a password")):
        for found in pattern.finditer(text.text):
            if not _LOGIN.search(found.group()):
                yield _told(text.word(*found.span()), f"{what} would stay in the image's history")
    for found in _WRITES.finditer(text.text):
        yield _told(text.word(*found.span(1)), f"{shown(found[1], 60)} would stay in the image")


def _anywhere(text: Text) -> Iterator[Told]:
    for found in _LOGIN.finditer(text.text):
        scheme = found.group().partition("://")[0]
        message = f"the login behind {shown(scheme, 20)}:// would stay in the image"
        yield _told(text.word(*found.span()), message)
    for found in _SHAPES.finditer(text.text):
        yield _told(text.word(*found.span()), "a token or a key would stay in the image")


def _is_secret(name: str) -> bool:
    return len(name) <= 200 and bool(_NAME.fullmatch(name) and _SECRET.fullmatch(name.upper()))


def _harmless(value: str, instruction: str) -> bool:
    bare = value.strip("\"'")
    if bare.lower() in _HARMLESS or bare.isdigit():
        return True
    # A variable's value was judged where it is given; a command's or a file's is not in here.
    return (bare[:1] in ("$", "`") and instruction != "ARG") or bare.startswith("/run/secrets/")


def _told(word: Word, message: str) -> Told:
    return "KS405", word.span, message, _HINT
