"""The templates of `api/templates`: the only place where HTML is written, escaped by default."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from domain import text


def _finalize(value: object) -> object:
    """Replaces the control characters of a value, which HTML cannot carry; lines stay lines."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "\n".join(text.replace_unacceptable(line) for line in value.split("\n"))


_environment = Environment(
    loader=PackageLoader("api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    finalize=_finalize,
)


def to_html(template: str, **context: Any) -> str:
    """The text of a template with its variables."""
    return _environment.get_template(template).render(**context)


def isolated(value: object, direction: str = "auto") -> Markup:
    """A value for a template, isolated from the direction of the text around it.

    `Markup` is returned as it is.
    """
    if isinstance(value, Markup):
        return value
    html: Markup = _macros().isolated(value, direction)
    return html


@cache
def _macros() -> Any:
    return _environment.get_template("macros.html").module
