"""One event of each class: wallets, money and payouts."""

from __future__ import annotations

from domain.payouts.debits import MerchantDebits
from domain.payouts.payout import Payout
from domain.processors.settlement import Settlement
from domain.processors.suspense import Suspense
from domain.static_codes.code_sessions import CodeSessions
from domain.treasury.treasury import Treasury
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet
from tests.support.golden_facts import MONEY, PAYOUT, event

MONEY_EVENTS = [
    event(
        Wallet.Opened,
        1,
        wallet_app_id="app_01h455vb4pex5vsknk084sn02q",
        currency="KWD",
        exponent=3,
    ),
    event(Wallet.ToppedUp, 2, reference="REF 1", **MONEY),
    event(TopUpReference.Used, 1, wallet_id="wal_01h455vb4pex5vsknk084sn02q", reference="REF 1"),
    event(
        Wallet.Captured,
        3,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        source="available",
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        merchant_name="Café du Coin",
        **MONEY,
    ),
    event(
        Wallet.Credited,
        4,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        refund_id="ref_01h455vb4pex5vsknk084sn02q",
        **MONEY,
    ),
    event(
        Wallet.Held,
        5,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        **MONEY,
    ),
    event(
        Wallet.Released,
        6,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        attempt_id="att_01h455vb4pex5vsknk084sn02q",
        **MONEY,
    ),
    event(Wallet.Restricted, 7),
    event(
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
    event(Suspense.ReturnRequested, 2, processor="stripe", reference="pi_1", **MONEY),
    event(
        Suspense.Accepted,
        2,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        order_opened=True,
        processor="stripe",
        **MONEY,
    ),
    event(Suspense.Returned, 3, processor="stripe", **MONEY),
    event(
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
    event(
        FxQuotes.Opened,
        1,
        wallet_id="wal_01h455vb4pex5vsknk084sn02q",
        session_id="ps_01h455vb4pex5vsknk084sn02q",
    ),
    event(
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
    event(FxQuotes.Used, 3, quote_id="quo_01h455vb4pex5vsknk084sn02q"),
    event(
        MerchantDebits.Opened,
        1,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        currency="USD",
        exponent=2,
    ),
    event(
        MerchantDebits.Debited,
        2,
        kind="refund",
        subject_id="ref_01h455vb4pex5vsknk084sn02q",
        amount_minor=99,
        credits_minor=12222,
        credits_position=41,
    ),
    event(
        MerchantDebits.Restored,
        3,
        kind="payout",
        subject_id="pay_01h455vb4pex5vsknk084sn02q",
        amount_minor=99,
    ),
    event(Payout.Requested, 1, destination="bank account 1", **PAYOUT),
    event(
        Payout.Funded,
        2,
        amount_minor=PAYOUT["amount_minor"],
        currency=PAYOUT["currency"],
        exponent=PAYOUT["exponent"],
        destination="bank account 1",
    ),
    event(Payout.Sent, 3, bank_reference="B-1"),
    event(Payout.Settled, 4, **PAYOUT),
    event(Payout.Returned, 5, after_settlement=True, reason="account closed", **PAYOUT),
    event(Treasury.Opened, 1, currency="USD", exponent=2),
    event(Treasury.Moved, 2, kind="own_funds", incoming=True, reference="T 1", **MONEY),
    event(
        Treasury.PayoutFunded,
        3,
        payout_id="pay_01h455vb4pex5vsknk084sn02q",
        amount_minor=99,
        credits_minor=12345,
        credits_position=41,
    ),
    event(Treasury.PayoutReturned, 4, payout_id="pay_01h455vb4pex5vsknk084sn02q", amount_minor=99),
    event(
        CodeSessions.Opened,
        1,
        static_code_id="sc_01h455vb4pex5vsknk084sn02q",
        wallet_id="wal_01h455vb4pex5vsknk084sn02q",
        session_id="ps_01h455vb4pex5vsknk084sn02q",
    ),
]
