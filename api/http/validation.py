"""Every mistake of a request at once, in words of our own.

The strict decoder stops at the first mistake and describes it in the terms of its library, so it
only decides whether there is one. This module then walks the caller's document beside the struct
that it should be. Bodies and queries share the walk; the values of a query are texts.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from domain import text
from domain.errors import InvalidRequest

MISTAKES_MAX: Final = 20
"""How many mistakes of one request are named."""
NAME_CHARS_MAX: Final = 200
"""Of a field's path, whose keys the caller chose."""
CHOICES_MAX: Final = 12
"""How many values are listed; of more, only the one that resembles the caller's is named."""
GUESSED_CHARS_MAX: Final = 80
"""Longer texts resemble nothing that could be meant."""
WHOLE_NUMBER: Final = re.compile("0|-?[1-9][0-9]{0,18}")
"""In a query: excludes `1e1`, `1.0`, `+1` and digits of other scripts."""
_CURRENCY: Final = re.compile("[A-Z]{3}")
_BOOLS: Final = frozenset({"true", "false"})


class Mistake(NamedTuple):
    """One mistake: the field's path in the caller's document, and what is wrong with it."""

    name: str
    reason: str


class Words(NamedTuple):
    """What the fields of a request are called."""

    field: str
    of_texts: bool
    """Whether every value is a text, as in a query."""


BODY: Final = Words("a field", of_texts=False)
QUERY: Final = Words("a parameter", of_texts=True)


def refuse(value: Any, kind: type[msgspec.Struct], words: Words) -> InvalidRequest:
    """The refusal that names every mistake of a value, the first 20 of them.

    Args:
        value: what the caller sent, as decoded JSON or as a mapping of query parameters.
        kind: the struct that it should be, which the strict decoder has refused.
        words: whether it is a body or a query.
    """
    texts = (Mistake(*one) for one in text.mistakes("", value))
    shape = _walk("", value, _type(kind), words)
    found = list(islice(dict.fromkeys([*islice(texts, MISTAKES_MAX), *shape]), MISTAKES_MAX + 1))
    if not found:
        found = [Mistake("", "is not valid")]
    named = [
        {"name": name[:NAME_CHARS_MAX] or "body", "reason": reason}
        for name, reason in found[:MISTAKES_MAX]
    ]
    return InvalidRequest.of_all(named, more=len(found) > MISTAKES_MAX)


def guess(value: str, choices: Sequence[str]) -> str:
    """`; did you mean …?` for a text that resembles one of the choices; otherwise empty."""
    if len(value) > GUESSED_CHARS_MAX:
        return ""
    alike = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(value.strip().casefold(), alike, n=1, cutoff=0.65)
    return f"; did you mean {alike[close[0]]}?" if close else ""


def _walk(name: str, value: Any, kind: inspect.Type, words: Words) -> Iterator[Mistake]:
    """The mistakes of one value."""
    rules: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        rules |= kind.extra or {}
        kind = kind.type
    match kind:
        case inspect.UnionType():
            found = _walk_union(name, value, kind, words)
        case inspect.StructType():
            found = _walk_struct(name, value, kind, words)
        case inspect.DictType():
            found = _walk_map(name, value, kind, words)
        case inspect.ListType() | inspect.VarTupleType():
            found = _walk_list(name, value, kind, words)
        case inspect.IntType():
            found = _of_int(name, value, kind, words)
        case inspect.StrType():
            found = _of_text(name, value, kind, rules)
        case _:
            found = _of_choice(name, value, kind, words)
    yield from found


def _walk_union(name: str, value: Any, kind: inspect.UnionType, words: Words) -> Iterator[Mistake]:
    """A value that may be null, or one of several types; the last type is described."""
    nullable = any(isinstance(one, inspect.NoneType) for one in kind.types)
    if nullable and value is None and not words.of_texts:
        return
    found: list[Mistake] = []
    for one in kind.types:
        if not isinstance(one, inspect.NoneType):
            found = list(_walk(name, value, one, words))
            if not found:
                return
    yield from found


def _walk_struct(
    name: str, value: Any, kind: inspect.StructType, words: Words
) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        yield Mistake(name, "must be an object")
        return
    fields = {field.encode_name: field for field in kind.fields}
    for key in value:
        if key not in fields:
            hint = guess(key, list(fields)) if isinstance(key, str) else ""
            yield Mistake(_join(name, key), f"is not {words.field} of this request{hint}")
    for key, field in fields.items():
        if key in value:
            yield from _walk(_join(name, key), value[key], field.type, words)
        elif field.required:
            yield Mistake(_join(name, key), "is missing")


def _walk_map(name: str, value: Any, kind: inspect.DictType, words: Words) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        yield Mistake(name, "must be an object")
        return
    yield from _of_length(name, len(value), kind, "members")
    for key, inner in value.items():
        for _, reason in _walk(name, key, kind.key_type, words):
            yield Mistake(name, f"a key {reason}")
        yield from _walk(_join(name, key), inner, kind.value_type, words)


def _walk_list(
    name: str, value: Any, kind: inspect.ListType | inspect.VarTupleType, words: Words
) -> Iterator[Mistake]:
    if not isinstance(value, list):
        yield Mistake(name, "must be a list")
        return
    yield from _of_length(name, len(value), kind, "items")
    for index, inner in enumerate(value):
        place = name if words.of_texts else f"{name}[{index}]"
        yield from _walk(place, inner, kind.item_type, words)


def _of_int(name: str, value: Any, kind: inspect.IntType, words: Words) -> Iterator[Mistake]:
    number = value
    if words.of_texts and isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int):
        how = " in decimal digits" if words.of_texts else _instead(value)
        yield Mistake(name, f"must be a whole number{how}")
    elif kind.ge is not None and kind.le is not None:
        if not kind.ge <= number <= kind.le:
            yield Mistake(name, f"must be from {kind.ge} to {kind.le}")
    elif kind.ge is not None and number < kind.ge:
        yield Mistake(name, f"must be at least {kind.ge}")
    elif kind.le is not None and number > kind.le:
        yield Mistake(name, f"must be at most {kind.le}")


def _of_text(
    name: str, value: Any, kind: inspect.StrType, rules: dict[str, Any]
) -> Iterator[Mistake]:
    if not isinstance(value, str):
        yield Mistake(name, f"must be a text{_instead(value)}")
        return
    if kind.pattern is not None and not re.search(kind.pattern, value):
        yield Mistake(name, rules.get("must", "is not written as it must be"))
        return
    yield from _of_length(name, len(value), kind, "characters")


def _of_length(name: str, length: int, kind: Any, unit: str) -> Iterator[Mistake]:
    least, most = kind.min_length or 0, kind.max_length
    if length >= least and (most is None or length <= most):
        return
    if most is None:
        yield Mistake(name, f"must have at least {least} {unit}")
    elif least:
        yield Mistake(name, f"must have {least} to {most} {unit}")
    else:
        yield Mistake(name, f"may have at most {most} {unit}")


def _of_choice(name: str, value: Any, kind: inspect.Type, words: Words) -> Iterator[Mistake]:
    """A value of a few; a value of a type that no request has is taken as it is."""
    match kind:
        case inspect.BoolType():
            if not (isinstance(value, bool) or (words.of_texts and value in _BOOLS)):
                yield Mistake(name, "must be true or false")
        case inspect.LiteralType():
            yield from _of_texts(name, value, [str(one) for one in kind.values])
        case inspect.EnumType():
            yield from _of_texts(name, value, [str(one.value) for one in kind.cls])


def _of_texts(name: str, value: Any, choices: list[str]) -> Iterator[Mistake]:
    if value in choices:
        return
    hint = guess(value, choices) if isinstance(value, str) else _instead(value)
    if all(_CURRENCY.fullmatch(choice) for choice in choices):
        yield Mistake(name, f"must be an upper-case ISO 4217 code{hint}")
    elif len(choices) <= CHOICES_MAX:
        *others, last = choices
        listed = f"{', '.join(others)} or {last}" if others else last
        yield Mistake(name, f"must be {listed}{hint}")
    else:
        yield Mistake(name, f"is none of the {len(choices)} values that are known{hint}")


_KINDS: Final = {
    type(None): "null",
    bool: "true or false",
    str: "a text",
    int: "a number",
    float: "a number with a fraction or an exponent",
    list: "a list",
}


def _instead(value: Any) -> str:
    """What the caller sent in place of a text or a number; never the value itself."""
    return f", not {_KINDS.get(type(value), 'an object')}"


def _join(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


@cache
def _type(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


class QueryShape(NamedTuple):
    """Which parameters of a query may be repeated, and which are maps (`metadata[key]=value`)."""

    lists: frozenset[str]
    maps: frozenset[str]


@cache
def query_shape(kind: type[msgspec.Struct]) -> QueryShape:
    """The shape of a struct of query parameters."""
    lists, maps = set(), set()
    for field in msgspec.structs.fields(kind):
        for member in _members(inspect.type_info(field.type)):
            if isinstance(member, (inspect.ListType, inspect.VarTupleType)):
                lists.add(field.encode_name)
            elif isinstance(member, inspect.DictType):
                maps.add(field.encode_name)
    return QueryShape(frozenset(lists), frozenset(maps))


@cache
def integer_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The names of the parameters that are whole numbers."""
    return frozenset(
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if any(isinstance(one, inspect.IntType) for one in _members(inspect.type_info(field.type)))
    )


def _members(kind: inspect.Type) -> Iterator[inspect.Type]:
    """A type without its metadata, or those of a union."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from _members(member)
    else:
        yield kind
