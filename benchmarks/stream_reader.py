"""A client of the stream of events, in a process of its own: `python -m benchmarks.stream_reader`.

Its arguments are the address, the key of an auditor, and the seconds for which it reads the log
again and again, at least once. It prints a line for each time: the events, the seconds, and the
processor seconds that reading took.
"""

from __future__ import annotations

import http.client
import sys
import time
from urllib.parse import urlsplit

BLOCK_BYTES = 262_144


def main() -> None:
    """Read the log from its beginning until the time is over."""
    url, key, seconds = sys.argv[1:]
    until = time.perf_counter() + float(seconds)
    _read(url, key)
    while time.perf_counter() < until:
        _read(url, key)


def _read(url: str, key: str) -> None:
    started, used_before = time.perf_counter(), time.process_time()
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/x-ndjson"}
    connection.request("GET", "/v1/events", headers=headers)
    response = connection.getresponse()
    events = 0
    while block := response.read1(BLOCK_BYTES):
        events += block.count(b"\n")
    if response.status != 200 or events != int(response.headers["Ledger-Position"]):
        sys.exit(f"status {response.status}, {events} events")
    print(events, time.perf_counter() - started, time.process_time() - used_before)


if __name__ == "__main__":
    main()
