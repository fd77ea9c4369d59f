"""A Dockerfile as its instructions, each word with its place. Never raises, and runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kernelspec_lib.dockerfile import lexer
from kernelspec_lib.dockerfile.text import Text, Word, joined
from kernelspec_lib.document import START, Span

_DIRECTIVE = re.compile(r"#[\t\n\v\f\r ]*([A-Za-z][A-Za-z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)\Z")
_DIRECTIVES = frozenset(("syntax", "escape", "check"))
_FIRST = re.compile(r"[^\t\v\f\r ]+")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WITH_HEREDOC = frozenset(("ADD", "COPY", "RUN"))
MAX_LINE = 65535
"""Bytes: BuildKit reads no longer line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that BuildKit would refuse."""

    span: Span
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """What stands between a mark such as <<END and the line END."""

    mark: Word
    name: str
    body: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction, its continuation lines joined as the builder joins them."""

    keyword: Word
    flags: tuple[Word, ...] = ()
    """The options between the keyword and its arguments, such as --from=x."""
    rest: Text
    """What stands behind them."""
    arguments: tuple[Word, ...] = ()
    """*rest*, taken apart as this instruction wants it. Quotes are there still, except in JSON."""
    is_json: bool = False
    heredocs: tuple[Heredoc, ...] = ()
    waits: bool = False
    """Whether it is an ONBUILD: the build of another image carries it out."""
    troubles: tuple[Trouble, ...] = ()

    @property
    def name(self) -> str:
        """The keyword in capitals."""
        return self.keyword.text.upper()

    def flag(self, name: str) -> Iterator[Word]:
        """The values of the option *name*, each with the place of the whole option."""
        for flag in self.flags:
            if flag.text.startswith(f"--{name}="):
                yield Word(text=flag.text.partition("=")[2], span=flag.span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """All that stands in one."""

    instructions: tuple[Instruction, ...]
    escape: str
    directives: tuple[tuple[str, Word], ...]
    """Name and value of each parser directive."""
    troubles: tuple[Trouble, ...]
    """Those that belong to no instruction."""


def read(text: str) -> Dockerfile:
    """What stands in *text*."""
    lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if lines[-1] == "":
        lines.pop()
    directives, escape, troubles = _directives(lines)
    for number, line in enumerate(lines):
        if len(line) > MAX_LINE // 4 and len(line.encode(errors="replace")) > MAX_LINE:
            span = Span(line=number + 1, column=1, end_line=number + 1, end_column=2)
            troubles.append(Trouble(span=span, message=f"a line has more than {MAX_LINE} bytes"))
            lines = lines[:number]
            break
    return Dockerfile(
        instructions=tuple(_instructions(lines, escape)),
        escape=escape,
        directives=tuple(directives),
        troubles=tuple(troubles),
    )


def _directives(lines: Sequence[str]) -> tuple[list[tuple[str, Word]], str, list[Trouble]]:
    found: list[tuple[str, Word]] = []
    escape, troubles = "\\", []
    for number, line in enumerate(lines, 1):
        column = len(line) - len(line.lstrip(lexer.SPACES))
        match = _DIRECTIVE.match(line[column:].rstrip("\t\n\f\r "))
        if match is None or match[1].lower() not in _DIRECTIVES:
            break
        name = match[1].lower()
        start, end = (column + 1 + place for place in match.span(2))
        span = Span(line=number, column=start, end_line=number, end_column=end)
        if any(name == other for other, _ in found):
            message = f"the directive {name} stands there twice"
            troubles.append(Trouble(span=span, message=message, hint="keep one of them"))
        elif name == "escape" and match[2] not in ("\\", "`"):
            message = "the escape character is a backslash or a backtick"
            troubles.append(Trouble(span=span, message=message, hint="# escape=`"))
        elif name == "escape":
            escape = match[2]
        found.append((name, Word(text=match[2], span=span)))
    return found, escape, troubles


def _instructions(lines: Sequence[str], escape: str) -> Iterator[Instruction]:
    e = re.escape(escape)
    goes_on = re.compile(rf"(?:(?<=[^{e}])|\A){e}[ \t]*\Z")
    number = 0
    while number < len(lines):
        bare = lines[number].lstrip(lexer.SPACES)
        if not bare or bare.startswith("#"):
            number += 1
            continue
        whole, number = _joined(lines, number, goes_on)
        one = _instruction(whole, escape)
        if one.name in _WITH_HEREDOC and not one.is_json and "<<" in whole.text:
            number, one = _with_heredocs(one, whole, lines, number)
        yield one


def _joined(lines: Sequence[str], start: int, goes_on: re.Pattern[str]) -> tuple[Text, int]:
    """The lines of one instruction without what joins them, and the first line behind it."""
    pieces: list[tuple[str, int, int]] = []
    for number in range(start, len(lines)):
        line, column = lines[number], 1
        bare = line.lstrip(lexer.SPACES)
        if number == start:
            line, column = bare, len(line) - len(bare) + 1
        elif not bare or bare.startswith("#"):
            continue
        found = goes_on.search(line)
        pieces.append((line[: found.start()] if found else line, number + 1, column))
        if not found:
            return joined(pieces), number + 1
    return joined(pieces), len(lines)


def _instruction(whole: Text, escape: str) -> Instruction:
    """One instruction; of an ONBUILD, the one that it holds back."""
    outer = _headed(whole, escape)
    if outer.name != "ONBUILD" or not outer.rest.text:
        return _with_arguments(outer, escape)
    inner = _with_arguments(_headed(outer.rest, escape), escape)
    return replace(inner, waits=True, troubles=(*_unknown(outer), *inner.troubles))


def _unknown(onbuild: Instruction) -> Iterator[Trouble]:
    for flag in onbuild.flags:
        yield Trouble(span=flag.span, message="ONBUILD has no options of its own")


def _headed(whole: Text, escape: str) -> Instruction:
    """Keyword, options, and what stands behind them."""
    text = whole.text
    first = len(text) - len(text.lstrip(lexer.SPACES))
    end = len(text.rstrip(lexer.SPACES))
    found = _FIRST.match(text, first, end) if first < end else None
    if found is None:
        return Instruction(keyword=whole.word(0, 0), rest=whole.cut(0, 0))
    behind = lexer.BLANKS.match(text, found.end(), end)
    tail = whole.cut(behind.end() if behind else end, end)
    flags, position = lexer.options(tail.text, escape)
    kept = tail.text[position:]
    begin = position + len(kept) - len(kept.lstrip(lexer.SPACES))
    return Instruction(
        keyword=whole.word(*found.span()),
        flags=tuple(tail.word(start, end, plain) for start, end, plain in flags),
        rest=tail.cut(begin, len(tail.text)),
    )


def _with_arguments(one: Instruction, escape: str) -> Instruction:
    rest = one.rest
    match one.name:
        case "ENV" | "LABEL" | "ARG":
            return replace(one, arguments=_pairs(one, escape))
        case "FROM" | "EXPOSE":
            return replace(one, arguments=_bare(rest))
        case "ADD" | "COPY" | "VOLUME":
            return _from_json(one, rest) or replace(one, arguments=_bare(rest))
        case "RUN" | "CMD" | "ENTRYPOINT" | "SHELL":
            return _from_json(one, rest) or replace(one, arguments=_whole(rest))
        case "HEALTHCHECK":
            words = _bare(rest)
            if not words:
                return one
            length = len(words[0].text)
            behind = rest.text[length:]
            command = rest.cut(length + len(behind) - len(behind.lstrip()), len(rest.text))
            told = _from_json(one, command) or replace(one, arguments=_whole(command))
            return replace(told, arguments=(words[0], *told.arguments))
    return replace(one, arguments=_whole(rest))


def _pairs(one: Instruction, escape: str) -> tuple[Word, ...]:
    rest = one.rest
    words = tuple(rest.word(*span) for span in lexer.quoted_words(rest.text, escape))
    if one.name == "ARG" or not words or "=" in words[0].text:
        return words
    # The old form: a name, and all the rest of the line is its value.
    blank = lexer.BLANKS.search(rest.text)
    if blank is None:
        return _whole(rest)
    return (rest.word(0, blank.start()), rest.word(blank.end(), len(rest.text)))


def _bare(rest: Text) -> tuple[Word, ...]:
    return tuple(rest.word(*span) for span in lexer.bare_words(rest.text))


def _whole(rest: Text) -> tuple[Word, ...]:
    return (rest.word(0, len(rest.text)),) if rest.text else ()


def _from_json(one: Instruction, rest: Text) -> Instruction | None:
    """*one* with the words of a JSON list; None where that is none, and a shell reads the line."""
    if not rest.text.startswith("["):
        return None
    try:
        value, end = _DECODER.raw_decode(rest.text)
    except (ValueError, RecursionError):
        return None
    if rest.text[end:].strip():
        # An older builder takes the list and drops the rest, a newer one hands all to a shell.
        message, hint = "something stands behind the list", "end the line with the bracket"
        trouble = Trouble(span=rest.span(end, len(rest.text)), message=message, hint=hint)
        return replace(one, is_json=True, troubles=(*one.troubles, trouble))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        hint = 'put every word into double quotes: ["a", "b"]'
        trouble = Trouble(span=rest.span(0, 1), message="a list holds strings only", hint=hint)
        return replace(one, is_json=True, troubles=(*one.troubles, trouble))
    places = (found.span() for found in _JSON_STRING.finditer(rest.text))
    words = zip(places, value, strict=False)
    arguments = tuple(rest.word(start, end, text) for (start, end), text in words)
    return replace(one, is_json=True, arguments=arguments)


def _no_constant(name: str) -> float:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _with_heredocs(
    one: Instruction, whole: Text, lines: Sequence[str], number: int
) -> tuple[int, Instruction]:
    """*one* with the bodies of its heredocs, and the first line behind them."""
    found: list[Heredoc] = []
    troubles = list(one.troubles)
    for start, end, name, chomps in lexer.heredocs(whole.text):
        body: list[tuple[str, int, int]] = []
        mark = whole.word(start, end)
        closed = False
        while number < len(lines) and not closed:
            line = lines[number]
            number += 1
            bare = line.lstrip("\t") if chomps else line
            closed = bare == name
            if not closed:
                body.append((bare, number, len(line) - len(bare) + 1))
        found.append(Heredoc(mark=mark, name=name, body=joined(body, "\n")))
        if not closed:
            hint = f"close it with a line that holds {name} alone"
            trouble = Trouble(span=mark.span, message="this heredoc never ends", hint=hint)
            troubles.append(trouble)
            break
        if lexer.BLANKS.search(mark.text.partition("<<")[2][:2]):
            # An older builder sees no heredoc here, and instructions in its lines.
            trouble = Trouble(span=mark.span, message="a space in <<", hint=f"<<{name}")
            troubles.append(trouble)
    return number, replace(one, heredocs=tuple(found), troubles=tuple(troubles))


def frontend(text: str) -> Word | None:
    """The image that is asked to read this file, if one is named. BuildKit looks for it itself.

    Source: DetectSyntax in parser/directives.go of BuildKit: a first line that begins with #! is
    left out, and // or a JSON object will do as well.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    skipped = 1 if lines[0].startswith("#!") else 0
    for comment in ("#", "//"):
        seen = _spoken(lines[skipped:], comment, skipped)
        if seen is not None:
            return seen
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if isinstance(value, dict) and isinstance(value.get("syntax"), str):
            return Word(text=value["syntax"], span=START)
    return None


def _spoken(lines: Sequence[str], comment: str, skipped: int) -> Word | None:
    for number, line in enumerate(lines, skipped + 1):
        if not line.startswith(comment):
            return None
        found = _DIRECTIVE.match("#" + line.removeprefix(comment).rstrip("\t\n\f\r "))
        if found is None or found[1].lower() not in _DIRECTIVES:
            return None
        if found[1].lower() == "syntax":
            start = found.start(2) + len(comment)
            named = found[2].partition(" ")[0]
            end = start + len(named)
            return Word(
                text=named,
                span=Span(line=number, column=start, end_line=number, end_column=end),
            )
    return None
