"""Whether a site's pattern of image references keeps every owner's images apart."""

from __future__ import annotations

import re

USUAL = "{registry}/{login}_{image_name}:{image_version}"
"""The pattern of a site that names none."""
FIELD = re.compile(r"\{(registry|login|image_name|image_version)\}")


def fault(pattern: str, registry: str) -> str | None:
    """Why *pattern* is not safe, in words that follow "the pattern"; None: it is.

    Safe: from the reference alone follow the login and the image_name, whatever people choose. No
    value but the registry, which is one for the site, holds a slash or a colon, so the parts
    between these stand each for itself. An image_name has no underscore: beside a login it ends
    at one.
    """
    whole = pattern.replace("{registry}", registry)
    whole = whole if registry else whole.removeprefix("/")
    first, slash, _ = whole.partition("/")
    if slash and FIELD.search(first):
        return "begins with a part that its users choose: Docker could take it for another registry"
    parts = re.split("[/:]", whole)
    for name in ("login", "image_name"):
        count = whole.count(f"{{{name}}}")
        if count != 1:
            how = "not at all" if not count else f"{count} times"
            return f"names {{{name}}} {how}, and must do so once"
    for part in parts:
        fields = FIELD.findall(part)
        if len(fields) < 2 or {"login", "image_name"}.isdisjoint(fields):
            continue
        between = FIELD.split(part)[2]
        if set(fields) != {"login", "image_name"} or "_" not in between:
            return f"does not tell in {part} where one value ends and the next begins"
    return None
