"""The texts of the verifier: what was proven, what was not, and what a receipt says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from api.pages.texts import Language


@cache
def verifier_texts(language: Language) -> Mapping[str, Any]:
    """Every text that the script of the verifier shows."""
    _ = language.gettext
    return {
        "verdicts": {
            # Translators: the result of checking a receipt; read it as one word of judgement.
            "proven": _("Proven"),
            "not-proven": _("Not proven"),
            # Translators: a file that is damaged or of another kind.
            "unreadable": _("Unreadable"),
        },
        "receipt": _(
            "It is in the ledger's log of {size} events, and the keys that you trust have "
            "signed that log."
        ),
        "events": _event_texts(language),
        "labels": _labels(language),
        "reasons": _reasons(language),
        "bundle": {
            "proven": _("All {size} events lead to the root that the ledger has signed."),
            "continued": _("They continue every older checkpoint that you chose."),
            "alone": _(
                "You chose no older checkpoint: a history that the holder of the key has "
                "replaced as a whole would not be noticed."
            ),
            "rules": _(
                "Whether every payment was lawful is not checked here. The ledger's own "
                "program checks it: qrledger audit verify."
            ),
            "refuted": _("The events in this bundle are not proven."),
            "position": _("The first position that is wrong: {position}."),
        },
        "by_browser": _("Signatures are checked by your browser."),
        "by_file": _(
            "Your browser cannot check signatures of this kind, so this page does it itself."
        ),
    }


def _event_texts(language: Language) -> Mapping[str, str]:
    """What a receipt proves, by the type of its event."""
    _ = language.gettext
    return {
        "payment_session.paid": _("A merchant was paid."),
        "wallet.captured": _("A wallet has paid a merchant."),
        "refund.requested": _("A merchant has asked for a refund."),
        "refund.succeeded": _("A merchant has refunded a payment."),
        "refund.failed": _("A refund has failed."),
        "wallet.credited": _("A wallet has received a refund."),
        "other": _("The ledger has recorded an event of the type {type}."),
    }


def _labels(language: Language) -> Mapping[str, str]:
    """What stands before each fact of a receipt."""
    _ = language.gettext
    return {
        "amount": _("Amount"),
        # Translators: label of what the payer paid in another currency.
        "payer_amount": _("Paid in the payer's currency"),
        # Translators: label of what the payer got back in another currency.
        "returned": _("Returned in the payer's currency"),
        # Translators: label of what the merchant pays for the payment.
        "fee": _("Fee"),
        # Translators: label of the merchant's name.
        "payee": _("Paid to"),
        "merchant": _("Merchant"),
        "wallet": _("Wallet"),
        # Translators: label of the company that processed a payment by card and the like.
        "processor": _("Processor"),
        # Translators: label of a payment's id.
        "session": _("Payment"),
        # Translators: label of a refund's id.
        "refund": _("Refund"),
        "reason": _("Reason"),
        # Translators: label of the time at which the ledger recorded an event.
        "recorded_at": _("Recorded at"),
        "position": _("Position"),
        # Translators: label of the name of the ledger's log.
        "log": _("Log"),
        # Translators: label of a witness's name, and of the time at which it signed.
        "witness": _("Witnessed by"),
    }


def _reasons(language: Language) -> Mapping[str, str]:
    """Why nothing is proven, by the code that the script and `qrledger audit` give it."""
    _ = language.gettext
    key = _(
        "A key is not written correctly. A key is one line, with two plus signs in it at least."
    )
    return {
        "malformed-receipt": _("This file is no receipt, or it was damaged."),
        "malformed-bundle": _(
            "This file is neither a receipt nor a bundle, or it was cut off or damaged."
        ),
        "malformed-note": _("The checkpoint is damaged."),
        "malformed-checkpoint": _("The checkpoint is damaged."),
        "malformed-leaf": _("The event in it cannot be read by this page."),
        "newer-format": _("A newer program has written this file. Get a newer copy of this page."),
        "malformed-key": key,
        "malformed-policy": _("The policy is not written correctly."),
        "other-log": _("It is of another log than the one whose key you trust."),
        "unknown-signer": _("None of the keys that you trust has signed it."),
        "bad-signature": _("A signature is not genuine."),
        "quorum-missing": _("Too few of the witnesses that you named have signed it."),
        "invalid-proof": _(
            "It does not belong to the log that was signed: it was changed, or mixed up with "
            "another one."
        ),
        "too-large": _("A file is too large."),
        "not-a-file": _("A file cannot be read."),
        "unknown": _("Something else is wrong with it."),
    }
