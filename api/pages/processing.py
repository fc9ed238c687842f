"""What the pages say of payments through processors: who has the payment, and notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID

from api.context import Services
from api.pages.texts import Language
from api.tokens import Tokens, Use
from api.views.notices import Notice
from application.ports.processor import BEHAVIOUR_KEY
from domain import ids
from domain.merchants.merchant import Merchant
from domain.sessions.payment_session import PaymentSession

RETURN_PATH: Final = "/return"


class Way(NamedTuple):
    """A way to pay that the merchant has enabled."""

    label: str
    start_url: str
    """The form of its button posts here."""


def return_path(tokens: Tokens, session_id: UUID, expires_at: datetime) -> str:
    """The page that payers come back to, with a token of its own, since processors see it."""
    token = tokens.for_session(Use.RETURN, session_id, expires_at)
    return f"{RETURN_PATH}/{ids.encode('ps', session_id)}/{token}"


def offered_processors(
    services: Services, merchant: Merchant, session: PaymentSession
) -> Sequence[str]:
    """The processors that the merchant has enabled, and that can take the session's payment."""
    behaviour = session.metadata.get(BEHAVIOUR_KEY, "")
    takes = services.terms.takes
    return [one for one in merchant.processors if takes(one, session.amount, behaviour)]


@cache
def processor_labels(language: Language) -> Mapping[str, str]:
    """What payers know a processor as; one that is not here goes by its own name."""
    _ = language.gettext
    return {
        "stripe": "Stripe",
        # Translators: a way to pay, on a button: the payment provider is the merchant's choice.
        "psp": _("Online payment"),
        # Translators: a way to pay, on a button; it moves no money.
        "sandbox": _("Test payment"),
    }


def ways_to_pay(language: Language, processors: Sequence[str], base_url: str) -> list[Way]:
    """The processors of a merchant, in its order.

    Args:
        language: of the labels.
        processors: their names.
        base_url: where an attempt is started; the name is added to its query.
    """
    labels = processor_labels(language)
    return [Way(labels.get(one, one), f"{base_url}&processor={one}") for one in processors]


@cache
def notice_texts(language: Language) -> Mapping[str, tuple[str, str]]:
    """Title and explanation of every notice."""
    _ = language.gettext
    texts = {
        Notice.UNANSWERED: (
            _("No answer yet"),
            _(
                "The payment provider does not answer at the moment, so nobody knows yet whether "
                "the payment was made. It is asked again until it answers."
            ),
        ),
        Notice.UNRESOLVED: (
            _("Still no answer"),
            _(
                "The payment provider has not answered for a long time. A person finds out what "
                "became of the payment. Ask the merchant before you pay in another way."
            ),
        ),
        Notice.ENDING: (
            _("Being stopped"),
            _(
                "The payment provider was asked to stop this payment. "
                "Until it confirms that, the payment may still be made."
            ),
        ),
        Notice.DECLINED: (
            _("Declined"),
            _("The payment was declined and you were not charged. Try again or pay another way."),
        ),
        Notice.VOIDED: (
            _("Not paid"),
            _("The payment was stopped and you were not charged. Try again or pay another way."),
        ),
        Notice.LATE: (
            _("Your money arrived too late"),
            _(
                "It was not counted as this payment. It is returned to you, "
                "unless the merchant still accepts it."
            ),
        ),
        Notice.MISMATCHED: (
            _("A different amount arrived"),
            _("It was not counted as this payment, and is returned to you."),
        ),
        Notice.OVER: (
            _("More than the amount arrived"),
            _("The merchant keeps the amount; the rest is returned to you."),
        ),
        Notice.DUPLICATE: (
            _("A second payment arrived"),
            _("The first one counts; the second one is returned to you."),
        ),
    }
    return {notice.value: text for notice, text in texts.items()}
