"""Commands of payouts for `tests/support/given.py`; vary them with `dataclasses.replace`.

After `EARNED` the merchant has earned 1000 USD and the bank holds 5000.
"""

from __future__ import annotations

from uuid import UUID

from application.commands.fund_payout import FundPayout
from application.commands.request_payout import RequestPayout
from application.commands.return_payout import ReturnPayout
from application.commands.send_payout import SendPayout
from application.commands.set_payout_terms import SetPayoutTerms
from application.commands.settle_payout import SettlePayout
from domain import ids
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from domain.payouts.debits import Credits, MerchantDebits
from domain.treasury.treasury import Treasury
from tests.support.given import CREATE, HOLDERS, MERCHANT, MERCHANT_ID, OPEN, PAY, SCAN, TOP_UP

PAYOUT_ID = UUID("01890a5d-ac96-774b-bcce-b30200000020")
PAYOUT = ids.encode("pay", PAYOUT_ID)
DEBITS_ID, TREASURY_ID = MerchantDebits.stream_id(MERCHANT_ID, "USD"), Treasury.stream_id("USD")
EARNINGS, TOP_UPS = Credits(1000, 9), Credits(5000, 9)
DESTINATION = "bank account 1"

TERMS = SetPayoutTerms(merchant_id=MERCHANT_ID, currency="USD", terms=PayoutTerms(DESTINATION))
EARNED = (*HOLDERS, OPEN, TOP_UP, CREATE, SCAN, PAY, TERMS)
REQUEST = RequestPayout(
    payout_id=PAYOUT_ID,
    merchant_id=MERCHANT_ID,
    amount=Money(400, "USD"),
    credits=EARNINGS,
    credits_are_current=True,
)
FUND = FundPayout(payout_id=PAYOUT_ID, credits=TOP_UPS)
SEND = SendPayout(payout_id=PAYOUT_ID, bank_reference="B-1")
SETTLE = SettlePayout(payout_id=PAYOUT_ID)
RETURN = ReturnPayout(payout_id=PAYOUT_ID, reason="no such account")
FIGURES = {"merchant_id": MERCHANT, "amount_minor": 400, "currency": "USD", "exponent": 2}
RESTORED = {"kind": "payout", "subject_id": PAYOUT, "amount_minor": 400}
UNFUNDED = {"payout_id": PAYOUT, "amount_minor": 400}
