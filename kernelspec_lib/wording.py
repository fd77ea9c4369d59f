"""How a user's text is quoted in a sentence."""

from __future__ import annotations


def shown(text: str, limit: int = 60) -> str:
    """*text* in double quotes, clipped, with nothing in it that could command a terminal."""
    clipped = text if len(text) <= limit else text[: limit - 1] + "…"
    return '"' + "".join(_visible(character) for character in clipped) + '"'


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
