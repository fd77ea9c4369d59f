"""The way of a build in few words: at which step it is, of how many, and what it said last."""

from __future__ import annotations

import re

_VERTEX = re.compile(r"#(?P<number>\d+) (?P<text>.+)")
_STEP = re.compile(r"\[(?:\S+ +)?(?P<step>\d+/\d+)\] (?P<deed>.*)")
_PODMAN = re.compile(r"STEP (?P<step>\d+/\d+): (?P<deed>.*)")
_SAID = re.compile(r"\d+\.\d+ +(?P<words>.*\S)")
_NOISE = re.compile(r"sha256:|DONE |CACHED|\.\.\.$|transferring |\[internal\]|naming to ")
_OPTION = re.compile(r"--(?:mount|network)=\S+ +")


class Steps:
    """Reads the plain progress of one build, of BuildKit's or podman's."""

    def __init__(self) -> None:
        self._step_of: dict[str, str] = {}

    def read(self, line: str) -> str | None:
        """What *line* tells a person who waits ("3/5  RUN …"); None: nothing."""
        if found := _PODMAN.match(line):
            return _begun(found)
        vertex = _VERTEX.match(line)
        if vertex is None:
            return None
        number, text = vertex["number"], vertex["text"]
        if found := _STEP.match(text):
            self._step_of[number] = found["step"]
            return _begun(found)
        if _NOISE.match(text):
            return None
        words = found["words"] if (found := _SAID.match(text)) else text
        step = self._step_of.get(number)
        return f"{step}  {words}" if step else words


def _begun(found: re.Match[str]) -> str:
    # Where it reads and writes says little, and takes the line.
    return f"{found['step']}  {_OPTION.sub('', found['deed'])}"
