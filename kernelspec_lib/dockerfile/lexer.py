"""Words, options and variables of a Dockerfile's lines, as BuildKit takes them apart.

Source: parser/ and shell/lex.go of BuildKit's Dockerfile frontend; what it does is repeated here
where it surprises, because a word that is read in another way is a gate that can be walked around.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Go calls space, for a class of a regular expression: Python's \\s knows four more."""
SPACES = "".join(map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)))) + (
    "\u2028\u2029\u202f\u205f\u3000"
)
BLANKS = re.compile(r"[\t\v\f\r ]+")
_BARE = re.compile(rf"[^{SPACE}]+")
_HEREDOC = re.compile(r"(\d*)<<(-?)[\t\n\f\r ]*([^<]*)\Z")
_NAME = re.compile(r"[0-9]+|[@*#?$!0-]|[^\W]+")
_DEPTH = 20
_LENGTH = 4096
_STARS = 1
_MATCHED = 300


class BadExpansion(ValueError):
    """A word that BuildKit refuses to fill in; tells why."""


@cache
def _words(escape: str) -> re.Pattern[str]:
    e = re.escape(escape)
    quoted = rf"'[^']*+(?:'|\Z)|\"(?:{e}.|[^\"{e}])*+(?:\"|(?P<quoted>{e})?\Z)"
    bare = rf"{e}(?:.|(?P<bare>\Z))"
    return re.compile(rf"(?:{bare}|{quoted}|[^{SPACE}'\"{e}])++", re.DOTALL)


@cache
def _escaped(escape: str) -> re.Pattern[str]:
    return re.compile(re.escape(escape) + r"(.|\Z)", re.DOTALL)


def quoted_words(text: str, escape: str) -> Iterator[tuple[int, int]]:
    """Where each word stands that spaces part, unless quotes or an escape hold them.

    An escape at the very end has nothing to stand before: it is left out.
    """
    for found in _words(escape).finditer(text):
        start, end = found.span()
        open_ = found["bare"] is not None or found["quoted"] is not None
        yield start, end - 1 if open_ else end


def bare_words(text: str) -> Iterator[tuple[int, int]]:
    """Where each word stands that spaces part."""
    return (found.span() for found in _BARE.finditer(text))


def options(text: str, escape: str) -> tuple[list[tuple[int, int, str]], int]:
    """The words at the beginning that start with two hyphens, bare of quotes, and what follows."""
    found: list[tuple[int, int, str]] = []
    position = 0
    while True:
        position += len(text[position:]) - len(text[position:].lstrip(SPACES))
        if not text.startswith("--", position):
            return found, position
        word = _words(escape).match(text, position)
        if word is None:
            return found, position
        position = word.end()
        plain = _bare(word.group(), escape)
        if plain == "--":
            return found, position
        found.append((*word.span(), plain))


def _bare(word: str, escape: str) -> str:
    """*word* of an option without quotes and escapes; there an escape counts in both quotes."""
    return _escaped(escape).sub(r"\1", word.replace('"', "").replace("'", ""))


def heredocs(line: str) -> Iterator[tuple[int, int, str, bool]]:
    """The heredocs that *line* announces: place of the mark, name, whether tabs are taken off."""
    words = list(_shell_words(line))
    if words and words[-1] is None:
        return
    for span in words:
        if span is None:
            return
        found = _HEREDOC.match(line[span[0] : span[1]])
        if found and found[3]:
            named = _one_word(found[3])
            if named:
                yield (*span, named, found[2] == "-")


def _one_word(text: str) -> str | None:
    if len(list(_shell_words(text))) != 1:
        return None
    try:
        return expand(text, None, "\\")
    except BadExpansion:
        return None


_PART = re.compile(
    r"""(?P<single>'[^']*+(?P<single_end>')?)
      | (?P<double>"(?:\\.|[^"\\])*+(?P<double_end>")?)
      | (?P<escape>\\(?:.|\Z))
      | (?P<special>\$[@*#?$!0-])
      | (?P<braces>\$\{(?:(?:[0-9]+|[@*#?$!-]|[^\W]+)(?P<then>\}|:?[-+?]|[#%/]))?)
      | (?P<mark><<[\t\r ]*)
      | (?P<plain>[^\s'"\\$<]+|[$<])
      | (?P<space>\s)""",
    re.VERBOSE | re.DOTALL,
)


def _shell_words(line: str) -> Iterator[tuple[int, int] | None]:
    """Where each word of *line* stands for BuildKit's shell lexer; None at last: it gives up."""
    start: int | None = None
    position = 0
    while position < len(line):
        found = _PART.match(line, position)
        if found is None:
            break
        kind = found.lastgroup
        if kind == "space":
            if start is not None:
                yield start, position
            start = None
            position = found.end()
            continue
        start = position if start is None else start
        position = found.end()
        if found["single"] and not found["single_end"]:
            yield None
            return
        if found["double"] and not found["double_end"]:
            yield None
            return
        if found["braces"] and found["then"] != "}":
            closed = line.find("}", position) if found["then"] else -1
            if closed < 0:
                yield None
                return
            position = closed + 1
    if start is not None:
        yield start, position


def expand(word: str, values: Mapping[str, str] | None, escape: str) -> str:
    """*word* with its variables filled in, bare of quotes and escapes.

    values: of the variables; None: none is filled in, and each stays as it is written. Raises
    BadExpansion where BuildKit would refuse it.
    """
    filled, position = _filled(word, 0, values, escape, stop="", depth=0)
    assert position == len(word)  # noqa: S101 - with no letter to stop at, it reads to the end
    return filled


def _filled(
    word: str, position: int, values: Mapping[str, str] | None, escape: str, stop: str, depth: int
) -> tuple[str, int]:
    """*word* from *position* to the letter *stop*, and the place behind that."""
    if depth > _DEPTH:
        raise BadExpansion("too many substitutions within each other")
    out: list[str] = []
    length = 0
    quote = ""
    while position < len(word):
        letter = word[position]
        piece = letter
        if not quote and stop and letter == stop:
            return "".join(out), position + 1
        if letter == "'" and not quote:
            end = word.find("'", position + 1)
            if end < 0:
                raise BadExpansion("a single quote is never closed")
            piece, position = word[position + 1 : end], end + 1
        elif letter == '"':
            quote, piece, position = ("" if quote else '"'), "", position + 1
        elif letter == "$":
            piece, position = _variable(word, position + 1, values, escape, depth)
        elif letter == escape:
            piece, position = _unescaped(word, position + 1, escape, quote)
        else:
            position += 1
        out.append(piece)
        length += len(piece)
        if length > _LENGTH + len(word):
            raise BadExpansion(f"it grows by more than {_LENGTH} letters")
    if quote:
        raise BadExpansion("a double quote is never closed")
    if stop:
        raise BadExpansion(f"{stop} is missing")
    return "".join(out), position


def _unescaped(word: str, position: int, escape: str, quote: str) -> tuple[str, int]:
    if position >= len(word):
        return "", position
    letter = word[position]
    if quote and letter not in ('"', "$", escape):
        return escape, position
    return letter, position + 1


def _variable(
    word: str, position: int, values: Mapping[str, str] | None, escape: str, depth: int
) -> tuple[str, int]:
    """The value of the variable behind a dollar sign, and the place behind it."""
    if not word.startswith("{", position):
        found = _NAME.match(word, position)
        if found is None:
            return "$", position
        value = f"${found.group()}" if values is None else values.get(found.group(), "")
        return value, found.end()
    start, position = position - 1, position + 1
    if position >= len(word) or word[position] in "{}:":
        raise BadExpansion("bad substitution" if position < len(word) else "} is missing")
    found = _NAME.match(word, position)
    name = found.group() if found else ""
    position += len(name)
    sign = word[position : position + 1]
    if sign == "}":
        known = f"${{{name}}}" if values is None else values.get(name, "")
        return known, position + 1
    if sign == ":":
        sign = word[position : position + 2]
    if not sign or sign[-1] not in "+-?#%/" or sign in (":#", ":%", ":/"):
        raise BadExpansion(f"unsupported modifier {sign}" if sign else "} is missing")
    operand, position = _filled(word, position + len(sign), values, escape, "}", depth + 1)
    if values is None:
        return word[start:position], position
    return _modified(name, values.get(name), sign, operand), position


def _modified(name: str, value: str | None, sign: str, operand: str) -> str:
    given = value is not None and not (sign[0] == ":" and value == "")
    if sign[-1] in "/#%" and (operand.count("*") > _STARS or len(value or "") > _MATCHED):
        # Nobody writes that; looking for what matches could take hours.
        return value or ""
    match sign[-1]:
        case "-":
            return value or "" if given else operand
        case "+":
            return operand if given else ""
        case "?":
            if not given:
                raise BadExpansion(f"{name} must be given: {operand}")
            return value or ""
        case "/":
            whole = operand.startswith("/")
            pattern, _, other = operand.removeprefix("/").partition("/")
            return re.sub(_glob(pattern), lambda _: other, value or "", count=0 if whole else 1)
    longest = operand.startswith(sign)
    pattern, text = operand[1:] if longest else operand, value or ""
    if sign == "%":
        # From the end: turned around, the shortest match is found first there as well.
        pattern, text = pattern[::-1], text[::-1]
    kept = re.sub(rf"\A(?:{_glob(pattern, greedy=longest)})", "", text, count=1)
    return kept[::-1] if sign == "%" else kept


def _glob(pattern: str, *, greedy: bool = True) -> str:
    several = ".*" if greedy else ".*?"
    letters = {"*": several, "?": "."}
    return "".join(letters.get(letter) or re.escape(letter) for letter in pattern)
