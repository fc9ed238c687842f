"""The OpenAPI document explains itself: every property and answer, with valid examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from api.app import operations
from api.http import openapi
from api.http.openapi_tags import BODY_EXTRAS, TAGS
from api.http.openapi_texts import PROPERTIES
from tests.support.documents import document_services

OPERATIONS = operations(document_services())
DOCUMENT = openapi.document(OPERATIONS, version="1", public_url="https://pay.example")
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
DESCRIBED = [
    (method, path, described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
]


def mistakes(schema: dict[str, Any], value: Any) -> list[str]:
    """Why a value does not satisfy a schema of the document."""
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    return [error.message for error in jsonschema_rs.validator_for(whole).iter_errors(value)]


def properties(schema: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema, and of the objects that are written into it."""
    for key, inner in schema.get("properties", {}).items():
        yield f"{name}.{key}", inner
        yield from properties(inner, f"{name}.{key}")
        yield from properties(inner.get("items", {}), f"{name}.{key}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_property_has_a_description_and_a_valid_example(name: str) -> None:
    for path, schema in properties(SCHEMAS[name], name):
        assert schema["description"].endswith((".", "`")), path
        for example in schema["examples"]:
            assert mistakes(schema, example) == [], (path, example)
    for example in SCHEMAS[name].get("examples", []):
        assert mistakes({"$ref": f"#/components/schemas/{name}"}, example) == [], name


@pytest.mark.parametrize(("method", "path", "described"), DESCRIBED)
def test_every_operation_has_a_tag_texts_and_valid_examples(
    method: str, path: str, described: dict[str, Any]
) -> None:
    assert described["tags"][0] in TAGS
    assert described["summary"]
    assert described["description"].endswith(".")
    for parameter in described["parameters"]:
        assert parameter["description"], (method, path, parameter["name"])
        assert mistakes(parameter["schema"], parameter["example"]) == [], (path, parameter)
    bodies = [described["requestBody"]] if "requestBody" in described else []
    answers = described["responses"].values()
    for part in (*bodies, *answers):
        for media_type, content in part.get("content", {}).items():
            if media_type in {"application/json", "application/problem+json"}:
                assert mistakes(content["schema"], content["example"]) == [], (path, media_type)
    assert all(answer["description"] for answer in answers)


def test_every_tag_is_used() -> None:
    used = [described["tags"][0] for _, _, described in DESCRIBED]

    assert set(used) == set(TAGS)
    assert [tag["name"] for tag in DOCUMENT["tags"]] == list(TAGS)


def test_no_words_are_left_over() -> None:
    names = {name.partition(".")[2] or name for name in PROPERTIES}
    known = {key for schema in SCHEMAS.values() for key in schema.get("properties", {})}
    known |= {one["name"] for _, _, described in DESCRIBED for one in described["parameters"]}
    structs = {name.partition(".")[0] for name in PROPERTIES if "." in name} - {"Query", "Path"}

    assert names <= known
    queries = {one.query.__name__ for one in OPERATIONS if one.query}
    assert structs <= {name.rpartition(".")[2] for name in SCHEMAS} | queries
    assert set(BODY_EXTRAS) <= set(SCHEMAS)


def answered(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects in the answers of an operation; of a list, its rows."""
    for answer in described["responses"].values():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        for one in schema.get("anyOf", [schema]):
            found = SCHEMAS[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            shape = found.get("properties", {})
            if "next_cursor" in shape and "livemode" not in shape:
                found = SCHEMAS[shape["data"]["items"]["$ref"].rpartition("/")[2]]
            yield found


@pytest.mark.parametrize(
    ("method", "path", "described"),
    [one for one in DESCRIBED if set(one[2].get("x-callers", [])) - {"auditor", "operator"}],
)
def test_every_object_of_merchants_and_payers_states_the_mode_of_its_ledger(
    method: str, path: str, described: dict[str, Any]
) -> None:
    for found in answered(described):
        if found.get("properties"):
            assert "livemode" in found["properties"], (method, path, found.get("title"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_names_its_kind_states_its_mode(name: str) -> None:
    schema = SCHEMAS[name]

    if "object" in schema.get("properties", {}):
        assert {"object", "livemode"} <= schema["properties"].keys()
