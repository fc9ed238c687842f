"""What the pages of one payment session have in common: variables, texts, and the live socket."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from api.http.operation import Call
from api.pages.moments import moment, time_left
from api.pages.processing import notice_texts, processor_labels
from api.pages.rendering import language_for
from api.pages.templating import isolated
from api.pages.texts import Language
from api.tokens import Use
from api.views import money
from api.views.notices import notice_of
from api.views.sessions import REFUND_FLAGS, public_session_view, session_flags
from application.reader import Current
from domain import ids
from domain.money.money import Money
from domain.qr import dynamic_url
from domain.sessions.payment_session import PaymentSession


def session_context(
    call: Call,
    current: Current[PaymentSession],
    use: Use,
    *,
    title: str,
    poll_url: str,
    texts: Mapping[str, Any],
) -> dict[str, Any]:
    """The variables of every template of a session, and the data of its module.

    Args:
        call: the request.
        current: the session.
        use: what the page's token for the live socket opens.
        title: of the page; the amount is added to it.
        poll_url: where the module polls while it has no socket.
        texts: what the module shows, already translated.
    """
    session, now, config = current.state, current.now, call.services.config
    language = language_for(call.request)
    status = session.status_at(now).value
    with_token = use is Use.LIVE  # refunds are shown to key holders only
    flags = session_flags(session) if with_token else []
    refunds = [flag for flag in flags if flag in REFUND_FLAGS]  # others are notices
    # Pages mint their own token for the socket; the wallet page's shows no more than the page.
    token = call.services.tokens.for_session(use, session.id, session.expires_at)
    live_url = f"{config.live_public_url}/live"
    amount = money.display(session.amount, language.locale)
    notice, attempt, labels = (
        notice_of(session, now),
        session.current_attempt,
        processor_labels(language),
    )
    return {
        "status": refunds[0] if refunds else status,
        "refunded": money.display(
            Money(session.refunded_minor if refunds else 0, session.amount.currency),
            language.locale,
        ),
        "statuses": status_texts(language),
        "notice": notice or "",
        "notices": notice_texts(language),
        "processor": labels.get(attempt.processor, attempt.processor) if attempt else "",
        "asked_at": moment(language, attempt.created_at) if attempt else None,
        "page_url": poll_url,
        "payee": session.merchant_name,
        "title": f"{title} · {amount}",
        # Left to right, as the right-to-left mark of Arabic formats would tear `US$` apart.
        "amount": isolated(amount, "ltr"),
        "description": session.description,
        "time_left": time_left(session.expires_at - now),
        "code_url": f"/q/{ids.encode_suffix(session.id)}",
        "data": {
            "session": msgspec.to_builtins(
                public_session_view(session, now, livemode=config.livemode, with_token=with_token)
            ),
            "payload": dynamic_url.build(config.public_url, session.id),
            "mode": config.mode,
            "live": {
                "live_url": f"{live_url}?session={session.public_id}&token={token}&stay=true",
                "poll_url": poll_url,
                "version": session.version,
                "status": status,
            },
            "processors": labels,
            "texts": texts,
        },
    }


@cache
def status_texts(language: Language) -> Mapping[str, tuple[str, str]]:
    """Title and explanation of every status, and of what became of a payment."""
    _ = language.gettext
    return {
        "created": (
            _("Waiting for payment"),
            _("Scan the code with your wallet app to pay."),
        ),
        "scanned": (_("Scanned"), _("Confirm the payment in your wallet app.")),
        "processing": (
            _("Processing"),
            _("The payment has been started. How it ends is not known yet."),
        ),
        "paid": (_("Paid"), _("Thank you. The merchant has been notified.")),
        "refunded": (_("Refunded"), _("The payment was returned to the payer's wallet.")),
        "partially_refunded": (
            _("Partly refunded"),
            _("A part of the payment was returned to the payer's wallet."),
        ),
        "expired": (
            _("Expired"),
            _("Time ran out and you were not charged. Ask the merchant for a new code."),
        ),
        "cancelled": (_("Cancelled"), _("The payment was cancelled and you were not charged.")),
        "failed": (
            _("Payment failed"),
            _(
                "It was tried too often without success, and you were not charged. "
                "Ask the merchant for a new code."
            ),
        ),
    }


@cache
def start_refusals(language: Language) -> Mapping[str, str]:
    """Why a payment through a processor is not started, by the `code` of the refusal."""
    _ = language.gettext
    return {
        "session-claimed": _("Another wallet is paying. Try again in a moment."),
        "session-not-payable": _("This payment can no longer be made."),
        "session-expired": _("Time ran out and you were not charged."),
        "payment-in-flight": _("A payment is being processed. Wait until it has ended."),
        "processor-not-enabled": _("The merchant no longer offers this way to pay."),
        "processor-unavailable": _("This way to pay is not available now. Pay another way."),
        "amount-unsupported": _("This amount cannot be paid in this way. Pay another way."),
    }
