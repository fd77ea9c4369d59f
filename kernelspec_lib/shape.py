"""Holds a document against a JSON Schema, and says what is wrong in the words of its reader.

A schema of this house carries, beside each `pattern`, a `patternErrorMessage`: what would be
accepted. Editors show it, and so do the faults made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import fastjsonschema

from kernelspec_lib import data
from kernelspec_lib.document import Document, Fault, joined
from kernelspec_lib.wording import shown

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MAX_FAULTS = 100
"""More are not told of one file: whoever mends a hundred runs it again."""

_TYPE_NAMES = {
    "string": "a string",
    "array": "a list",
    "object": "an object",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def faults(document: Document, schema: str) -> Iterator[Fault]:
    """What in *document* is not as the schema *schema* asks; nothing for an unreadable document.

    At most MAX_FAULTS. A value that is a fault already is not judged a second time.
    """
    if not document.readable or _conforms(schema, document.value):
        return
    seen: set[tuple[str, str, str]] = set()
    errors = _validator(schema).iter_errors(document.value)
    for error in islice(errors, MAX_FAULTS):
        for fault in _told(_mismatch(error), document):
            # Too long and out of pattern is one mistake to whoever mends it, two missing keys are
            # two.
            told = (fault.code, fault.pointer, fault.message if fault.code == "KS101" else "")
            if not document.has_fault_at(fault.pointer) and told not in seen:
                seen.add(told)
                yield fault


def _conforms(schema: str, value: object) -> bool:
    """Whether nothing is wrong: a quick yes or no, so that a good file is judged in microseconds.

    jsonschema takes longer to load than a whole run may last, and is asked only for what is wrong.
    """
    try:
        _compiled(schema)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@cache
def _compiled(schema: str) -> Callable[[object], object]:
    # Without the details of what is wrong, which nobody asks it for: that takes half as long. And a
    # schema of ours has no `const`, at which fastjsonschema 2.22 breaks then; `enum` says the same.
    compiled: Callable[[object], object] = fastjsonschema.compile(
        data.schema(schema), detailed_exceptions=False
    )
    return compiled


@cache
def _validator(schema: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(data.schema(schema))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mismatch:
    """One error of jsonschema, with the types that its own stubs leave open."""

    keyword: str
    limit: Any
    instance: Any
    schema: Mapping[str, Any]
    message: str
    pointer: str
    in_name: bool


def _mismatch(error: ValidationError) -> _Mismatch:
    schema: Any = error.schema
    return _Mismatch(
        keyword=str(error.validator),
        limit=error.validator_value,
        instance=error.instance,
        schema=schema,
        message=error.message,
        pointer=joined(list(error.absolute_path)),
        in_name="propertyNames" in error.absolute_schema_path,
    )


def _told(error: _Mismatch, document: Document) -> Iterator[Fault]:
    pointer = error.pointer
    match error.keyword:
        case "required":
            yield from _missing(error, document, pointer)
        case "additionalProperties":
            yield from _unknown(error, document, pointer)
        case "type":
            yield _wrong_type(error, document, pointer)
        case _ if error.in_name:
            yield _wrong_key(error, document, pointer)
        case "enum" | "const":
            yield _not_listed(error, document, pointer)
        case _:
            yield _wrong_shape(error, document, pointer)


def _missing(error: _Mismatch, document: Document, pointer: str) -> Iterator[Fault]:
    # jsonschema tells one missing key an error, and only in its sentence: compare for ourselves.
    key = next(key for key in error.limit if error.message.startswith(repr(key)))
    yield Fault(
        code="KS101",
        message=f"the key {shown(key)} is missing",
        hint=_purpose(error.schema["properties"].get(key, {})),
        pointer=pointer,
        span=document.span_of_opening(pointer),
    )


def _unknown(error: _Mismatch, document: Document, pointer: str) -> Iterator[Fault]:
    known = list(error.schema.get("properties", {}))
    for key in islice((key for key in error.instance if key not in known), MAX_FAULTS):
        below = pointer + joined([key])
        yield Fault(
            code="KS102",
            message=f"the key {shown(key)} is not known here",
            hint=did_you_mean(key, known) or f"known are {', '.join(known)}",
            pointer=below,
            span=document.span_of_key(below),
        )


def _wrong_type(error: _Mismatch, document: Document, pointer: str) -> Fault:
    wanted = _TYPE_NAMES[str(error.limit)]
    return Fault(
        code="KS103",
        message=f"{_name(pointer)} must be {wanted}, and is {type_name(error.instance)}",
        hint=_as_text(error.instance, error.schema) or _purpose(error.schema),
        pointer=pointer,
        span=document.span_of(pointer),
    )


def _wrong_key(error: _Mismatch, document: Document, pointer: str) -> Fault:
    below = pointer + joined([error.instance])
    return Fault(
        code="KS104",
        message=f"{shown(error.instance)} cannot be a name in {_name(pointer)}",
        hint=f"accepted: {error.schema['patternErrorMessage']}",
        pointer=below,
        span=document.span_of_key(below),
    )


def _not_listed(error: _Mismatch, document: Document, pointer: str) -> Fault:
    values = [value for value in error.limit if isinstance(value, str)]
    return Fault(
        code="KS105",
        message=f"{_value(error.instance)} is not a {_name(pointer)}",
        hint=did_you_mean(error.instance, values) or f"accepted: {' or '.join(values)}",
        pointer=pointer,
        span=document.span_of(pointer),
    )


def _wrong_shape(error: _Mismatch, document: Document, pointer: str) -> Fault:
    accepted = error.schema.get("patternErrorMessage") or _bound(error)
    return Fault(
        code="KS104",
        message=f"{_value(error.instance)} is not accepted as {_name(pointer)}",
        hint=f"accepted: {accepted}",
        pointer=pointer,
        span=document.span_of(pointer),
    )


def _bound(error: _Mismatch) -> str:
    limit = error.limit
    match error.keyword:
        case "minItems":
            return f"a list of at least {limit}"
        case "maxItems" | "maxProperties":
            return f"at most {limit} entries"
        case "minLength":
            return f"at least {limit} character" + ("s" if limit > 1 else "")
        case "maxLength":
            return f"at most {limit} characters"
        case "exclusiveMinimum":
            return f"a number above {limit}"
        case "minimum":
            return f"{limit} or more"
        case "maximum":
            return f"{limit} or less"
        case _:
            return _purpose(error.schema)


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """A question naming the entry of *known* nearest to *word*; empty where none is near."""
    if not isinstance(word, str) or len(word) > 100:
        return ""
    flat = {name.lower().replace("_", ""): name for name in known}
    asked = word.lower().replace("_", "").replace("-", "").replace(" ", "")
    begun = [name for plain, name in flat.items() if asked and plain.startswith(asked)]
    if begun:
        return f"did you mean {shown(begun[0])}?"
    import difflib

    near = difflib.get_close_matches(asked, flat, n=1, cutoff=0.6)
    return f"did you mean {shown(flat[near[0]])}?" if near else ""


def type_name(value: object) -> str:
    """What JSON calls the type of *value*, with its article."""
    match value:
        case bool():
            return _TYPE_NAMES["boolean"]
        case None:
            return _TYPE_NAMES["null"]
        case int() | float():
            return _TYPE_NAMES["number"]
        case str():
            return _TYPE_NAMES["string"]
        case list():
            return _TYPE_NAMES["array"]
        case _:
            return _TYPE_NAMES["object"]


def _as_text(value: object, schema: Mapping[str, Any]) -> str:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and schema["type"] == "string"
    ):
        return f"put it in double quotes: a number loses its final zeros, as 3.10 becomes {3.10}"
    if isinstance(value, str) and schema["type"] == "array":
        return f"put it in a list: [{shown(value)}]"
    return ""


def _purpose(schema: Mapping[str, Any]) -> str:
    accepted = schema.get("patternErrorMessage")
    return f"accepted: {accepted}" if accepted else str(schema.get("description", ""))


def _name(pointer: str) -> str:
    parts = pointer.split("/")[1:]
    if not parts:
        return "the document"
    if parts[-1].isdecimal():
        return f"an entry of {parts[-2]}" if len(parts) > 1 else "an entry"
    return ".".join(parts)


def _value(value: object) -> str:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list | dict):
        return f"{type_name(value)} of {len(value)}"
    return str(value)
