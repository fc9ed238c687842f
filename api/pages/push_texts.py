"""What devices show of a payment: no amounts unless the payer wants them on a locked screen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from api.pages.texts import Language, choose
from api.views.money import display
from application.ports.push import PushText, PushType
from domain.money.money import Amount


class PageTexts:
    """`application.ports.push.PushTexts` in the languages of the pages."""

    def text(self, kind: PushType, *, language: str, payee: str, amount: Amount | None) -> PushText:
        """See the port."""
        chosen = choose(language, "")
        title, body, body_with_amount = _texts(chosen)[kind]
        if amount is not None:
            body = body_with_amount
        shown = "" if amount is None else display(amount, chosen.locale)
        return PushText(
            title=title,
            body=body.format(payee=_isolated(payee), amount=_isolated(shown)),
            language=chosen.tag,
            direction=chosen.direction,
        )


def _isolated(value: str) -> str:
    """A value whose direction does not change that of the text around it (UAX 9, 2.3)."""
    return f"\u2068{value}\u2069"


@cache
def _texts(language: Language) -> Mapping[PushType, tuple[str, str, str]]:
    """Title, text, and text with an amount, by what happened."""
    _ = language.gettext
    # Translators: notifications on a phone. {payee} is the merchant's name.
    paid, paid_amount = _("{payee} has your payment."), _("{payee} has your payment of {amount}.")
    returned = _("{payee} has returned money to you.")
    returned_amount = _("{payee} has returned {amount} to you.")
    declined = _("Your payment to {payee} was not made. You were not charged.")
    expired = _("Time ran out for your payment to {payee}. You were not charged.")
    cancelled = _("The payment to {payee} was cancelled. You were not charged.")
    return {
        PushType.PAID: (_("Paid"), paid, paid_amount),
        PushType.REFUNDED: (_("Refunded"), returned, returned_amount),
        PushType.DECLINED: (_("Not paid"), declined, declined),
        PushType.EXPIRED: (_("Expired"), expired, expired),
        PushType.CANCELLED: (_("Cancelled"), cancelled, cancelled),
    }


@cache
def switch_texts(language: Language) -> Mapping[str, str]:
    """The texts of `push.js`, by the state of the switch."""
    _ = language.gettext
    return {
        # Translators: a button that turns notifications on.
        "turn_on": _("Notify me"),
        # Translators: a button that turns notifications off.
        "turn_off": _("Stop notifying me"),
        "on": _("This device is told what becomes of your payments, without amounts."),
        "off": _("Hear what becomes of your payments when this page is closed."),
        "denied": _(
            "Notifications are blocked. Allow them for this page in the settings of the browser."
        ),
        "unsupported": _(
            "This browser cannot show notifications. "
            "On an iPhone or iPad, add this page to the home screen first."
        ),
        "waiting": _("One moment…"),
        "failed": _("Notifications could not be changed. Try again."),
    }
