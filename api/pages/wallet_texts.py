"""The texts of `home.js`: what is wrong with a code, and with a camera, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from api.pages.push_texts import switch_texts
from api.pages.texts import Language


@cache
def home_texts(language: Language) -> Mapping[str, Any]:
    """Every text of `home.js`."""
    _ = language.gettext
    return {
        # Translators: read aloud while the code is checked.
        "checking": _("Checking the code…"),
        # Translators: read aloud while a code is searched for in a picture.
        "reading": _("Reading the picture…"),
        "failed": _("Something went wrong. Try again."),
        "offline": _("No connection. Nothing was paid. Try again."),
        "between": _("From {min} to {max}"),
        "at_least": _("At least {min}"),
        "at_most": _("At most {max}"),
        "not_an_amount": _("Enter an amount such as {example}."),
        "outside": _("This amount is outside of the limits."),
        "camera": _camera_texts(language),
        "causes": cause_texts(language),
        "refusals": _refusal_texts(language),
        "push": switch_texts(language),
    }


def _camera_texts(language: Language) -> Mapping[str, str]:
    """By the `reason` of `scan.js`; each says how to go on."""
    _ = language.gettext
    return {
        "insecure": _(
            "The camera works on a secure connection (https) only. "
            "Choose a picture of the code or paste its text."
        ),
        "denied": _(
            "The camera is not allowed. Allow it in the settings of the browser, "
            "or choose a picture of the code or paste its text."
        ),
        "absent": _("No camera was found. Choose a picture of the code or paste its text."),
        "in-use": _(
            "The camera cannot be opened. Another app may be using it: close that app and try "
            "again, or choose a picture of the code or paste its text."
        ),
        "stopped": _("The camera was closed. Open it again."),
        "nothing-found": _("No code was found, so the camera was closed. Open it to try again."),
        "not-an-image": _("This file is not a picture that can be read."),
        "too-large": _("This picture is too large."),
        "no-code": _("No code was found in this picture. Try a sharper or closer one."),
        "detector": _("Codes cannot be read on this device. Paste the text of the code."),
    }


@cache
def cause_texts(language: Language) -> Mapping[str, str]:
    """What is wrong with a code, by the `cause` of its refusal."""
    _ = language.gettext
    damaged = _("This code is damaged or is not a payment code. Ask the merchant for a new one.")
    changed = _(
        "This code was changed after it was made. Do not pay with it, and tell the merchant."
    )
    return {
        "too-long": damaged,
        "unacceptable-text": damaged,
        "unreadable": damaged,
        "repeated-object": damaged,
        "missing-object": damaged,
        "invalid-object": damaged,
        "checksum": _("The code was not read completely, or it is damaged. Scan it again."),
        "other-payment-system": _(
            "This code belongs to another payment system. Pay it with the app of that system."
        ),
        "not-a-url": _("This is not a payment code."),
        "foreign-scheme": _("This is not a payment code."),
        "foreign-host": _("This code leads to another website, so it cannot be paid here."),
        "look-alike-host": _(
            "Warning: this code leads to a website whose name imitates this one. "
            "Do not open it, and tell the merchant."
        ),
        "user-information": _(
            "Warning: this code hides the website that it leads to. "
            "Do not open it, and tell the merchant."
        ),
        "other-address": _("This address is not a payment code. Scan the code again."),
        "unsigned": _(
            "This code has no signature, so nobody can say who made it. "
            "Do not pay with it, and tell the merchant."
        ),
        "after-signature": changed,
        "bad-signature": changed,
        "unknown-key": _(
            "This code was not made by this payment service. "
            "Do not pay with it, and tell the merchant."
        ),
        "revoked-key": _("This code is no longer valid. Ask the merchant for a new one."),
        "revoked-code": _("The merchant has withdrawn this code. Ask for a new one."),
    }


def _refusal_texts(language: Language) -> Mapping[str, str]:
    """By the `code` of the problem document, where it has no `cause`."""
    _ = language.gettext
    return {
        "invalid-qr": _("This is not a payment code."),
        "invalid-signature": _("This code cannot be trusted. Do not pay, and tell the merchant."),
        "invalid-request": _("This is not a payment code."),
        "not-found": _("No payment was found for this code. Ask the merchant for a new one."),
        "session-claimed": _("Another wallet is paying. Try again in a moment."),
        "session-not-payable": _("This payment can no longer be made."),
        "session-expired": _("Time ran out and you were not charged."),
        "claims-exhausted": _("This code was scanned too often. Ask the merchant for a new one."),
        "amount-outside-limits": _("This amount is outside of the limits."),
        "amount-mismatch": _("The merchant asks for another amount. Scan the code again."),
        "unauthorized": _("This wallet token is no longer valid. Enter a new one."),
        "too-many-requests": _("Too many attempts. Try again in a moment."),
    }
