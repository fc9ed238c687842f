"""JSON schemas in words, for the documents."""

from __future__ import annotations

from typing import Any

import msgspec

_REF = "#/components/schemas/{name}"
_CHOICES_MAX = 12


def fields(kind: type[Any]) -> list[tuple[str, bool, str]]:
    """Name, whether it is required, and the constraints of each field; nested names are dotted."""
    (reference,), components = msgspec.json.schema_components([kind], ref_template=_REF)
    rows: list[tuple[str, bool, str]] = []

    def walk(schema: dict[str, Any], prefix: str) -> None:
        for name, inner in schema.get("properties", {}).items():
            if "$ref" not in inner:
                rows.append((prefix + name, name in schema.get("required", []), words(inner)))
            for part in (inner, *inner.get("anyOf", [])):
                if "$ref" in part:
                    walk(components[part["$ref"].rpartition("/")[2]], f"{prefix}{name}.")

    walk(components[reference["$ref"].rpartition("/")[2]], "")
    return rows


def words(schema: dict[str, Any]) -> str:
    """The constraints of a value, such as `text, 1 to 64 characters`."""
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
        return " or ".join(
            [*map(words, kinds), *(["null"] if len(kinds) < len(schema["anyOf"]) else [])]
        )
    if "enum" in schema:
        choices = [str(value) for value in schema["enum"]]
        list_all = len(choices) <= _CHOICES_MAX
        return ", ".join(choices) if list_all else f"ISO 4217 code ({choices[0]} … {choices[-1]})"
    if "$ref" in schema:
        return "object"
    if "items" in schema:
        lengths = _range(schema.get("minItems"), schema.get("maxItems"), "items")
        return f"list{lengths}: {words(schema['items'])}"
    text = _kind(schema)
    if schema.get("default") not in (None, "", {}):
        text += f"; default {msgspec.json.encode(schema['default']).decode()}"
    return text


def _kind(schema: dict[str, Any]) -> str:
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            return "RFC 3339 time with an offset"
        case "string" if "_[0-7]" in schema.get("pattern", ""):
            return f"id, {schema['pattern'][1:].partition('_')[0]}_…"
        case "string":
            return "text" + _range(schema.get("minLength"), schema.get("maxLength"), "characters")
        case "integer":
            return "integer" + _range(schema.get("minimum"), schema.get("maximum"), "")
        case "object":
            return "object of texts" + _range(None, schema.get("maxProperties"), "members")
        case other:
            return str(other)


def _range(minimum: int | None, maximum: int | None, unit: str) -> str:
    if minimum is None and maximum is None:
        return ""
    if maximum is None:
        text = f"at least {minimum:,}"
    elif minimum is None or minimum == 0:
        text = f"at most {maximum:,}"
    else:
        text = f"{minimum:,} to {maximum:,}"
    return f", {text} {unit}".rstrip()
