"""A value held against a JSON Schema, as far as the two schemas of this project go.

At each start the site policy is read anew, and jsonschema takes longer to load than a start may
take. `tests/unit/test_launcher_shapes.py` holds this against jsonschema.
"""

from __future__ import annotations

import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
}
KEYWORDS = (
    *("$ref", "type", "enum", "const", "anyOf", "pattern", "minLength", "maxLength", "minimum"),
    *("maximum", "exclusiveMinimum", "minItems", "maxItems", "items", "maxProperties", "required"),
    *("properties", "additionalProperties", "propertyNames", "patternErrorMessage"),
    *("description", "title", "default", "$schema", "$defs", "$id"),
)
"""What is understood; the last ones say nothing of a value."""


def schema(name: str) -> Any:
    """The schema *name* of this installation."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    packed = os.path.join(package, "_data")
    root = packed if os.path.isdir(packed) else os.path.dirname(package)
    with open(os.path.join(root, "schema", f"{name}.schema.json"), encoding="utf-8") as file:
        return json.load(file)


def read(text: bytes) -> Any:
    """The value of a JSON text. Raises ValueError, also for equal keys and NaN."""
    return json.loads(text.decode(), object_pairs_hook=_distinct, parse_constant=_no_number)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(twice)} stands in it twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def faults(value: Any, wanted: Any, root: Any, at: str = "") -> Iterator[str]:
    """Where *value* breaks the schema *wanted*, a part of *root*; the most telling first."""
    if "$ref" in wanted:
        found = root
        for part in wanted["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        yield from faults(value, found, root, at)
    if "anyOf" in wanted and all(any(faults(value, one, root, at)) for one in wanted["anyOf"]):
        yield _at(at, wanted.get("patternErrorMessage"))
    if "enum" in wanted and value not in wanted["enum"]:
        yield _at(at, f"one of {', '.join(map(str, wanted['enum']))}")
    if "const" in wanted and value != wanted["const"]:
        yield _at(at, str(wanted["const"]))
    if "type" in wanted and not _is(value, wanted["type"]):
        yield _at(at, f"of type {wanted['type']}")
    elif isinstance(value, dict):
        yield from _object(value, wanted, root, at)
    elif isinstance(value, list):
        if not wanted.get("minItems", 0) <= len(value) <= wanted.get("maxItems", len(value)):
            yield _at(at, "shorter or longer")
        for number, one in enumerate(value):
            yield from faults(one, wanted.get("items", {}), root, f"{at}/{number}")
    elif isinstance(value, str):
        long = len(value) > wanted.get("maxLength", len(value))
        if long or len(value) < wanted.get("minLength", 0):
            yield _at(at, "shorter or longer")
        if "pattern" in wanted and not re.search(wanted["pattern"], value):
            yield _at(at, wanted.get("patternErrorMessage"))
    elif _is(value, "number") and not _within(value, wanted):
        yield _at(at, "smaller or larger")


def _object(value: dict[str, Any], wanted: Any, root: Any, at: str) -> Iterator[str]:
    for key in wanted.get("required", ()):
        if key not in value:
            yield f"{at or '/'} lacks {key}"
    if len(value) > wanted.get("maxProperties", len(value)):
        yield _at(at, "smaller")
    known, others = wanted.get("properties", {}), wanted.get("additionalProperties", True)
    for key, one in value.items():
        if key in known:
            yield from faults(one, known[key], root, f"{at}/{key}")
        elif others is False:
            yield f"{at}/{key} is not known here"
        elif others is not True:
            yield from faults(one, others, root, f"{at}/{key}")
        if "propertyNames" in wanted:
            yield from faults(key, wanted["propertyNames"], root, f"{at}/{key}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _TYPES[kind])


def _within(value: float, wanted: Any) -> bool:
    if "exclusiveMinimum" in wanted and value <= wanted["exclusiveMinimum"]:
        return False
    return bool(wanted.get("minimum", value) <= value <= wanted.get("maximum", value))


def _at(at: str, wanted: str | None) -> str:
    return f"{at or '/'} must be {wanted or 'otherwise'}"
