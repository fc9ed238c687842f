"""Descriptions and examples in the OpenAPI document: every property, parameter, body and answer."""

from __future__ import annotations

from typing import Any, Final

from api.http.errors import status_of
from api.http.openapi_tags import BODY_EXTRAS
from api.http.openapi_texts import HOST, PROPERTIES, Words
from domain.errors import LedgerError

_PREFIX: Final = "_[0-7]"


class Examples:
    """Describes the schemas of a document, and makes examples of them."""

    def __init__(self, components: dict[str, Any]) -> None:
        self._components = components

    def describe(self) -> None:
        """Give every property a description and an example, and every object an example."""
        for name, schema in self._components.items():
            for key, inner in schema.get("properties", {}).items():
                words = self.words(name, key)
                inner.setdefault("description", words.description)
                inner.setdefault("examples", [self._value(name, key, inner)])
            if "properties" in schema:
                schema.setdefault("examples", [self.of(schema, name)])

    def words(self, struct: str, name: str) -> Words:
        """What a property means in a struct.

        Raises:
            KeyError: nobody has written it.
        """
        short = struct.rpartition(".")[2]
        names = [f"{short}.{name}", *([f"Query.{name}"] if short.endswith("Query") else []), name]
        for one in names:
            if one in PROPERTIES:
                return PROPERTIES[one]
        raise KeyError(names[0])

    def of(self, schema: dict[str, Any], struct: str = "", *, body: bool = False) -> Any:
        """An example of a schema.

        Args:
            schema: of a component, or one that refers to components.
            struct: its name, if it is a component.
            body: whether it is a request's: then only what is required, and a few others.
        """
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.of(self._components[name], name, body=body)
        if "anyOf" in schema:
            return self.of(schema["anyOf"][0], struct, body=body)
        if "properties" not in schema:
            return _plain(schema)
        chosen = {*schema.get("required", []), *BODY_EXTRAS.get(struct, ())}
        return {
            key: self._value(struct, key, inner, body=body)
            for key, inner in schema["properties"].items()
            if not body or key in chosen
        }

    def _value(self, struct: str, name: str, schema: dict[str, Any], *, body: bool = False) -> Any:
        """An example of a property: that of its words, unless its type has only certain values."""
        if "examples" in schema:
            return schema["examples"][0]
        kinds = schema.get("anyOf", [schema])
        words = self.words(struct, name)
        for kind in kinds:
            if "$ref" in kind:
                return self.of(kind, body=body)
            if "enum" in kind:
                return words.example if words.example in kind["enum"] else kind["enum"][0]
            if _PREFIX in kind.get("pattern", ""):
                return _typeid(kind["pattern"])
            if "items" in kind and words.example is None:
                return [self.of(kind["items"], body=body)]
        return _plain(kinds[0]) if words.example is None else words.example


def example_id(prefix: str) -> str:
    """A public id."""
    return f"{prefix}_{PROPERTIES['id'].example}"


def _typeid(pattern: str) -> str:
    return example_id(pattern.lstrip("^(").partition(_PREFIX)[0])


def _plain(schema: dict[str, Any]) -> Any:
    """An example of a value that has no properties and no words."""
    if "enum" in schema:
        return schema["enum"][0]
    if _PREFIX in schema.get("pattern", ""):
        return _typeid(schema["pattern"])
    return {"string": "…", "integer": 1, "boolean": True, "number": 0.0, "array": [], "object": {}}[
        schema.get("type", "object")
    ]


def problem_example(code: str) -> dict[str, Any]:
    """A problem document with this code."""
    error = LedgerError.by_code[code]
    return {
        "type": f"{HOST}/problems/{code}",
        "request_id": PROPERTIES["request_id"].example,
        "title": error.title,
        "status": status_of(error).value,
        "detail": f"{error.title}.",
        "code": code,
        "transient": error.kind.transient,
    }
