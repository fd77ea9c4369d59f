"""The stages of a Dockerfile: what each begins from, and which of them end up in the image."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kernelspec_lib.dockerfile import lexer
from kernelspec_lib.dockerfile.lexer import BadExpansion
from kernelspec_lib.dockerfile.reader import Dockerfile, Instruction, Trouble
from kernelspec_lib.dockerfile.text import Word
from kernelspec_lib.wording import shown

_PLATFORM = {
    "BUILDPLATFORM": "linux/amd64", "BUILDOS": "linux", "BUILDOSVERSION": "", "BUILDARCH": "amd64",
    "BUILDVARIANT": "", "TARGETPLATFORM": "linux/amd64", "TARGETOS": "linux",
    "TARGETOSVERSION": "", "TARGETARCH": "amd64", "TARGETVARIANT": "", "TARGETSTAGE": "default",
}  # fmt: skip
"""What BuildKit fills in by itself, on the usual machine."""
_EXPANDED = frozenset(("ADD", "COPY", "ENV", "EXPOSE", "LABEL", "USER", "VOLUME", "WORKDIR"))
_FROM_FIELD = re.compile(r"(?:^|,)from=([^,\"]*)", re.IGNORECASE)


MAX_STAGES = 200


class Values(Mapping[str, str]):
    """Variables as they stand at one line, of which later lines may change the values.

    A view: a copy for each line would be a file's size squared.
    """

    __slots__ = ("_log", "_version")

    def __init__(self, log: dict[str, list[tuple[int, str]]], version: int) -> None:
        self._log, self._version = log, version

    def __getitem__(self, name: str) -> str:
        history = self._log[name]
        found = bisect_right(history, self._version, key=lambda entry: entry[0])
        if not found:
            raise KeyError(name)
        return history[found - 1][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, history in self._log.items() if history[0][0] <= self._version)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def now(self) -> Values:
        """The same, whatever comes."""
        return Values(self._log, self._version)

    def set(self, name: str, value: str) -> None:
        """From here on, *name* has *value*."""
        self._version += 1
        self._log.setdefault(name, []).append((self._version, value))


def _values(known: Mapping[str, str]) -> Values:
    return Values({name: [(0, value)] for name, value in known.items()}, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of a stage, and the variables that it sees."""

    instruction: Instruction
    values: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Stage:
    """One FROM, and all that follows."""

    number: int
    named: Word
    """What stands behind FROM."""
    image: str
    """The same with its variables filled in; empty where they say nothing."""
    alias: str
    base: Stage | None
    """The earlier stage that it begins from; None where that is an image."""
    values: Values
    """Of its variables, behind its last step."""
    steps: list[Step] = field(default_factory=list)

    @property
    def line(self) -> list[Stage]:
        """This stage and those it begins from, the first one first."""
        return [*(self.base.line if self.base else ()), self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a step takes files from, other than from the kernel's folder."""

    word: Word
    """The option that says so."""
    name: str
    stage: Stage | None
    """None: *name* is an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What a Dockerfile builds."""

    stages: tuple[Stage, ...]
    used: tuple[Stage, ...]
    """Those that end up in the image, as a beginning or by what is copied out of them."""
    troubles: tuple[Trouble, ...]

    def sources(self, one: Instruction) -> Iterator[Source]:
        """The stages and images that *one* takes files from."""
        for word in _named_sources(one):
            yield Source(word=word, name=word.text, stage=_found(self.stages, word.text))


def plan(file: Dockerfile, arguments: Mapping[str, str]) -> Build:
    """What *file* builds with the build arguments *arguments*."""
    troubles: list[Trouble] = []
    known = _values(_PLATFORM)
    stages: list[Stage] = []
    for one in file.instructions:
        if one.name == "FROM" and not one.waits:
            if len(stages) == MAX_STAGES:
                message = f"this file has more than {MAX_STAGES} stages"
                troubles.append(Trouble(span=one.keyword.span, message=message))
                break
            if one.arguments:
                stages.append(_begun(one, stages, known, file.escape, troubles))
        elif not stages:
            if one.name == "ARG":
                _declare(one, known, arguments, known, file.escape, troubles)
        else:
            _step(one, stages[-1], arguments, known, file.escape, troubles)
    used = _used(stages)
    troubles += _unknown_sources(stages)
    return Build(stages=tuple(stages), used=used, troubles=tuple(troubles))


def _begun(
    one: Instruction,
    stages: Sequence[Stage],
    known: Mapping[str, str],
    escape: str,
    troubles: list[Trouble],
) -> Stage:
    words = one.arguments
    image = _expanded(words[0], known, escape, troubles)
    if image == "":
        hint = "give it a value with ARG in front of FROM, such as ARG BASE_IMAGE=python:3.11-slim"
        message = f"{shown(words[0].text, 60)} names no image, as nothing gives it a value"
        troubles.append(Trouble(span=words[0].span, message=message, hint=hint))
    # Names of stages are kept in small letters, and FROM does not lower what it looks for.
    base = next((s for s in reversed(stages) if s.alias and s.alias == image), None)
    alias = words[2].text.lower() if len(words) == 3 else ""
    return Stage(
        number=len(stages),
        named=words[0],
        image=image or "",
        alias=alias,
        base=base,
        values=_values(base.values if base else {}),
    )


def _step(
    one: Instruction,
    stage: Stage,
    arguments: Mapping[str, str],
    known: Mapping[str, str],
    escape: str,
    troubles: list[Trouble],
) -> None:
    stage.steps.append(Step(instruction=one, values=stage.values.now()))
    if one.waits:
        return
    if one.name == "ARG":
        _declare(one, stage.values, arguments, known, escape, troubles)
    elif one.name == "ENV":
        # All of one line see the values from before it.
        before = stage.values.now()
        for name, value in pairs(one):
            stage.values.set(name.text, _expanded(value, before, escape, troubles) or "")
    elif one.name in _EXPANDED and not one.is_json:
        for word in one.arguments:
            if not any(word.span == doc.mark.span for doc in one.heredocs):
                _expanded(word, stage.values, escape, troubles)


def _declare(
    one: Instruction,
    values: Values,
    arguments: Mapping[str, str],
    known: Mapping[str, str],
    escape: str,
    troubles: list[Trouble],
) -> None:
    """What ARG gives to the lines behind it: the build's value, its own default, an earlier one."""
    for word in one.arguments:
        name, equals, default = word.text.partition("=")
        if name in arguments:
            values.set(name, arguments[name])
        elif equals:
            value = Word(text=default, span=word.span)
            values.set(name, _expanded(value, values, escape, troubles) or "")
        elif name in known and values is not known:
            values.set(name, known[name])


def pairs(one: Instruction) -> Iterator[tuple[Word, Word]]:
    """Names and values of an ENV or LABEL; the name has the place of the whole pair."""
    words = one.arguments
    if len(words) == 2 and "=" not in words[0].text:
        yield words
        return
    for word in words:
        name, _, value = word.text.partition("=")
        yield Word(text=name, span=word.span), Word(text=value, span=word.span)


def _expanded(
    word: Word, values: Mapping[str, str], escape: str, troubles: list[Trouble]
) -> str | None:
    if "$" not in word.text and not any(sign in word.text for sign in ("'", '"', escape)):
        return word.text
    try:
        return lexer.expand(word.text, values, escape)
    except BadExpansion as error:
        message = f"{shown(word.text, 60)} cannot be filled in: {error}"
        hint = "put a backslash before a dollar sign or quote that is meant as such"
        troubles.append(Trouble(span=word.span, message=message, hint=hint))
        return None


def _named_sources(one: Instruction) -> Iterator[Word]:
    if one.name == "COPY":
        yield from one.flag("from")
    elif one.name == "RUN":
        for mount in one.flag("mount"):
            found = _FROM_FIELD.search(mount.text)
            if found and found[1]:
                yield Word(text=found[1], span=mount.span)


def _found(stages: Sequence[Stage], name: str) -> Stage | None:
    if name.isascii() and name.isdigit() and len(name) < 6:
        return stages[int(name)] if int(name) < len(stages) else None
    return next((s for s in reversed(stages) if s.alias and s.alias == name.lower()), None)


def _used(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    if not stages:
        return ()
    seen: dict[int, Stage] = {}
    waiting = [stages[-1]]
    while waiting:
        stage = waiting.pop()
        if stage.number in seen:
            continue
        seen[stage.number] = stage
        waiting += [stage.base] if stage.base else []
        for step in stage.steps:
            named = (_found(stages, word.text) for word in _named_sources(step.instruction))
            waiting += [one for one in named if one]
    return tuple(seen[number] for number in sorted(seen))


def _unknown_sources(stages: Sequence[Stage]) -> Iterator[Trouble]:
    for stage in stages:
        for step in stage.steps:
            for word in _named_sources(step.instruction) if not step.instruction.waits else ():
                source = _found(stages, word.text)
                if "$" in word.text and step.instruction.name == "COPY":
                    message, hint = "--from takes no variable", "name a stage: FROM $X AS name"
                elif word.text.isdecimal() and source is None:
                    message, hint = f"there is no stage {word.text}", "stages count from 0"
                elif source is not None and source.number >= stage.number:
                    message = f"the stage {shown(word.text, 40)} does not come before this one"
                    hint = "move it up"
                else:
                    continue
                yield Trouble(span=word.span, message=message, hint=hint)
