"""Requests to the API over a log in memory, one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.memory_api import MemoryApi, http_scope, respond


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def replayed(self) -> bool:
        """Whether an idempotency key returned the first response again."""
        return self.headers.get("idempotent-replayed") == "true"


class MemoryClient:
    """Sends requests as the holders of the ledger's keys, without a rate limit."""

    def __init__(self, api: MemoryApi, loop: asyncio.AbstractEventLoop) -> None:
        self.api = api
        self._loop = loop

    @property
    def head(self) -> int:
        """The last position of the log."""
        return self.api.ledger.log.head()

    def run(self, answering: Any) -> Any:
        """What comes of a coroutine."""
        return self._loop.run_until_complete(answering)

    def call(
        self,
        who: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; `who` is a role, a key, or empty."""
        pairs = [(b"host", b"x")]
        pairs += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        if who:
            pairs.append((b"authorization", f"Bearer {self.api.keys.get(who, who)}".encode()))
        data = b""
        if body is not None:
            pairs.append((b"content-type", b"application/json"))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if key:
            pairs.append((b"idempotency-key", key.encode()))
        scope = http_scope(method, path, query, pairs)
        start, *parts = self.run(respond(self.api.app, scope, data))
        text = b"".join(part["body"] for part in parts)
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        plain = "content-encoding" not in names
        media_type = names.get("content-type", "json") if plain else ""
        return Reply(start["status"], names, _shown(text, media_type))


def _shown(data: bytes, content_type: str) -> Any:
    """JSON as its value, text as text, anything else as it is; nothing as None."""
    if not data:
        return None
    if "json" in content_type:
        return json.loads(data)
    return data.decode() if content_type.startswith("text/") else data


@contextmanager
def memory_client(**config: Any) -> Iterator[MemoryClient]:
    """A new ledger in memory, and a client of its API; `config` as for `MemoryApi`."""
    api, loop = MemoryApi(**{"rate_limit": 0, **config}), asyncio.new_event_loop()
    running = api.running()
    loop.run_until_complete(running.__aenter__())
    try:
        yield MemoryClient(api, loop)
    finally:
        loop.run_until_complete(running.__aexit__(None, None, None))
        loop.close()
