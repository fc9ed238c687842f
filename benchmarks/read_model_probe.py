"""Measures the time from a commit to its row in a read model; run as a process of its own.

Under load the client of the load is busy, and a look at the table would come late. Reads one line
of JSON from standard input and prints the latencies, in seconds, as one line.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime
from typing import Final
from uuid import uuid4

import msgspec
import psycopg

from benchmarks.flows import AMOUNT
from benchmarks.load import Connection
from domain import ids

COMMITS_PER_SECOND: Final = 5
POLL_SECONDS: Final = 0.0005
ROW_SECONDS_MAX: Final = 30
ROW: Final = "select 1 from read_models.sessions where session_id = %s"


class Request(msgspec.Struct):
    """What to measure."""

    base_url: str
    database_url: str
    merchant_key: str
    seconds: float


async def latencies(request: Request) -> list[float]:
    """Create sessions at a steady rate; seconds from each one's recorded time to its row."""
    connection, took = Connection(request.base_url), []
    started = time.perf_counter()
    with psycopg.connect(request.database_url, autocommit=True) as database:
        for number in range(int(request.seconds * COMMITS_PER_SECOND)):
            due = started + number / COMMITS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            body = {"order_id": str(uuid4()), "amount": AMOUNT}
            session = await connection.post("/v1/payment-sessions", body, request.merchant_key)
            created = datetime.fromisoformat(session["created_at"]).timestamp()
            row = (ids.decode("ps", session["id"]),)
            while not database.execute(ROW, row, prepare=True).fetchone():
                if time.time() > created + ROW_SECONDS_MAX:
                    msg = f"no row of the session for {ROW_SECONDS_MAX} s"
                    raise RuntimeError(msg)
                await asyncio.sleep(POLL_SECONDS)
            took.append(time.time() - created)
    connection.close()
    return took


if __name__ == "__main__":
    order = msgspec.json.decode(sys.stdin.readline(), type=Request)
    print(msgspec.json.encode(asyncio.run(latencies(order))).decode())
