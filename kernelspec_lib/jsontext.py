"""The grammar of JSON (RFC 8259), read with places, going on after the mistakes people make.

A mistake becomes a flaw with offsets in code points. Where the rest can still be understood (a
comma too many, a comment, a word without quotes), reading goes on, so that one run tells them all.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from kernelspec_lib.jsonscan import Flaw, Node, Scanner, Stop
from kernelspec_lib.wording import shown

MAX_DEPTH = 64
MAX_VALUES = 20_000
MAX_KEY = 1_000
MAX_NUMBER = 40

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![0-9A-Za-z_.+-])")
_WORD = re.compile(r"""[^\s,\[\]{}:"']+""")
_SINGLE_QUOTED = re.compile(r"'([^'\n\r]*)'")
_LITERALS = {"true": True, "false": False, "null": None}
_PYTHON = {"True": True, "False": False, "None": None}
_NO_NUMBERS = {"NaN", "Infinity", "-Infinity", "+Infinity", "nan", "inf", "-inf"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text holds. root is None where it could not be read to its end."""

    value: Any
    root: Node | None
    flaws: tuple[Flaw, ...]


def parse(text: str, *, damaged: bool = False) -> Parsed:
    """The value of *text*. Never raises.

    damaged: U+FFFD stands for bytes that were no text, and strings that hold it are not judged.
    """
    reader = _Reader(text, damaged)
    try:
        value, root = reader.document()
    except Stop:
        return Parsed(None, None, tuple(reader.flaws))
    return Parsed(value, root, tuple(sorted(reader.flaws, key=lambda flaw: flaw.start)))


class _Reader(Scanner):
    def __init__(self, text: str, damaged: bool) -> None:
        super().__init__(text, damaged)
        self.values = 0

    # -- the document

    def document(self) -> tuple[Any, Node]:
        self.skip()
        if self.pos == len(self.text):
            self.flaw("KS003", "the file is empty", "begin with { and end with }", self.pos)
            raise Stop
        value, node = self.value()
        self.skip()
        if self.pos < len(self.text):
            message = "there is something behind the end of the document"
            self.flaw("KS003", message, "keep one { … } and delete the rest", self.pos)
        return value, node

    def value(self) -> tuple[Any, Node]:
        self.values += 1
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES} values"
            self.flaw("KS008", message, "take out what is not needed", self.pos)
            raise Stop
        node = Node(self.pos)
        value = self.bare_value(node)
        node.end = self.pos
        return value, node

    def bare_value(self, node: Node) -> Any:
        opening = self.peek()
        if opening == '"':
            return self.string(node)
        if opening == "{":
            return self.object(node)
        if opening == "[":
            return self.array(node)
        if found := _NUMBER.match(self.text, self.pos):
            return self.number(found, node)
        return self.word(node)

    # -- containers

    def object(self, node: Node) -> dict[str, Any]:
        values: dict[str, Any] = {}
        children: dict[str, Node] = {}
        node.children = children
        self.open()
        while not self.closed("}"):
            start = self.pos
            key_node = Node(start)
            key = self.key(key_node)
            end = self.pos
            self.path.append(key)
            if key in values:
                message = f"the key {shown(key)} stands here a second time"
                self.flaw(
                    "KS004", message, "keep one: JSON readers take the last in silence", start, end
                )
            self.colon(key)
            values[key], child = self.value()
            child.key_start, child.key_end = start, end
            child.faulty = child.faulty or key_node.faulty
            children[key] = child
            self.path.pop()
            self.separate("}")
        return values

    def array(self, node: Node) -> list[Any]:
        values: list[Any] = []
        children: list[Node] = []
        node.children = children
        self.open()
        while not self.closed("]"):
            self.path.append(len(values))
            value, child = self.value()
            values.append(value)
            children.append(child)
            self.path.pop()
            self.separate("]")
        return values

    def open(self) -> None:
        if len(self.path) >= MAX_DEPTH:
            message = f"lists and objects stand more than {MAX_DEPTH} deep in each other"
            self.flaw("KS007", message, "a kernel's file needs three levels", self.pos)
            raise Stop
        self.pos += 1
        self.skip()

    def closed(self, closing: str) -> bool:
        while self.peek() == ",":
            self.flaw("KS003", "a comma with nothing in front of it", "delete the comma", self.pos)
            self.pos += 1
            self.skip()
        here = self.peek()
        if here == closing:
            self.pos += 1
            return True
        if here in ("", "}", "]"):
            found = f"{here} stands here" if here else "the file ends"
            self.flaw(
                "KS003",
                f"{found} before a {closing} that is missing",
                f"add the {closing}",
                self.pos,
            )
            raise Stop
        return False

    def separate(self, closing: str) -> None:
        before = self.pos
        self.skip()
        comma = self.pos
        if self.peek() == ",":
            self.pos += 1
            self.skip()
            if self.peek() == closing:
                message = f"a comma with nothing between it and the {closing}"
                self.flaw("KS003", message, "delete the comma", comma)
        elif self.peek() not in ("", "}", "]"):
            self.flaw("KS003", "a comma is missing here", "put a comma behind this", before - 1)

    def key(self, node: Node) -> str:
        if self.peek() == '"':
            key = self.string(node)
        else:
            found = _SINGLE_QUOTED.match(self.text, self.pos) or _WORD.match(self.text, self.pos)
            if found is None:
                hint = 'write "key": value'
                self.flaw("KS003", f"{shown(self.peek())} where a key should stand", hint, self.pos)
                raise Stop
            key = found.group(found.re.groups)
            self.pos = found.end()
            hint = f'write "{shown(key)[1:-1]}"'
            self.flaw("KS003", "a key without double quotes", hint, *found.span())
        if len(key) > MAX_KEY:
            message = f"a key of {len(key)} characters"
            self.flaw("KS008", message, f"at most {MAX_KEY} are read", node.start)
            raise Stop
        return key

    def colon(self, key: str) -> None:
        before = self.pos
        self.skip()
        if self.peek() == ":":
            self.pos += 1
        else:
            message = f"a colon is missing behind {shown(key)}"
            self.flaw("KS003", message, "put : between key and value", before - 1)
        self.skip()

    # -- what stands alone

    def number(self, found: re.Match[str], node: Node) -> int | float:
        self.pos = found.end()
        digits = found.group()
        if len(digits) > MAX_NUMBER:
            message = f"a number of {len(digits)} characters"
            self.flaw("KS005", message, f"at most {MAX_NUMBER} are read", *found.span(), node=node)
            return 0
        if found.group(1) is None and found.group(2) is None:
            return int(digits)
        value = float(digits)
        if math.isinf(value):
            message = f"{digits} is too large for a number"
            self.flaw("KS005", message, "write a smaller one", *found.span(), node=node)
            return 0
        return value

    def word(self, node: Node) -> Any:
        if quoted := _SINGLE_QUOTED.match(self.text, self.pos):
            self.pos = quoted.end()
            hint = "use double quotes"
            self.flaw("KS003", "a string in single quotes", hint, *quoted.span())
            return quoted.group(1)
        found = _WORD.match(self.text, self.pos)
        if found is None:
            return self.nothing(node)
        self.pos = found.end()
        word = found.group()
        if word in _LITERALS:
            return _LITERALS[word]
        if word in _PYTHON:
            hint = {"None": "write null"}.get(word, f"write {word.lower()}")
            self.flaw("KS003", f"{word} is Python, not JSON", hint, *found.span())
            return _PYTHON[word]
        if word in _NO_NUMBERS:
            message = f"{word} is not a JSON number"
            self.flaw("KS005", message, "write a finite number", *found.span(), node=node)
        elif word[0] in "+-.0123456789":
            hint = "write it as 0.5 or 12, or put a text in double quotes"
            self.flaw(
                "KS003", f"{shown(word)} is not a JSON number", hint, *found.span(), node=node
            )
        else:
            hint = "put a text in double quotes"
            self.flaw(
                "KS003", f"{shown(word)} stands without quotes", hint, *found.span(), node=node
            )
        return None

    def nothing(self, node: Node) -> None:
        here = self.peek()
        message = f"{shown(here)} where a value should stand" if here else "the file ends too early"
        self.flaw("KS003", message, "write a value here", self.pos, node=node)
        if here not in (",", "}", "]"):
            raise Stop
