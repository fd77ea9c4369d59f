"""The tags of an HTML page, in one pass however the page is made.

html.parser begins anew at each mistake, and takes hours for a megabyte of them. Here every letter
is looked at once: what is no tag is passed, and reading goes on behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_BEGINNING = re.compile(r"<(?:(!--)|([A-Za-z][A-Za-z0-9]*+)(?=[\s/>]))")
# The quantifiers give nothing back (++), so that a tag that never ends is read once.
_INSIDE = re.compile(r"""(?:[^<>"']++|"[^"]*+"|'[^']*+')*+""")
_ATTRIBUTE = re.compile(
    r"""([^\s=<>"'/]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>=]++)))?""",
)
_WANTED = frozenset(("a", "base", "meta"))

Attributes = dict[str, str | None]
"""By name in small letters; None for one without a value. Of two alike, the first counts."""


def tags(text: str) -> Iterator[tuple[str, Attributes]]:
    """The opening tags a, base and meta of *text*, which stand in no comment, in their order."""
    position = 0
    while found := _BEGINNING.search(text, position):
        position = found.end()
        if found[1]:
            end = text.find("-->", position)
            if end < 0:
                return
            position = end + 3
            continue
        inside = _INSIDE.match(text, position)
        assert inside is not None  # noqa: S101 - it matches nothing, too
        position = inside.end()
        name = found[2].lower()
        if name in _WANTED and text.startswith(">", position):
            yield name, _attributes(inside.group())


def _attributes(text: str) -> Attributes:
    given: Attributes = {}
    for found in _ATTRIBUTE.finditer(text):
        value = next((one for one in found.groups()[1:] if one is not None), None)
        given.setdefault(found[1].lower(), unescape(value) if value is not None else None)
    return given
