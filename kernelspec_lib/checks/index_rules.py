"""KS404: what in a Dockerfile sends an installer to another index than the site's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kernelspec_lib.checks import installing
from kernelspec_lib.checks.installing import Ran
from kernelspec_lib.checks.told import Told
from kernelspec_lib.dockerfile import Instruction, Word
from kernelspec_lib.dockerfile.stages import pairs
from kernelspec_lib.shell import Command
from kernelspec_lib.wording import shown

_OPTIONS = frozenset(
    (
        "--index-url", "--extra-index-url", "--trusted-host", "--find-links", "--no-index",
        "--default-index", "--index", "--allow-insecure-host", "--proxy", "--isolated",
        "--no-config", "--config-file", "--torch-backend", "-i", "-f",
    )
)  # fmt: skip
_ABBREVIATED = ("--index-url", "--extra-index-url", "--trusted-host", "--find-links", "--isolated")
"""pip takes the beginning of an option for the whole."""
_SHORTEST = len("--fin")
_VARIABLE = re.compile(
    r"(PIP|UV)_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|FIND_LINKS|NO_INDEX|CONFIG_FILE|INDEX|"
    r"EXTRA_INDEX|DEFAULT_INDEX|INSECURE_HOST|PROXY|CERT|CLIENT_CERT|ISOLATED|NO_CONFIG|"
    r"INDEX_STRATEGY|TORCH_BACKEND|PYTHON_INSTALL_MIRROR)"
)
_SETTINGS = re.compile(r"(?:.*/)?(pip\.conf|pip\.ini|uv\.toml)")
_ELSEWHERE = re.compile(
    r"(?:[\w.\[\],-]+ ?@ ?)?(?:git|hg|svn|bzr)\+.*|(?:[\w.\[\],-]+ ?@ ?)?(?:https?|ftp|git|ssh)://.*",
    re.IGNORECASE | re.DOTALL,
)
_FILES = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")
_READERS = frozenset(("rm", "cat", "ls", "grep", "test", "[", "head", "tail", "stat", "unlink"))
_EXPORTERS = frozenset(("export", "declare", "typeset", "unset", "readonly", "local"))
_HINT = "take it out: which index is asked, the site says and the build passes on"


def check(ran: Ran) -> Iterator[Told]:
    """What of *ran* goes around the index."""
    one = ran.one
    if one.name == "RUN":
        for command in ran.commands:
            yield from _variables(command)
            yield from _files(command)
            yield from _call(command)
    elif one.name == "ENV":
        for name, value in pairs(one):
            yield from _variable(Word(text=f"{name.text}={value.text}", span=name.span))
    elif one.name == "ARG":
        for word in one.arguments:
            yield from _variable(word)
    elif one.name in ("COPY", "ADD"):
        yield from _copied(one)


def _variable(word: Word) -> Iterator[Told]:
    name, equals, value = word.text.partition("=")
    # The build hands pip's settings in as a secret, and that is where they are read from.
    if _VARIABLE.fullmatch(name) and not (
        equals and value.strip("\"'").startswith("/run/secrets/")
    ):
        yield _told(word, name)


def _variables(command: Command) -> Iterator[Told]:
    words = command.assigned
    if command.program in _EXPORTERS:
        words = (
            *words,
            *(w for w in command.words[1:] if "=" in w.text or command.program == "unset"),
        )
    for word in words:
        yield from _variable(word)


def _files(command: Command) -> Iterator[Told]:
    named = () if command.program in _READERS else command.words[1:]
    for word in (*command.targets, *named):
        if _SETTINGS.fullmatch(word.text.strip()):
            yield _told(word, word.text.strip())


def _copied(one: Instruction) -> Iterator[Told]:
    for word in one.arguments:
        text = word.text.strip("\"'")
        if _SETTINGS.fullmatch(text):
            yield _told(word, text)


def _call(command: Command) -> Iterator[Told]:
    call = installing.call(command)
    if call is None or call.tool not in ("pip", "uv", "uv tool", "pipx"):
        return
    if call.verb and call.verb.text == "config" and call.named:
        if call.named[0].text in ("set", "edit", "unset"):
            yield _told(call.named[0], f"{call.tool} config {call.named[0].text}")
        return
    installs = call.verb is not None and call.verb.text not in ("list", "show", "freeze", "check")
    for given in call.options:
        if given.name in ("-i", "-f") and not (installs and given.value):
            continue
        if given.name in _OPTIONS or _begins(given.name):
            yield _told(given.option, given.name)
        elif given.name in _FILES and _ELSEWHERE.fullmatch(given.value or ""):
            yield _told(given.word, _host(given.value or ""))
    for word in call.named:
        if _ELSEWHERE.fullmatch(word.text):
            yield _told(word, _host(word.text))


def _begins(name: str) -> bool:
    if len(name) < _SHORTEST:
        return False
    return any(option.startswith(name) for option in _ABBREVIATED)


def _host(text: str) -> str:
    # What follows may hold a password.
    return text.partition("://")[0] + "://…"


def _told(word: Word, what: str) -> Told:
    return "KS404", word.span, f"{shown(what, 60)} goes around the index of the site", _HINT
