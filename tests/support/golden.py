"""One event of each class, and the golden files that must load forever.

`python -m tests.support.golden` writes the files of new events. It never overwrites one, because
stored bytes never change.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from domain.clock import ClockAcceptance
from domain.merchants.api_key import ApiKey
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.payouts.debits import MerchantDebits
from domain.payouts.payout import Payout
from domain.processors.settlement import Settlement
from domain.processors.suspense import Suspense
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.static_codes.code_sessions import CodeSessions
from domain.static_codes.static_code import StaticCode
from domain.treasury.treasury import Treasury
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet
from domain.wallets.wallet_app import WalletApp
from infrastructure.event_store.mapper import LedgerMapper, schema_version

GOLDEN = Path(__file__).parents[1] / "house" / "golden"
STREAM = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
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


def _event(kind: type[Any], version: int, /, **facts: Any) -> Any:
    if version == 1:
        facts["originator_topic"] = kind.TOPIC.partition(".")[0]
    return kind(originator_id=STREAM, originator_version=version, timestamp=AT, **facts)


EVENTS = [
    _event(
        PaymentSession.Created,
        1,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        merchant_name="Corner Café",
        order_id="SN129803",
        description="2 coffees",
        expires_at="2026-11-20T10:27:33.000001Z",
        expires_in_seconds=900,
        return_url=None,
        metadata={"till": "3"},
        checkout_may_cancel=False,
        fee_minor=123,
        fee_refund_policy="proportional",
        callback_url=None,
        static_code_id=None,
        **MONEY,
    ),
    _event(
        PaymentSession.Scanned,
        2,
        claim_id="clm_01h455vb4pex5vsknk084sn02q",
        wallet_id="wal_01h455vb4pex5vsknk084sn02q",
        wallet_app_id="app_01h455vb4pex5vsknk084sn02q",
        lease_until="2026-11-20T10:14:03.000001Z",
    ),
    _event(PaymentSession.ClaimReleased, 3, claim_id="clm_01h455vb4pex5vsknk084sn02q"),
    _event(
        PaymentSession.Paid,
        3,
        funding="wallet",
        source="available",
        wallet_id="wal_01h455vb4pex5vsknk084sn02q",
        claim_id="clm_01h455vb4pex5vsknk084sn02q",
        attempt_id=None,
        processor=None,
        fee_minor=123,
        payer_amount_minor=11501,
        payer_currency="EUR",
        payer_exponent=2,
        spread_minor=115,
        quote_id="quo_01h455vb4pex5vsknk084sn02q",
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        merchant_name="Corner Café",
        **MONEY,
    ),
    _event(PaymentSession.RefundRequested, 4, **REFUND),
    _event(PaymentSession.RefundSucceeded, 4, reserved=False, refunded_minor=100, **REFUND),
    _event(PaymentSession.RefundFailed, 5, **REFUND),
    _event(
        PaymentSession.Processing,
        4,
        wallet_app_id="app_01h455vb4pex5vsknk084sn02q",
        claim_id="clm_01h455vb4pex5vsknk084sn02q",
        **ATTEMPT,
    ),
    _event(
        PaymentSession.AttemptAccepted,
        5,
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        processor="stripe",
        reference="pi_1",
    ),
    _event(
        PaymentSession.Unanswered,
        6,
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        processor="stripe",
    ),
    _event(
        PaymentSession.VoidRequested,
        7,
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        processor="stripe",
        reason="another way",
    ),
    _event(
        PaymentSession.Resolved,
        8,
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        outcome="declined",
        by="operations 1",
        reason="the processor has no such payment",
    ),
    _event(
        PaymentSession.Declined,
        9,
        outcome="declined",
        reason="card_declined",
        session_status="scanned",
        **ATTEMPT,
    ),
    _event(PaymentSession.Failed, 10, attempts=5),
    _event(
        PaymentSession.Flagged,
        11,
        flag="late",
        flags=["late"],
        subject_id="att_01h455vb4pex5vsknk084sn02q",
        processor="stripe",
        reference="pi_1",
        captured_minor=12345,
        currency="USD",
        exponent=2,
        suspense_id="sus_01h455vb4pex5vsknk084sn02q",
        reason="",
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        session_status="expired",
        expires_at="2026-11-20T10:27:33.000001Z",
    ),
    _event(PaymentSession.DisputeOpened, 12, disputed_minor=12000, **DISPUTE),
    _event(PaymentSession.DisputeWon, 13, disputed_minor=0, **DISPUTE),
    _event(PaymentSession.DisputeLost, 13, disputed_minor=12000, **DISPUTE),
    _event(PaymentSession.Expired, 2, expires_at="2026-11-20T10:27:33.000001Z"),
    _event(PaymentSession.Cancelled, 2, by="merchant"),
    _event(
        Order.Opened,
        1,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        order_id="SN129803",
        session_id="ps_01h455vb4pex5vsknk084sn02q",
    ),
    _event(Order.Released, 2, session_id="ps_01h455vb4pex5vsknk084sn02q", reason="expired"),
    _event(
        Wallet.Opened,
        1,
        wallet_app_id="app_01h455vb4pex5vsknk084sn02q",
        currency="KWD",
        exponent=3,
    ),
    _event(Wallet.ToppedUp, 2, reference="REF 1", **MONEY),
    _event(TopUpReference.Used, 1, wallet_id="wal_01h455vb4pex5vsknk084sn02q", reference="REF 1"),
    _event(
        Wallet.Captured, 3, session_id="ps_01h455vb4pex5vsknk084sn02q", source="available", **MONEY
    ),
    _event(
        Wallet.Credited,
        4,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        refund_id="ref_01h455vb4pex5vsknk084sn02q",
        **MONEY,
    ),
    _event(
        Wallet.Held,
        5,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        **MONEY,
    ),
    _event(
        Wallet.Released,
        6,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        **MONEY,
    ),
    _event(
        Suspense.Received,
        1,
        processor="stripe",
        reference="pi_1",
        reason="late",
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        accept_until="2026-11-21T10:12:33.000001Z",
        **MONEY,
    ),
    _event(Suspense.ReturnRequested, 2, processor="stripe", reference="pi_1", **MONEY),
    _event(
        Suspense.Accepted,
        2,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        order_opened=True,
        processor="stripe",
        **MONEY,
    ),
    _event(Suspense.Returned, 3, processor="stripe", **MONEY),
    _event(
        Settlement.Received,
        1,
        processor="stripe",
        reference="po_1",
        currency="USD",
        exponent=2,
        gross_minor=12345,
        fee_minor=388,
        received_minor=11950,
        difference_minor=7,
    ),
    _event(
        FxQuotes.Opened,
        1,
        wallet_id="wal_01h455vb4pex5vsknk084sn02q",
        session_id="ps_01h455vb4pex5vsknk084sn02q",
    ),
    _event(
        FxQuotes.Given,
        2,
        quote_id="quo_01h455vb4pex5vsknk084sn02q",
        rate="1.0842",
        rounding="ceiling",
        source="ecb",
        as_of="2026-11-20",
        from_minor=11501,
        from_currency="EUR",
        from_exponent=2,
        spread_basis_points=100,
        spread_minor=114,
        to_minor=12345,
        to_currency="USD",
        to_exponent=2,
        expires_at="2026-11-20T10:13:33.000001Z",
    ),
    _event(FxQuotes.Used, 3, quote_id="quo_01h455vb4pex5vsknk084sn02q"),
    _event(
        MerchantDebits.Opened,
        1,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        currency="USD",
        exponent=2,
    ),
    _event(
        MerchantDebits.Debited,
        2,
        kind="refund",
        subject_id="ref_01h455vb4pex5vsknk084sn02q",
        amount_minor=99,
        credits_minor=12222,
        credits_position=41,
    ),
    _event(
        MerchantDebits.Restored,
        3,
        kind="payout",
        subject_id="pay_01h455vb4pex5vsknk084sn02q",
        amount_minor=99,
    ),
    _event(Payout.Requested, 1, destination="bank account 1", **PAYOUT),
    _event(
        Payout.Funded,
        2,
        amount_minor=PAYOUT["amount_minor"],
        currency=PAYOUT["currency"],
        exponent=PAYOUT["exponent"],
        destination="bank account 1",
    ),
    _event(Payout.Sent, 3, bank_reference="B-1"),
    _event(Payout.Settled, 4, **PAYOUT),
    _event(Payout.Returned, 5, after_settlement=True, reason="account closed", **PAYOUT),
    _event(Treasury.Opened, 1, currency="USD", exponent=2),
    _event(Treasury.Moved, 2, kind="own_funds", incoming=True, reference="T 1", **MONEY),
    _event(
        Treasury.PayoutFunded,
        3,
        payout_id="pay_01h455vb4pex5vsknk084sn02q",
        amount_minor=99,
        credits_minor=12345,
        credits_position=41,
    ),
    _event(Treasury.PayoutReturned, 4, payout_id="pay_01h455vb4pex5vsknk084sn02q", amount_minor=99),
    _event(Merchant.Registered, 1, name="Corner Café", return_hosts=["shop.example"]),
    _event(
        Merchant.PlanChanged,
        2,
        currency="USD",
        basis_points=75,
        fixed_minor=30,
        fee_refund_policy="proportional",
    ),
    _event(
        Merchant.PayoutsChanged,
        3,
        currency="USD",
        destination="bank account 1",
        daily_at="06:00",
        zone="America/Sao_Paulo",
    ),
    _event(
        Merchant.QrChanged,
        4,
        country="US",
        city="Springfield",
        category="5812",
        name="Corner Cafe",
        postal_code="62701",
        language="ZH",
        local_name="街角咖啡",
        local_city="",
    ),
    _event(
        StaticCode.Issued,
        1,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        merchant_name="Corner Café",
        currency="USD",
        exponent=2,
        amount_minor=None,
        min_minor=100,
        max_minor=None,
        label="Till 3",
        key_id="K1",
        payloads={"url": "HTTPS://PAY.EXAMPLE/S/01H455VB4PEX5VSKNK084SN02Q/K1/AAAA"},
    ),
    _event(StaticCode.Revoked, 2),
    _event(
        CodeSessions.Opened,
        1,
        static_code_id="sc_01h455vb4pex5vsknk084sn02q",
        wallet_id="wal_01h455vb4pex5vsknk084sn02q",
        session_id="ps_01h455vb4pex5vsknk084sn02q",
    ),
    _event(Merchant.ProcessorsChanged, 4, processors=["sandbox", "stripe"]),
    _event(WalletApp.Registered, 1, name="Wallet"),
    _event(
        ApiKey.Issued,
        1,
        role="merchant",
        holder_id="mer_01h455vb4pex5vsknk084sn02q",
        mode="test",
        secret_hash="0" * 64,
    ),
    _event(ApiKey.Revoked, 2),
    _event(WebhookEndpoints.Opened, 1, merchant_id="mer_01h455vb4pex5vsknk084sn02q"),
    _event(
        WebhookEndpoints.Added,
        2,
        url="https://shop.example/hooks",
        types=["payment_session.paid"],
        **ENDPOINT,
    ),
    _event(WebhookEndpoints.Changed, 3, url="https://shop.example/hooks", types=["*"], **ENDPOINT),
    _event(WebhookEndpoints.Paused, 4, **ENDPOINT),
    _event(WebhookEndpoints.Disabled, 4, reason="failing", **ENDPOINT),
    _event(WebhookEndpoints.Enabled, 5, **ENDPOINT),
    _event(WebhookEndpoints.SecretRotated, 6, secret_number=2, previous_until=UNTIL, **ENDPOINT),
    _event(WebhookEndpoints.CallbackSecretRotated, 7, secret_number=1, previous_until=None),
    _event(
        WebhookEndpoints.TestRequested,
        8,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        test_id="evt_01h455vb4pex5vsknk084sn02q",
        **ENDPOINT,
    ),
    _event(
        WebhookEndpoints.ReplayRequested,
        9,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        after=17,
        up_to=812,
        **ENDPOINT,
    ),
    _event(
        WebhookEndpoints.RedeliveryRequested,
        10,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        target="callback",
        subject_id="ps_01h455vb4pex5vsknk084sn02q",
        event_version=3,
    ),
    _event(WebhookEndpoints.ReplayFinished, 11, requested_version=9, **ENDPOINT),
    _event(WebhookEndpoints.Removed, 11, **ENDPOINT),
    _event(ClockAcceptance.Accepted, 1, offset_microseconds=34_560_000_000_000),
    _event(
        KeyRing.KeyAdded,
        1,
        role="merchant",
        holder_id="mer_01h455vb4pex5vsknk084sn02q",
        key_id="key_01h455vb4pex5vsknk084sn02q",
        living=["key_01h455vb4pex5vsknk084sn02q"],
    ),
]

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for event in EVENTS:
        stored = LedgerMapper().to_stored_event(event)
        path = GOLDEN / f"{stored.topic}.v{schema_version(type(event))}.json"
        golden = {
            "topic": stored.topic,
            "originator_id": str(stored.originator_id),
            "originator_version": stored.originator_version,
            "state": stored.state.decode(),
            "fields": msgspec.to_builtins({**vars(event)}),
        }
        if not path.exists():
            path.write_text(json.dumps(golden, indent=2, ensure_ascii=False) + "\n")
