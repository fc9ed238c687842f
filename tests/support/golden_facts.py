"""What the examples of events share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

STREAM = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
LOG_ORIGIN = "pay.example/live/01890a5d-ac96-774b-bcce-b302099a8057"
LOG_KEY = {
    "key_id": "0b5c5a6e",
    "vkey": f"{LOG_ORIGIN}+0b5c5a6e+AdYpXVfRRbxsVnvoqzA5Kvv6NkoQv1nlbFx1iRdT9vQb",
}
AT = datetime(2026, 11, 20, 10, 12, 33, 1, tzinfo=UTC)
MONEY = {"amount_minor": 12345, "currency": "USD", "exponent": 2}
REFUND = {
    "refund_id": "ref_01h455vb4pex5vsknk084sn02q",
    "merchant_id": "mer_01h455vb4pex5vsknk084sn02q",
    "wallet_id": "wal_01h455vb4pex5vsknk084sn02q",
    "processor": None,
    "amount_minor": 100,
    "currency": "USD",
    "exponent": 2,
    "fee_returned_minor": 1,
    "credited_minor": 93,
    "payer_currency": "EUR",
    "payer_exponent": 2,
    "spread_returned_minor": 1,
    "reason": "one coffee less",
}
ATTEMPT = {
    "attempt_id": "att_01h455vb4pex5vsknk084sn02q",
    "processor": "stripe",
    "funding": "processor",
    "wallet_id": "wal_01h455vb4pex5vsknk084sn02q",
    "merchant_id": "mer_01h455vb4pex5vsknk084sn02q",
    "expires_at": "2026-11-20T10:27:33.000001Z",
    **MONEY,
}
DISPUTE = {
    "dispute_id": "dsp_01h455vb4pex5vsknk084sn02q",
    "reference": "dp_1",
    "processor": "stripe",
    "attempt_id": "att_01h455vb4pex5vsknk084sn02q",
    "merchant_id": "mer_01h455vb4pex5vsknk084sn02q",
    "amount_minor": 12345,
    "merchant_minor": 12000,
    "currency": "USD",
    "exponent": 2,
    "reason": "fraudulent",
}
ENDPOINT = {"endpoint_id": "whe_01h455vb4pex5vsknk084sn02q"}
UNTIL = "2026-11-21T10:12:33.000001Z"
PAYOUT = {"merchant_id": "mer_01h455vb4pex5vsknk084sn02q", **MONEY}


def event(kind: type[Any], version: int, /, **facts: Any) -> Any:
    if version == 1:
        facts["originator_topic"] = kind.TOPIC.partition(".")[0]
    return kind(originator_id=STREAM, originator_version=version, timestamp=AT, **facts)
