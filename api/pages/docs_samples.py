"""Example requests beside each operation in `/docs`: curl, Python and JavaScript."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

KEY: Final = "qrl_test_…"
"""In place of the reader's key."""
INDENT: Final = 2


class Sample(NamedTuple):
    """An example request in one language."""

    language: str
    code: str


class Request(NamedTuple):
    """What an example request sends."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any


def samples(request: Request) -> list[Sample]:
    """The request in every language."""
    return [
        Sample("curl", _curl(request)),
        Sample("Python", _python(request)),
        Sample("JavaScript", _javascript(request)),
    ]


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=INDENT, ensure_ascii=False)


def _curl(request: Request) -> str:
    method = "" if request.method == "GET" else f" -X {request.method}"
    lines = [f"curl{method} {_quoted(request.url)}"]
    lines += [f"  -H {_quoted(f'{name}: {value}')}" for name, value in request.headers.items()]
    if request.body is not None:
        lines.append(f"  -d {_quoted(pretty(request.body))}")
    return " \\\n".join(lines)


def _quoted(text: str) -> str:
    """A word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _python(request: Request) -> str:
    lines = ["import httpx", "", f"answer = httpx.{request.method.lower()}("]
    lines.append(f"    {request.url!r},")
    lines.append(f"    headers={dict(request.headers)!r},")
    if request.body is not None:
        lines.append(f"    json={request.body!r},")
    return "\n".join([*lines, ")", "answer.raise_for_status()", "print(answer.json())"])


def _javascript(request: Request) -> str:
    options: dict[str, Any] = {"method": request.method, "headers": dict(request.headers)}
    written = pretty(options)
    if request.body is not None:
        body = pretty(request.body).replace("\n", "\n  ")
        written = f'{written[:-2]},\n  "body": JSON.stringify({body})\n}}'
    call = f"const answer = await fetch({json.dumps(request.url)}, {written});"
    return f"{call}\nconsole.log(await answer.json());"
