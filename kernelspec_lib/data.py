"""Where the schemas and the template lie: at the repository's root, or in the wheel."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent


@cache
def root() -> Path:
    """The folder that holds `schema/`, `hooks/`, `cookiecutter.json` and the template."""
    packed = _PACKAGE / "_data"
    return packed if packed.is_dir() else _PACKAGE.parent


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema *name* ("requirements" or "policy"), read once."""
    text = (root() / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
