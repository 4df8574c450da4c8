"""JSON in what a model wrote: found in the text around it, and held against its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPENING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSING = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


class AnswerMalformed(ValueError):
    """The text is not the JSON that was asked for; the message says what is wrong with it."""


def without_thinking(text: str) -> str:
    """The text without what the model told itself before it answered.

    Some endpoints leave the opening mark out, some models never close it. A JSON object is left
    alone: such marks inside it are its text.
    """
    rest = text.strip()
    closing, opening = _CLOSING.search(rest), _OPENING.search(rest)
    unopened = closing is not None and (opening is None or closing.start() < opening.start())
    if closing is not None and unopened and not rest.startswith(("{", "```")):
        rest = rest[closing.end() :].strip()
    if rest.startswith(("{", "```")):
        return rest
    rest = _THINKING.sub("", rest)
    if unclosed := _OPENING.search(rest):
        rest = rest[: unclosed.start()]
    return rest.strip()


def find_json(text: str) -> dict[str, Any]:
    """The one JSON object in a text: alone, in a code fence, or with prose around it.

    Raises AnswerMalformed where there is none, or several that differ.
    """
    found: list[dict[str, Any]] = []
    # Not strict: models write line breaks into strings as they are.
    decoder = json.JSONDecoder(parse_constant=_no_constant, strict=False)
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            if value not in found:
                found.append(value)
        position = text.find("{", end)
    if not found:
        raise AnswerMalformed("no JSON object in the answer")
    if len(found) > 1:
        raise AnswerMalformed(f"{len(found)} different JSON objects in the answer, not one")
    return found[0]


def canonical_json(value: Mapping[str, Any]) -> str:
    """One spelling, so that equal answers are equal texts."""
    return whole_characters(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def whole_characters(text: str) -> str:
    """The text with U+FFFD for halves of characters, which no file can hold.

    A model that is cut off inside an escape (`\\ud83d`) leaves one behind.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def check_shape(value: Any, json_schema: Mapping[str, Any]) -> Any:
    """The value as the schema has it, without properties that an object must not have.

    Knows type (one or several), properties, required, additionalProperties, items, enum, const
    and anyOf. Bounds of numbers and lists are left to whoever uses the answer: a list that is
    too short still holds what it holds. Raises AnswerMalformed, with the place.
    """
    return _checked(value, json_schema, "the answer")


def _checked(value: Any, schema: Mapping[str, Any], place: str) -> Any:
    if "anyOf" in schema:
        return _any_of(value, schema["anyOf"], place)
    if "const" in schema and value != schema["const"]:
        raise AnswerMalformed(f"{place} is not {schema['const']!r}")
    if "enum" in schema and not any(_same(value, allowed) for allowed in schema["enum"]):
        allowed = ", ".join(str(entry) for entry in schema["enum"])
        raise AnswerMalformed(f"{place} is none of {allowed}")
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    if types and not any(_is_type(value, name) for name in types):
        raise AnswerMalformed(f"{place} is no {' or '.join(types)}")
    if isinstance(value, dict):
        return _object(value, schema, place)
    if isinstance(value, list):
        return _array(value, schema, place)
    if isinstance(value, float) and "integer" in types and "number" not in types:
        return int(value)
    return value


def _object(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise AnswerMalformed(f"{place} lacks {name!r}")
    more = schema.get("additionalProperties", True)
    checked: dict[str, Any] = {}
    for name, entry in value.items():
        where = f"{name!r} of {place}" if place != "the answer" else repr(name)
        if name in properties:
            checked[name] = _checked(entry, properties[name], where)
        elif isinstance(more, Mapping):
            checked[name] = _checked(entry, more, where)
        elif more:
            checked[name] = entry
    return checked


def _array(value: list[Any], schema: Mapping[str, Any], place: str) -> list[Any]:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return value
    return [
        _checked(entry, items, f"entry {number} of {place}") for number, entry in enumerate(value)
    ]


def _any_of(value: Any, schemas: list[Mapping[str, Any]], place: str) -> Any:
    complaints = []
    for schema in schemas:
        try:
            return _checked(value, schema, place)
        except AnswerMalformed as error:
            complaints.append(str(error))
    raise AnswerMalformed("; ".join(dict.fromkeys(complaints)))


def _is_type(value: Any, name: str) -> bool:
    if name == "integer":
        return _is_number(value) and (isinstance(value, int) or value.is_integer())
    if name == "number":
        return _is_number(value)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, kinds[name])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    """Equality in which True is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
