"""A payment by a client that `openapi-python-client` generated; `.ci/typed-client` runs it.

It imports nothing of the project: it knows what a stranger knows, `demo.json` and the types.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from qrledger_client import AuthenticatedClient
from qrledger_client.api.events import list_events
from qrledger_client.api.payment_sessions import (
    create_payment_session,
    get_payment_session,
    get_qr_svg,
    list_payment_sessions,
    pay_payment_session,
)
from qrledger_client.api.scans import scan
from qrledger_client.models import (
    CreateSessionBody,
    MoneyBody,
    MoneyBodyCurrency,
    PageEventView,
    PageSessionView,
    PayBody,
    Problem,
    ProblemCode,
    ScanBody,
    SessionView,
    SessionViewStatus,
)
from qrledger_client.models.list_payment_sessions_status_item import ListPaymentSessionsStatusItem

Answer = TypeVar("Answer")
PRICE_MINOR = 450


def of(kind: type[Answer], answer: Any) -> Answer:
    """The answer, which must be of this type."""
    assert isinstance(answer, kind), answer
    return answer


def walk(demo: dict[str, str]) -> str:
    """Create, scan, pay and read a session; returns its id."""
    till, wallet = (
        AuthenticatedClient(base_url=demo["base_url"], token=demo[f"{role}_key"])
        for role in ("merchant", "wallet")
    )
    amount = MoneyBody(minor=PRICE_MINOR, currency=MoneyBodyCurrency.USD)

    body = CreateSessionBody(order_id=str(uuid4()), amount=amount, description="1 coffee")
    created = of(SessionView, create_payment_session.sync(client=till, body=body))
    assert (created.status, created.livemode) == (SessionViewStatus.CREATED, False)

    again = of(Problem, create_payment_session.sync(client=till, body=body))
    assert (again.code, again.status) == (ProblemCode.ORDER_OPEN, 409)

    picture = get_qr_svg.sync_detailed(created.id, client=till)
    assert picture.status_code == 200
    assert b"<svg" in picture.content

    scanned = scan.sync(
        client=wallet, body=ScanBody(payload=created.qr.payload, wallet_id=demo["wallet_id"])
    )
    claim = of(SessionView, scanned).claim
    assert claim is not None

    paid = pay_payment_session.sync(
        created.id,
        client=wallet,
        body=PayBody(claim_id=claim.id, wallet_id=demo["wallet_id"], amount=amount),
        idempotency_key=str(uuid4()),
    )
    position = of(SessionView, paid).position

    read = of(SessionView, get_payment_session.sync(created.id, client=till))
    assert read.status is SessionViewStatus.PAID
    assert read.paid is not None
    assert read.paid.amount.minor == PRICE_MINOR

    listed = list_payment_sessions.sync(
        client=till, status=[ListPaymentSessionsStatusItem.PAID], at_least=position
    )
    assert created.id in [one.id for one in of(PageSessionView, listed).data]

    events = list_events.sync(client=till, session=created.id)
    types = [one.type_ for one in of(PageEventView, events).data]
    assert types[0] == "payment_session.created"
    assert "payment_session.paid" in types
    return str(created.id)


if __name__ == "__main__":
    paid = walk(json.loads(Path(sys.argv[1]).read_text()))
    sys.stdout.write(f"{paid} is paid, by a generated client\n")
