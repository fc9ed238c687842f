"""Clocks that jump a year: nothing is recorded while they are wrong, and nothing is lost after."""

from __future__ import annotations

from collections import Counter
from typing import Final

import httpx
import psycopg

from tests.chaos.installation import ChaosInstallation

YEAR_SECONDS: Final = 365 * 86_400
ASKED: Final = 50


def jumping_clocks(installation: ChaosInstallation) -> Counter[str]:
    """Let the database's clock jump a year ahead, then back; counts what callers were told.

    The ledger is judged as a live one meanwhile, as a test ledger goes on with a jump ahead.
    """
    seen: Counter[str] = Counter()
    headers = {"Authorization": f"Bearer {installation.merchant_key}"}
    with (
        psycopg.connect(installation.url, autocommit=True) as owner,
        httpx.Client(headers=headers, timeout=30) as client,
    ):

        def create(number: int) -> httpx.Response:
            body = {"order_id": f"clock {number}", "amount": {"minor": 1, "currency": "USD"}}
            api = installation.apis[number % len(installation.apis)]
            return client.post(f"{api}/v1/payment-sessions", json=body)

        def head() -> int:
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
                installation.jump(jump)
                before = head()
                for _ in range(ASKED):
                    number += 1
                    answer = create(number)
                    seen[f"{answer.status_code} {answer.json()['code']}"] += 1
                    shown = client.get(
                        f"{installation.apis[0]}/v1/payment-sessions/{opened.json()['id']}"
                    )
                    seen[f"open session reads {shown.json()['status']}"] += 1
                for api in installation.apis:
                    ready = client.get(f"{api}/readyz")
                    assert ready.status_code == 503, ready.text
                    assert "clock" in ready.json()["detail"]
                assert head() == before, "something was recorded by a clock in doubt"
                installation.jump(0)
                number += 1
                assert create(number).status_code == 201
        finally:
            installation.jump(0)
            owner.execute("update ledger.identity set mode = 'test'")
    refused, read = seen["503 overloaded"], seen["open session reads created"]
    assert refused == read == 2 * ASKED, seen
    return seen
