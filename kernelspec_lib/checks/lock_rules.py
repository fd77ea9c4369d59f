"""KS407 and KS408: the lock is installed, and nothing beside it changes what it fixed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from kernelspec_lib.checks import installing
from kernelspec_lib.checks.installing import Call, Ran
from kernelspec_lib.checks.told import Told
from kernelspec_lib.dockerfile import Instruction, Word
from kernelspec_lib.dockerfile.stages import Build
from kernelspec_lib.wording import shown

_LOCK = "requirements.lock"
_PINNED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*={2,3}\s*[^\s,;*<>!~=]+\s*(;.*)?", re.DOTALL
)
_CONDA_PINNED = re.compile(r"[^=<>!~\s]+={1,2}([^=<>!~*\s$][^<>!~\s]*|\$.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LOCAL = re.compile(r"\.{0,2}/.*|\.{1,2}(\[.*\])?|.*\.(whl|tar\.gz|zip)|file:.*|~.*", re.DOTALL)
_URL = re.compile(r".*(://|git\+).*", re.DOTALL)
_TOOLS = frozenset(("pip", "setuptools", "wheel", "uv"))
"""What installs the lock may be renewed before that: the lock then has the last word."""
_FIELDS = re.compile(r"(?:^|,)(source|src|target|dst|destination)=([^,]*)")
_HINT = "put it into libs of requirements.json, or pin it with =="


def check(build: Build, steps: Mapping[int, Sequence[Ran]]) -> Iterator[Told]:
    """What of *build* leaves the lock out, or goes beyond it. steps: of each stage in use."""
    locked: dict[int, bool] = {}
    for stage in build.used:
        there = stage.base is not None and locked[stage.base.number]
        names: set[str] = set()
        for ran in steps[stage.number]:
            names |= _lock_names(ran.one)
            for call in filter(None, map(installing.call, ran.commands)):
                there = there or (not ran.one.waits and _is_of_lock(call, names))
                yield from _unpinned(call, names, locked=there)
        locked[stage.number] = there
    if build.stages and not any(locked.values()):
        hint = f"RUN pip install --no-deps --require-hashes --requirement {_LOCK}, for example"
        span = build.stages[-1].named.span
        yield "KS408", span, f"no step of this image installs {_LOCK}", hint


def _lock_names(one: Instruction) -> set[str]:
    """Under which names the lock stands in the image from *one* on."""
    found: set[str] = set()
    for mount in one.flag("mount") if one.name == "RUN" else ():
        fields = {key[0]: value for key, value in _FIELDS.findall(mount.text)}
        if posixpath.basename(fields.get("s", "")) == _LOCK and "t" in fields:
            found.add(fields["t"])
        elif "d" in fields and posixpath.basename(fields.get("s", "")) == _LOCK:
            found.add(fields["d"])
    if one.name in ("COPY", "ADD") and not any(one.flag("from")):
        words = [word.text.strip("\"'") for word in one.arguments]
        if any(posixpath.basename(word) == _LOCK for word in words[:-1]):
            found.add(words[-1])
    return found


def _is_lock(name: str, names: set[str]) -> bool:
    tidy = posixpath.normpath(name)
    known = {posixpath.normpath(other) for other in names}
    # A name without its folder stands in the working directory, wherever that is.
    return (
        posixpath.basename(tidy) == _LOCK
        or tidy in known
        or ("/" not in tidy and any(posixpath.basename(other) == tidy for other in known))
    )


def _is_of_lock(call: Call, names: set[str]) -> bool:
    if call.tool not in ("pip", "uv") or call.verb is None or call.has("--dry-run"):
        return False
    if call.verb.text == "sync":
        return any(_is_lock(word.text, names) for word in call.named)
    return call.verb.text == "install" and any(
        _is_lock(given.value or "", names) for given in call.options if given.name in _REQUIREMENT
    )


_REQUIREMENT = ("-r", "--requirement", "--requirements")
_CONSTRAINT = ("-c", "--constraint", "--constraints")


def _unpinned(call: Call, names: set[str], *, locked: bool) -> Iterator[Told]:
    verb = call.verb.text if call.verb else ""
    if call.tool in ("pip", "uv") and verb in ("install", "sync") and not call.has("--dry-run"):
        yield from _pip(call, names, locked=locked)
    elif call.tool == "conda":
        yield from _conda(call, verb)
    elif call.tool == "easy_install":
        for word in call.named:
            yield _told(word, f"{shown(word.text)} is not pinned")
    elif call.tool not in ("pip", "uv", "uv tool", "pipx", "conda") and call.verb:
        yield _told(call.verb, f"{call.tool} installs what the lock does not hold")


def _pip(call: Call, names: set[str], *, locked: bool) -> Iterator[Told]:
    hashed = call.has("--require-hashes")
    held = any(
        given.name in _CONSTRAINT and _is_lock(given.value or "", names) for given in call.options
    )
    alone = call.has("--no-deps")
    words = list(call.named)
    if call.verb and call.verb.text == "sync":
        files, words = words, []
    else:
        files = [given.word for given in call.options if given.name in _REQUIREMENT]
    for word in files:
        name = word.text.partition("=")[2] if word.text.startswith("--") else word.text
        if not (_is_lock(name.removeprefix("-r"), names) or hashed or _URL.fullmatch(name)):
            message = f"what {shown(name, 60)} asks for is not the lock, and was not checked"
            yield _told(word, message)
    words += [g.word for g in call.options if g.name in ("-e", "--editable")]
    for word in words:
        text = word.text.removeprefix("--editable=").strip()
        if _URL.fullmatch(text) or hashed or _PINNED.fullmatch(text):
            # A URL goes around the index, which is told already.
            continue
        if _LOCAL.fullmatch(text):
            if not (alone or held):
                message = f"what {shown(text, 60)} needs may replace what the lock fixed"
                yield _told(word, message, "add --no-deps, and its needs to requirements.json")
        elif not (held or (not locked and _tool(text))):
            message = f"{shown(text, 60)} is not pinned, and may replace what the lock fixed"
            yield _told(word, message)


def _tool(text: str) -> bool:
    found = _NAME.match(text)
    return found is not None and found.group().lower() in _TOOLS


def _conda(call: Call, verb: str) -> Iterator[Told]:
    if verb in ("update", "upgrade") and call.verb:
        yield _told(call.verb, f"conda {verb} replaces whatever is newer elsewhere")
    elif verb == "env" and call.named[:1] and call.named[0].text == "update":
        yield _told(call.named[0], "conda env update installs what the lock does not hold")
    elif verb == "install":
        for given in call.options:
            if given.name in ("--file", "-f") and given.value:
                message = f"what {shown(given.value, 60)} asks for is not the lock"
                yield _told(given.word, message)
        loose = [one for one in call.named if not _CONDA_PINNED.fullmatch(one.text.strip())]
        if loose:
            # One finding a command: people install dozens this way, and mend them in one go.
            more = f" (and {len(loose) - 1} more)" if len(loose) > 1 else ""
            hint = "pin it, such as name=1.2, or put it into libs of requirements.json"
            yield _told(loose[0], f"{shown(loose[0].text, 60)} is not pinned{more}", hint)


def _told(word: Word, message: str, hint: str = _HINT) -> Told:
    return "KS407", word.span, message, hint
