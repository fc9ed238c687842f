"""Clock jumps of a year: nothing is recorded while the clock is wrong, nothing is lost later."""

from __future__ import annotations

from collections import Counter
from typing import Final

import httpx
import psycopg

from tests.chaos.installation import ChaosInstallation

YEAR_SECONDS: Final = 365 * 86_400
REQUESTS: Final = 50


def jumping_clocks(installation: ChaosInstallation) -> Counter[str]:
    """Move the database's clock a year ahead, then a year back; returns the counted responses.

    The ledger is switched to live mode meanwhile, because a test ledger accepts a jump ahead.
    """
    counts: Counter[str] = Counter()
    headers = {"Authorization": f"Bearer {installation.merchant_key}"}
    with (
        psycopg.connect(installation.url, autocommit=True) as owner,
        httpx.Client(headers=headers, timeout=30) as client,
    ):

        def create(number: int) -> httpx.Response:
            body = {"order_id": f"clock {number}", "amount": {"minor": 1, "currency": "USD"}}
            api = installation.apis[number % len(installation.apis)]
            return client.post(f"{api}/v1/payment-sessions", json=body)

        def event_count() -> int:
            [(count,)] = owner.execute("select count(*) from ledger.events").fetchall()
            return int(count)

        owner.execute("update ledger.identity set mode = 'live'")
        number = 0
        try:
            for jump in (YEAR_SECONDS, -YEAR_SECONDS):
                for _ in installation.apis:
                    number += 1
                    opened = create(number)
                    assert opened.status_code == 201, opened.text
                installation.shift_clock(jump)
                before = event_count()
                for _ in range(REQUESTS):
                    number += 1
                    response = create(number)
                    counts[f"{response.status_code} {response.json()['code']}"] += 1
                    read = client.get(
                        f"{installation.apis[0]}/v1/payment-sessions/{opened.json()['id']}"
                    )
                    counts[f"open session reads {read.json()['status']}"] += 1
                for api in installation.apis:
                    ready = client.get(f"{api}/readyz")
                    assert ready.status_code == 503, ready.text
                    assert "clock" in ready.json()["detail"]
                assert event_count() == before, "an event was recorded while the clock was in doubt"
                installation.shift_clock(0)
                number += 1
                assert create(number).status_code == 201
        finally:
            installation.shift_clock(0)
            owner.execute("update ledger.identity set mode = 'test'")
    refused, still_open = counts["503 overloaded"], counts["open session reads created"]
    assert refused == still_open == 2 * REQUESTS, counts
    return counts
