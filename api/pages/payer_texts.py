"""The texts of `wallet.js`: what a payer is told between signing in and the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from api.pages.push_texts import switch_texts
from api.pages.texts import Language


@cache
def wallet_texts(language: Language) -> Mapping[str, Any]:
    """Every text of `wallet.js`; refusals by the `code` of their problem document."""
    _ = language.gettext
    return {
        # Translators: the title of the page; {payee} is a merchant's name.
        "title": _("Pay {payee}"),
        # Translators: on the button Pay, after it was pressed.
        "paying": _("Paying…"),
        "push": switch_texts(language),
        "pay": _("Pay {amount}"),
        # Translators: a button that adds this amount to a wallet of a test ledger.
        "top_up": _("Top up {amount}"),
        "receipts": {
            # Translators: a button that saves the receipt of a payment as a file.
            "payment": _("Save the receipt of {amount}"),
            # Translators: a button that saves the receipt of a refund as a file.
            "refund": _("Save the receipt of the refund of {amount}"),
            "waiting": _("The receipt is being sealed. It will be ready in a few seconds."),
            "late": _("The receipt is not sealed yet. Come back later; the payment is safe."),
            "failed": _("The receipt could not be saved. Try again."),
            # Translators: what is shared of a payment, one line each.
            "shared": _("Paid {amount} to {payee}"),
        },
        "sources": {
            "ecb": _("Reference rate of the European Central Bank"),
        },
        "failed": _("Something went wrong. Try again."),
        "offline": _(
            "No connection. Your payment is not confirmed. "
            "Try again; you will not be charged twice."
        ),
        # Translators: before the payer has pressed Pay.
        "disconnected": _("No connection. Nothing was paid."),
        "refusals": refusal_texts(language),
    }


@cache
def refusal_texts(language: Language) -> Mapping[str, str]:
    """Why a payment is not made, by the `code` of the refusal; each leads to a next step."""
    _ = language.gettext
    return {
        "insufficient-funds": _("There is not enough money in this wallet."),
        "session-claimed": _("Another wallet is paying."),
        "session-not-payable": _("This payment can no longer be made."),
        "session-expired": _("Time ran out and you were not charged."),
        "claims-exhausted": _("This code was scanned too often. Ask the merchant for a new one."),
        "rate-unavailable": _("There is no exchange rate for the currency of this wallet."),
        "quotes-exhausted": _("Too many exchange rates were asked for. Use another wallet."),
        "quote-expired": _("The exchange rate has expired. Check the new one."),
        "quote-used": _("The exchange rate has expired. Check the new one."),
        "quote-mismatch": _("The exchange rate has expired. Check the new one."),
        "wallet-currency-mismatch": _("This wallet holds a different currency."),
        "claim-required": _("Another wallet has taken over this payment. Scan the code again."),
        "payment-declined": _("The payment was declined. You were not charged."),
        "payment-in-flight": _("A payment is being processed. Wait until it has ended."),
        "balance-limit": _("This wallet cannot hold more money."),
        "too-many-requests": _("Too many attempts. Try again in a moment."),
        "unauthorized": _("This wallet token is no longer valid. Enter a new one."),
    }
