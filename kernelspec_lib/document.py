"""JSON text to values, with the place of every key and value.

The standard library's reader gives values and forgets where they stood, stops at the first mistake,
keeps the last of two equal keys, and takes NaN. Here places are kept, reading goes on where it
safely can, and nothing is raised: what is wrong comes back as faults. A document without faults has
the value that `json.loads` gives.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kernelspec_lib import jsonscan, jsontext

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAX_BYTES = 256 * 1024
"""A larger file is refused unread: a description of one kernel is a few kilobytes."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_WIDE_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a text file.

    Lines and columns count from 1, columns in code points; end_column is one past the last
    character, as in SARIF and in the Language Server Protocol.
    """

    line: int
    column: int
    end_line: int
    end_column: int


START = Span(line=1, column=1, end_line=1, end_column=1)
"""The place of what has no better one, such as a file that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong in a document: a finding that does not yet know its file."""

    code: str
    message: str
    hint: str
    pointer: str
    span: Span


@dataclass(frozen=True, kw_only=True)
class Document:
    """One JSON text, its value, and where everything stands."""

    text: str
    value: JSON
    """None where the text could not be read to its end; `readable` tells this from a null."""
    readable: bool
    faults: tuple[Fault, ...]
    _root: jsonscan.Node | None = None
    _lines: Sequence[int] = field(default=(0,), repr=False)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of *offset*, both from 1.

        Offsets and columns count code points. Raises ValueError past the end.
        Source: RFC 8259, section 2, names LF and CR; CR LF counts as one end.
        """
        if not 0 <= offset <= len(self.text):
            raise ValueError(f"offset {offset} lies outside a text of {len(self.text)}")
        return _position(self._lines, offset)

    def line(self, number: int) -> str:
        """The text of line *number* (from 1), without its end; empty past the last line."""
        if not 1 <= number <= len(self._lines):
            return ""
        start = self._lines[number - 1]
        end = _LINE_END.search(self.text, start)
        return self.text[start : end.start() if end else None]

    def span_of(self, pointer: str) -> Span:
        """Where the value at JSON Pointer *pointer* stands (RFC 6901).

        Raises KeyError where nothing stands there.
        """
        node = self._node(pointer)
        return _span(self._lines, node.start, node.end)

    def span_of_key(self, pointer: str) -> Span:
        """Where the key of the member at *pointer* stands; a list's item answers with its value.

        Raises KeyError where nothing stands there.
        """
        node = self._node(pointer)
        if node.key_start < 0:
            return _span(self._lines, node.start, node.end)
        return _span(self._lines, node.key_start, node.key_end)

    def span_of_opening(self, pointer: str) -> Span:
        """Where the container at *pointer* opens: the place to add what is missing in it."""
        start = self._node(pointer).start
        return _span(self._lines, start, start + 1)

    def has_fault_at(self, pointer: str) -> bool:
        """Whether the value at *pointer* was already told as a fault."""
        try:
            return self._node(pointer).faulty
        except KeyError:
            return False

    def _node(self, pointer: str) -> jsonscan.Node:
        node = self._root
        for token in unescaped(pointer):
            children = node.children if node else None
            if isinstance(children, dict):
                node = children[token]
            elif isinstance(children, list) and token.isdecimal() and int(token) < len(children):
                node = children[int(token)]
            else:
                raise KeyError(pointer)
        if node is None:
            raise KeyError(pointer)
        return node


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainText:
    """A file that is not JSON, whose lines end with LF or CR LF."""

    text: str

    def line(self, number: int) -> str:
        """The text of line *number* (from 1), without its end; empty past the last line."""
        lines = self.text.split("\n")
        return lines[number - 1].removesuffix("\r") if 1 <= number <= len(lines) else ""


def joined(parts: Sequence[str | int]) -> str:
    """The JSON Pointer of a path of keys and indexes (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def unescaped(pointer: str) -> list[str]:
    """The keys and indexes, as text, of a JSON Pointer (RFC 6901)."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def read(raw: bytes) -> Document:
    """The document in *raw*, at most MAX_BYTES of UTF-8. Never raises."""
    if len(raw) > MAX_BYTES:
        limit = f"a kernel's file is a few kilobytes, and at most {MAX_BYTES // 1024} KiB"
        return unread("KS008", "the file is too large", f"{limit}; take out what is not needed")
    if raw.startswith(_WIDE_BOMS) or b"\0" in raw[:64]:
        return unread("KS001", "the file is not UTF-8 text", "save it with the encoding UTF-8")
    faults: list[jsonscan.Flaw] = []
    if raw.startswith(codecs.BOM_UTF8):
        raw = raw[len(codecs.BOM_UTF8) :]
        hint = "save the file as UTF-8 without BOM"
        faults.append(
            jsonscan.Flaw("KS002", "the file begins with a byte order mark", hint, (), 0, 0)
        )
    text = _decoded(raw, faults)
    result = jsontext.parse(text, damaged=bool(faults) and faults[-1].code == "KS001")
    lines = [0, *(found.end() for found in _LINE_END.finditer(text))]
    return Document(
        text=text,
        value=result.value,
        readable=result.root is not None,
        faults=tuple(_fault(lines, flaw) for flaw in (*faults, *result.flaws)),
        _root=result.root,
        _lines=lines,
    )


def _decoded(raw: bytes, faults: list[jsonscan.Flaw]) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = len(raw[: error.start].decode("utf-8"))
        message = f"the byte 0x{raw[error.start]:02x} is not UTF-8"
        hint = "save the file with the encoding UTF-8"
        faults.append(jsonscan.Flaw("KS001", message, hint, (), place, place + 1))
        return raw.decode("utf-8", errors="replace")


def unread(code: str, message: str, hint: str) -> Document:
    """The document of a file that is not read, for the reason given."""
    fault = Fault(code=code, message=message, hint=hint, pointer="", span=START)
    return Document(text="", value=None, readable=False, faults=(fault,))


def _position(lines: Sequence[int], offset: int) -> tuple[int, int]:
    line = bisect_right(lines, offset)
    return line, offset - lines[line - 1] + 1


def _span(lines: Sequence[int], start: int, end: int) -> Span:
    line, column = _position(lines, start)
    end_line, end_column = _position(lines, end)
    return Span(line=line, column=column, end_line=end_line, end_column=end_column)


def _fault(lines: Sequence[int], flaw: jsonscan.Flaw) -> Fault:
    return Fault(
        code=flaw.code,
        message=flaw.message,
        hint=flaw.hint,
        pointer=joined(flaw.path),
        span=_span(lines, flaw.start, flaw.end),
    )
