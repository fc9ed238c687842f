"""What the README tells a newcomer to do: `make run`, open the home page, make a payment, pay it.

`python3 -m tests.newcomer` in a clone. It needs the standard library only, because `make run` installs the rest.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import Request, urlopen

SECONDS_MAX: Final = 900
"""With the installation, on a slow machine."""
REQUEST_SECONDS_MAX: Final = 30
LINES_MAX: Final = 500
BROWSER: Final = "text/html,application/xhtml+xml"


class Page(HTMLParser):
    """The form of a page, its fields, and the links that have an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a person would press or fill in."""
        facts = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = facts["action"]
        elif tag == "input":
            self.fields[facts["name"]] = facts["value"]
        elif tag == "a" and "id" in facts:
            self.links[facts["id"]] = facts["href"]


def ask(url: str, body: bytes | None = None, **headers: str) -> str:
    """The text of a 2xx response; anything else raises."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data=body, headers=named)  # noqa: S310 - an address of the demo
    with urlopen(request, timeout=REQUEST_SECONDS_MAX) as response:  # noqa: S310
        return str(response.read().decode())


def pay_through(home: str) -> str:
    """Make a payment with the form of the home page, and pay it; returns the status on the till."""
    form = Page(ask(home, Accept=BROWSER))
    origin = home.rstrip("/")
    sides = Page(
        ask(
            urljoin(home, form.action),
            urlencode(form.fields).encode(),
            Accept=BROWSER,
            Origin=origin,
        )
    ).links
    till, wallet = urljoin(home, sides["till"]), urljoin(home, sides["wallet"])
    assert 'data-status="created"' in ask(till, Accept=BROWSER)
    assert "<main" in ask(wallet, Accept=BROWSER)
    token = urlsplit(wallet).fragment.removeprefix("token=")
    wallet_id = f"wal_{token.split('_')[1]}"

    def call(path: str, **body: Any) -> Any:
        sent = json.dumps({**body, "wallet_id": wallet_id}).encode()
        key = {"Idempotency_Key": os.urandom(8).hex(), "Content_Type": "application/json"}
        return json.loads(ask(origin + path, sent, Authorization=f"Bearer {token}", **key))

    scanned = call("/v1/scans", payload=origin + urlsplit(wallet).path)
    amount = {name: scanned["amount"][name] for name in ("minor", "currency")}
    path = f"/v1/payment-sessions/{scanned['id']}/pay"
    call(path, claim_id=scanned["claim"]["id"], amount=amount)
    assert 'data-status="paid"' in ask(till, Accept=BROWSER)
    return str(json.loads(ask(till, Accept="application/json"))["status"])


def free_port() -> int:
    """A port that nobody uses: the default ones may be taken on the machine of the tests."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> None:
    """Run the steps; an error ends the program with its traceback."""
    started = time.monotonic()
    ports = {"QRLEDGER_PORT": str(free_port()), "QRLEDGER_LIVE_PORT": str(free_port())}
    demo = subprocess.Popen(
        ["make", "run"],
        env={**os.environ, **ports},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout
    limit = threading.Timer(SECONDS_MAX, os.killpg, (demo.pid, signal.SIGKILL))
    limit.start()
    try:
        home = ""
        for _, line in zip(range(LINES_MAX), demo.stdout, strict=False):
            home = home or "".join(re.findall(r"^ +(http://[^/]+/)$", line))
            if line.startswith("Try:"):
                break
        assert home, "the demo has not printed the address of its home page"
        status = pay_through(home)
        os.killpg(demo.pid, signal.SIGINT)
        demo.stdout.read()
        demo.wait()
    finally:
        limit.cancel()
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
    print(f"a newcomer's payment is {status}, {time.monotonic() - started:.0f} s after `make run`")
    sys.exit(0 if status == "paid" else 1)


if __name__ == "__main__":
    main()
