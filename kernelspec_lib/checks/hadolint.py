"""KS411: what hadolint says of Dockerfiles, as findings. It is run elsewhere, and never needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kernelspec_lib.document import PlainText, Span
from kernelspec_lib.findings import Finding
from kernelspec_lib.wording import shown

_LEVELS = ("error", "warning")
"""Of its four; the others are matters of taste."""
_PARSING = "DL1000"
"""It could not read the file: BuildKit's grammar is judged by KS402, more closely."""


def findings(told: str, texts: Mapping[str, PlainText]) -> Iterator[Finding]:
    """The findings in *told*, hadolint's report as JSON, about the files *texts* by path.

    What is no such report, or is about another file, says nothing.
    """
    try:
        rows: Any = json.loads(told)
    except (ValueError, RecursionError):
        return
    for row in rows if isinstance(rows, list) else ():
        finding = _finding(row, texts) if isinstance(row, dict) else None
        if finding is not None:
            yield finding


def _finding(row: Mapping[str, Any], texts: Mapping[str, PlainText]) -> Finding | None:
    path, code, level = (str(row.get(key, "")) for key in ("file", "code", "level"))
    line, message = row.get("line"), row.get("message")
    if path not in texts or level not in _LEVELS or code == _PARSING:
        return None
    if not isinstance(line, int) or not isinstance(message, str) or line < 1:
        return None
    text = texts[path].line(line)
    begin = len(text) - len(text.lstrip())
    # Its columns tell where the instruction begins, or stand for none: the whole line is shown.
    end = max(len(text.rstrip()), begin) + 1
    sentence = shown(" ".join(message.split()), 300)[1:-1]
    return Finding.of(
        "KS411",
        f"hadolint {shown(code, 20)[1:-1]} ({level}): {sentence}",
        f"mend it, or put `# hadolint ignore={shown(code, 20)[1:-1]}` above the instruction",
        path=path,
        span=Span(line=line, column=begin + 1, end_line=line, end_column=end),
    )
