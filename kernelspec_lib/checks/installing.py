"""What a command of a Dockerfile would install: taken apart, and not yet judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernelspec_lib import shell
from kernelspec_lib.dockerfile import Instruction, Word
from kernelspec_lib.dockerfile.stages import Stage, Step
from kernelspec_lib.dockerfile.text import Text
from kernelspec_lib.shell import Command

_PIP = re.compile(r"pip[0-9.]*\Z")
_PYTHON = re.compile(r"(python|pypy)[0-9.]*\Z")
_CONDA = ("conda", "mamba", "micromamba")
_OTHERS = {
    "poetry": ("install", "add", "update"), "pipenv": ("install", "sync", "update"),
    "pdm": ("install", "add", "sync", "update"), "uv": ("sync", "add"),
}  # fmt: skip
"""Installers that read a file of their own."""
_VALUED = frozenset(
    (
        "-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints", "-e", "-i",
        "--editable", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target",
        "--prefix", "--root", "--src", "--upgrade-strategy", "--platform", "--python-version",
        "--implementation", "--abi", "--no-binary", "--only-binary", "--progress-bar", "--report",
        "--root-user-action", "-C", "--config-settings", "--config-setting", "--global-option",
        "--hash", "--timeout", "--retries", "--proxy", "--cert", "--client-cert", "--trusted-host",
        "--cache-dir", "--log", "--exists-action", "--python", "-p", "--index", "--default-index",
        "--index-strategy", "--keyring-provider", "--resolution", "--prerelease", "--link-mode",
        "--exclude-newer", "--config-file", "--override", "--overrides", "--color", "--directory",
        "--project", "--allow-insecure-host", "--group", "--torch-backend", "--extra", "-d", "-b",
        "--dest", "-w", "--wheel-dir", "--build-constraint", "--use-feature", "--use-deprecated",
        "--refresh-package", "--reinstall-package", "-P", "--upgrade-package",
    )
)  # fmt: skip
_CONDA_VALUED = frozenset(
    ("-c", "--channel", "-n", "--name", "-p", "--prefix", "-f", "--file", "-r", "--root-prefix",
     "--solver", "--platform", "--subdir", "--repodata-fn", "--revision")
)  # fmt: skip
_ABBREVIATED = (
    "--index-url", "--extra-index-url", "--trusted-host", "--find-links", "--proxy",
    "--requirement", "--constraint", "--editable",
)  # fmt: skip
_SHORTEST = len("--no")
_SHEBANG = re.compile(r"#!\s*\S*?(?:/env\s+(?:-S\s+)?\S*)?(?:sh|bash|dash|ash|zsh)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One option of an installer."""

    name: str
    """Such as --requirement, or -r."""
    value: str | None
    word: Word
    """Where its value stands; the option itself where it has none."""
    option: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an installer."""

    tool: str
    """pip, uv, pipx, conda or the name of another one."""
    verb: Word | None
    """Such as install."""
    options: tuple[Given, ...]
    named: tuple[Word, ...]
    """What is to be installed, as it is written."""

    def has(self, *names: str) -> bool:
        """Whether one of the options *names* is given."""
        return any(given.name in names for given in self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A step of a stage, and the commands in it."""

    step: Step
    commands: tuple[Command, ...]

    @property
    def one(self) -> Instruction:
        """The instruction."""
        return self.step.instruction


def ran(stage: Stage) -> tuple[Ran, ...]:
    """The steps of *stage*."""
    return tuple(Ran(step=step, commands=tuple(_commands(step))) for step in stage.steps)


def _commands(step: Step) -> Iterator[Command]:
    """The commands that a RUN runs; none for any other instruction."""
    one = step.instruction
    if one.name != "RUN":
        return
    if one.is_json:
        yield from shell.command(one.arguments, step.values)
        return
    found = tuple(shell.commands(one.rest, step.values))
    yield from found
    if not one.heredocs:
        return
    if not found:
        # RUN <<END alone: the first body is the script, for whatever its first line names.
        if _is_shell(one.heredocs[0].body):
            yield from shell.commands(one.heredocs[0].body, step.values)
    elif any(command.program in ("sh", "bash", "dash", "ash", "zsh") for command in found):
        for doc in one.heredocs:
            yield from shell.commands(doc.body, step.values)


def _is_shell(body: Text) -> bool:
    return not body.text.startswith("#!") or bool(_SHEBANG.match(body.text))


def call(command: Command) -> Call | None:
    """The installer that *command* calls, if it is one."""
    words = command.words
    name = command.program
    texts = [word.text for word in words]
    if "-m" in texts[1:-1] and texts[texts.index("-m", 1) + 1] in ("pip", "uv", "conda"):
        place = texts.index("-m", 1) + 1
        return _called(texts[place], words[place + 1 :])
    if _PYTHON.match(name):
        if "-mpip" in texts:
            return _called("pip", words[texts.index("-mpip") + 1 :])
        setup = [n for n, text in enumerate(texts) if text.endswith("setup.py")]
        if setup and {"install", "develop"} & set(texts[setup[0] :]):
            return Call(tool="setup.py", verb=words[setup[0]], options=(), named=())
        return None
    if _PIP.match(name):
        return _called("pip", words[1:])
    if name in ("uv", "pipx", "easy_install", *_CONDA):
        return _called("conda" if name in _CONDA else name, words[1:])
    if name in _OTHERS and set(texts[1:]) & set(_OTHERS[name]):
        return Call(tool=name, verb=words[1], options=(), named=())
    return None


def _called(tool: str, words: Sequence[Word]) -> Call:
    if tool == "uv":
        # uv pip install, with options of uv itself in front.
        free = [n for n, word in enumerate(words) if not word.text.startswith("-")]
        verb = words[free[0]].text if free else ""
        if verb in _OTHERS["uv"]:
            return Call(tool=f"uv {verb}", verb=words[free[0]], options=(), named=())
        options, _, _ = _parsed(words[: free[0]] if free else words, _VALUED)
        if verb != "pip":
            return Call(tool="uv tool", verb=None, options=_parsed(words, _VALUED)[0], named=())
        rest, verb_word, named = _parsed(words[free[0] + 1 :], _VALUED)
        return Call(tool="uv", verb=verb_word, options=(*options, *rest), named=named)
    given, first, named = _parsed(words, _CONDA_VALUED if tool == "conda" else _VALUED)
    if tool == "easy_install":
        return Call(tool=tool, verb=first, options=given, named=(first, *named) if first else ())
    return Call(tool=tool, verb=first, options=given, named=named)


def _parsed(
    words: Sequence[Word], valued: frozenset[str]
) -> tuple[tuple[Given, ...], Word | None, tuple[Word, ...]]:
    """The options among *words*, the first word that is none, and all the others."""
    given: list[Given] = []
    free: list[Word] = []
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        text = word.text
        if not text.startswith("-") or text == "-":
            free.append(word)
            continue
        name, equals, value = text.partition("=")
        if equals:
            given.append(Given(name=name, value=value, word=word, option=word))
        elif number < len(words) and _takes_value(name, valued):
            behind = words[number]
            number += 1
            given.append(Given(name=name, value=behind.text, word=behind, option=word))
        elif not name.startswith("--") and len(name) > 2 and name[:2] in valued:
            # A short option may hold its value: -rlist.txt.
            given.append(Given(name=name[:2], value=name[2:], word=word, option=word))
        else:
            given.append(Given(name=name, value=None, word=word, option=word))
    return tuple(given), free[0] if free else None, tuple(free[1:])


def _takes_value(name: str, valued: frozenset[str]) -> bool:
    # pip takes the beginning of an option for the whole.
    return name in valued or (
        len(name) > _SHORTEST and any(option.startswith(name) for option in _ABBREVIATED)
    )
