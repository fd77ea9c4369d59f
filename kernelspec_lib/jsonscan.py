"""The letters of JSON (RFC 8259): strings, white space, and the flaws found in them."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

MAX_FLAWS = 100

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"')
_STRING_PART = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_COMMENT = re.compile(r"//[^\n\r]*|#[^\n\r]*|/\*.*?\*/", re.DOTALL)
_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff\x0b\x0c]+")
_UNUSUAL = re.compile("[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff]")
_SHORT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class Node:
    """Where one value stands: offsets of the value, and of its key if it has one (else -1)."""

    __slots__ = ("children", "end", "faulty", "key_end", "key_start", "start")

    def __init__(self, start: int) -> None:
        self.start, self.end = start, start
        self.key_start, self.key_end = -1, -1
        self.children: dict[str, Node] | list[Node] | None = None
        self.faulty = False


class Flaw(NamedTuple):
    """A mistake in the text, with its offsets."""

    code: str
    message: str
    hint: str
    path: tuple[str | int, ...]
    start: int
    end: int


class Stop(Exception):
    """What follows cannot be understood any more."""


class Scanner:
    """A place in a text, moving forward only, and the flaws met so far."""

    def __init__(self, text: str, damaged: bool) -> None:
        self.text, self.damaged = text, damaged
        self.pos = 0
        self.path: list[str | int] = []
        self.flaws: list[Flaw] = []

    # -- strings

    def string(self, node: Node) -> str:
        start = self.pos
        if found := _PLAIN_STRING.match(self.text, start):
            self.pos = found.end()
            value = found.group(1)
            self.judge_characters(value, start + 1, node)
        else:
            value = self.escaped_string(node)
        if self.damaged and "\ufffd" in value:
            node.faulty = True
        return value

    def escaped_string(self, node: Node) -> str:
        start = self.pos
        self.pos += 1
        parts: list[str] = []
        while True:
            part = _STRING_PART.match(self.text, self.pos)
            if part is not None and part.end() > self.pos:
                self.judge_characters(part.group(), self.pos, node)
                parts.append(part.group())
                self.pos = part.end()
            here = self.peek()
            if here == '"':
                self.pos += 1
                return "".join(parts)
            if here == "\\":
                parts.append(self.escape(node))
            elif here in ("", "\n", "\r"):
                self.flaw(
                    "KS003", "this string is not closed", 'add the closing "', start, self.pos
                )
                raise Stop
            else:
                self.judge_characters(here, self.pos, node)
                self.pos += 1

    def escape(self, node: Node) -> str:
        start = self.pos
        found = _ESCAPE.match(self.text, start)
        if found is None:
            self.pos += 1
            hint = "write \\\\ for a backslash"
            self.flaw(
                "KS003", "a backslash that escapes nothing", hint, start, start + 2, node=node
            )
            return "\\"
        self.pos = found.end()
        short = found.group(1)
        character = _SHORT[short] if short else self.code_unit(found, node)
        if unicodedata.category(character) in _HIDDEN:
            self.hidden(character, start, self.pos, node)
        return character

    def code_unit(self, found: re.Match[str], node: Node) -> str:
        unit = int(found.group(2), 16)
        if not 0xD800 <= unit <= 0xDFFF:
            return chr(unit)
        second = _ESCAPE.match(self.text, self.pos)
        low = int(second.group(2), 16) if second and second.group(2) else 0
        if second and unit <= 0xDBFF and 0xDC00 <= low <= 0xDFFF:
            self.pos = second.end()
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        message = f"{found.group()} is half of a surrogate pair"
        self.flaw("KS006", message, "write the character itself", *found.span(), node=node)
        return "\ufffd"

    def judge_characters(self, value: str, start: int, node: Node) -> None:
        if not _UNUSUAL.search(value):
            return
        for found in _UNUSUAL.finditer(value):
            if unicodedata.category(found.group()) in _HIDDEN:
                at = start + found.start()
                self.hidden(found.group(), at, at + 1, node)

    def hidden(self, character: str, start: int, end: int, node: Node) -> None:
        name = unicodedata.name(character, "a control character")
        message = f"the string holds the invisible character U+{ord(character):04X} ({name})"
        self.flaw("KS006", message, "delete it", start, end, node=node)

    # -- between values

    def peek(self) -> str:
        return self.text[self.pos : self.pos + 1]

    def skip(self) -> None:
        """Pass white space; comments and odd spaces are flaws, and passed as well."""
        while True:
            spaces = _SPACE.match(self.text, self.pos)
            self.pos = spaces.end() if spaces else self.pos
            if comment := _COMMENT.match(self.text, self.pos):
                self.flaw("KS003", "JSON has no comments", "delete the comment", *comment.span())
                self.pos = comment.end()
            elif odd := _ODD_SPACE.match(self.text, self.pos):
                message = f"the space U+{ord(odd.group()[0]):04X} is not one that JSON knows"
                self.flaw("KS003", message, "replace it with a plain space", *odd.span())
                self.pos = odd.end()
            else:
                return

    def flaw(
        self,
        code: str,
        message: str,
        hint: str,
        start: int,
        end: int | None = None,
        *,
        node: Node | None = None,
    ) -> None:
        if node is not None:
            node.faulty = True
        limit = len(self.text)
        end = min(start + 1, limit) if end is None else end
        self.flaws.append(Flaw(code, message, hint, tuple(self.path), min(start, limit), end))
        if len(self.flaws) >= MAX_FLAWS:
            raise Stop
