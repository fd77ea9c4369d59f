"""YAML as nodes with their places: nothing is constructed, expanded or run, and nothing is raised.

PyYAML's parser tells events; they are put together here, without recursion: a file of brackets or
of aliases costs no more than its letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from kernelspec_lib.document import START, Span

_DEPTH = 40
"""Deeper ones are refused: nobody writes them, and what walks through nodes may recurse."""
_NODES = 20_000
_ODD_END = re.compile("\\r(?!\\n)|[\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value without parts."""

    text: str
    style: str
    """The sign that it begins with: a quote, | or >; empty where there is none."""
    tag: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list."""

    tag: str
    span: Span
    items: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A mapping, its keys in their order."""

    tag: str
    span: Span
    pairs: list[tuple[Node, Node]] = field(default_factory=list)

    def get(self, name: str) -> Node | None:
        """The last value of the key *name*; what `<<` merges in comes after that."""
        for key, value in self.named():
            if key.text == name:
                return value
        return None

    def named(self) -> Iterator[tuple[Scalar, Node]]:
        """Keys that are scalars, each once, with what is merged in; the first one counts."""
        seen: set[str] = set()
        waiting: list[Mapped] = [self]
        done: set[int] = set()
        while waiting:
            one = waiting.pop(0)
            if id(one) in done:
                continue
            done.add(id(one))
            for key, value in one.pairs:
                if isinstance(key, Scalar) and key.text == "<<":
                    merged = value.items if isinstance(value, Listed) else [value]
                    waiting += [item for item in merged if isinstance(item, Mapped)]
                elif isinstance(key, Scalar) and key.text not in seen:
                    seen.add(key.text)
                    yield key, value


Node: TypeAlias = "Scalar | Listed | Mapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Why a text is no YAML that can be relied on."""

    span: Span
    reason: str


def read(text: str, at: Span | None = None) -> list[Node] | Unreadable:
    """The documents in *text*. at: a place that all of them get, instead of their own."""
    odd = _ODD_END.search(text)
    if odd is not None:
        # Editors show one line where YAML reads two.
        name = f"U+{ord(odd.group()):04X}"
        span = at or _place(text, odd.start())
        return Unreadable(span=span, reason=f"{name} ends a line there, and no editor shows it")
    # PyYAML takes longer to load than most files take to judge.
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    building = _Building(at)
    try:
        for event in yaml.parse(text, Loader=loader):
            trouble = building.take(event)
            if trouble is not None:
                return trouble
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Where the text ends in the middle of something, libyaml counts a line that is not there.
        last = _place(text, len(text))
        span = _span(mark, mark) if mark and mark.line < last.line else last if mark else START
        return Unreadable(span=at or span, reason=error.problem or "it cannot be read")
    except yaml.YAMLError as error:
        reason = "it holds a character that no YAML may hold"
        return Unreadable(span=at or _reader_place(text, error), reason=reason)
    return building.documents


def _reader_place(text: str, error: Exception) -> Span:
    position = getattr(error, "position", None)
    if not isinstance(position, int) or not 0 <= position <= len(text):
        return START
    return _place(text, position)


def _place(text: str, position: int) -> Span:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return Span(line=line, column=column, end_line=line, end_column=column + 1)


def _span(start: Any, end: Any) -> Span:
    return Span(
        line=start.line + 1,
        column=start.column + 1,
        end_line=end.line + 1,
        end_column=end.column + 1,
    )


class _Building:
    """The nodes that events tell."""

    def __init__(self, at: Span | None) -> None:
        self.at = at
        self.documents: list[Node] = []
        self.open: list[tuple[Listed | Mapped, list[Node], set[str]]] = []
        self.anchors: dict[str, Node] = {}
        self.count = 0

    def take(self, event: Any) -> Unreadable | None:
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self.anchors.clear()
            return None
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            return self._closed()
        node: Node
        span = self.at or _span(event.start_mark, event.end_mark)
        if kind == "AliasEvent":
            known = self.anchors.get(event.anchor)
            if known is None:
                return Unreadable(span=span, reason=f"no anchor has the name {event.anchor[:40]}")
            return self._placed(known)
        tag = getattr(event, "tag", None) or ""
        if kind == "ScalarEvent":
            node = Scalar(text=event.value, style=event.style or "", tag=tag, span=span)
        elif kind == "SequenceStartEvent":
            node = Listed(tag=tag, span=span)
        elif kind == "MappingStartEvent":
            node = Mapped(tag=tag, span=span)
        else:
            return None
        if event.anchor:
            self.anchors[event.anchor] = node
        self.count += 1
        if self.count > _NODES or len(self.open) > _DEPTH:
            return Unreadable(span=span, reason="it is nested or spread beyond all measure")
        if isinstance(node, Scalar):
            return self._placed(node)
        self.open.append((node, [], set()))
        return None

    def _closed(self) -> Unreadable | None:
        node, _, _ = self.open.pop()
        return self._placed(node)

    def _placed(self, node: Node) -> Unreadable | None:
        if not self.open:
            self.documents.append(node)
            return None
        parent, key, seen = self.open[-1]
        if isinstance(parent, Listed):
            parent.items.append(node)
        elif not key:
            key.append(node)
            if isinstance(node, Scalar):
                if node.text in seen:
                    reason = f"the key {node.text[:40]} is there twice"
                    return Unreadable(span=node.span, reason=reason)
                seen.add(node.text)
        else:
            parent.pairs.append((key.pop(), node))
        return None
