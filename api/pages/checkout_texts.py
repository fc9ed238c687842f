"""The words of the checkout screen. The payer and the cashier look at the same one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from api.pages.sessions import start_refusals, status_texts
from api.pages.texts import Language


@cache
def checkout_statuses(language: Language) -> Mapping[str, tuple[str, str]]:
    """Title and explanation of every status; `lapsed` is a claim whose lease has ended."""
    _ = language.gettext
    return {
        **status_texts(language),
        # Translators: over the covered QR code: a payer's phone has scanned it.
        "scanned": (_("Phone connected"), _("Confirm there")),
        "lapsed": (
            _("Not confirmed in time"),
            _("Scan the code again to pay. The phone that was connected can still confirm."),
        ),
        # Translators: read by the payer and by the cashier.
        "paid": (_("Paid"), _("The payment is complete.")),
        "expired": (_("Expired"), _("Time ran out. Nothing was charged.")),
        "cancelled": (_("Cancelled"), _("The payment was cancelled. Nothing was charged.")),
        "failed": (
            _("Payment failed"),
            _("It was tried too often without success. Nothing was charged."),
        ),
    }


@cache
def checkout_texts(language: Language) -> Mapping[str, Any]:
    """The texts of `checkout.js`; a count goes into `{n}`."""
    _, plurals = language.gettext, language.plurals
    return {
        "connection": {
            # Translators: status line of the checkout screen; updates arrive as they happen.
            "live": _("Live"),
            "reconnecting": _("Reconnecting…"),
            "polling": _("Checking every few seconds"),
            # Translators: the device has no connection; read by the payer and by the cashier.
            "offline": _("No connection. This screen may be out of date."),
        },
        # Translators: read aloud by screen readers while the payer waits.
        "minutes_left": plurals("{n} minute left", "{n} minutes left"),
        "seconds_left": plurals("{n} second left", "{n} seconds left"),
        "returning": plurals(
            "Returning to the shop in {n} second", "Returning to the shop in {n} seconds"
        ),
        "copied": _("Copied"),
        # Translators: what a payment was made with.
        "wallet": _("Wallet"),
        # Translators: read aloud while the payment provider is asked.
        "starting": _("Starting the payment…"),
        "failed": _("Something went wrong. Try again."),
        "offline": _(
            "No connection. Your payment is not confirmed. "
            "Try again; you will not be charged twice."
        ),
        "refusals": start_refusals(language),
    }
