"""A webhook receiver on this machine, as bad as the test wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any


@dataclass
class Got:
    """One call."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """What was received; `answer` writes the answer, 200 by default."""

    port: int = 0
    calls: list[Got] = field(default_factory=list)
    answer: Callable[[Any], None] | None = None
    changed: Condition = field(default_factory=Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def wait_for(self, calls: int, seconds: float = 20) -> list[Got]:
        """The calls, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= calls, seconds), len(self.calls)
            return list(self.calls)


@contextmanager
def receiving(answer: Callable[[Any], None] | None = None) -> Iterator[Receiver]:
    """A receiver within the context."""
    receiver = Receiver(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(length)
            if len(body) < length:  # whoever called was killed: no receiver takes half a call
                return
            with receiver.changed:
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append(Got(self.path, headers, body))
                receiver.changed.notify_all()
            if receiver.answer is not None:
                receiver.answer(self)
                return
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST  # noqa: N815 - the name of the base class

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
