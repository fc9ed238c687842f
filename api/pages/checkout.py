"""The page of the checkout screen, at the till or in the payer's browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from babel import Locale

from api.context import Services
from api.http.checkout import checkout_identity
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.pages.amounts import amount_chars
from api.pages.branding import branding_context, payee_of
from api.pages.checkout_texts import checkout_statuses, checkout_texts
from api.pages.moments import moment, time_left
from api.pages.processing import (
    offered_processors,
    processor_labels,
    return_path,
    ways_to_pay,
)
from api.pages.rendering import chosen_language, language_for, render
from api.pages.sessions import session_context
from api.pages.static_files import icon_in_page
from api.pages.texts import Language, languages
from api.tokens import Use
from api.v1.attempt_answers import next_action
from api.views import money
from api.views.attempts import payer_attempt_view
from api.views.sessions import paid_through
from application.reader import Current
from domain import ids
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status

LAST_MINUTE_SECONDS: Final = 60


def checkout_url(session_id: UUID, token: str, lang: str = "") -> str:
    """The address of a session's checkout screen, on this host, in a chosen language."""
    return in_language(f"/checkout/{ids.encode('ps', session_id)}?token={token}", lang)


def in_language(url: str, lang: str) -> str:
    """An address of ours in the language that the visitor has chosen; empty if none was."""
    return f"{url}{'&' if '?' in url else '?'}lang={lang}" if lang else url


def at_checkout_of(call: Call, session_id: UUID) -> Call:
    """The request as that of the session's checkout screen, whose token was checked."""
    return replace(call, identity=checkout_identity(session_id))


async def checkout_page(
    call: Call, current: Current[PaymentSession], token: str, *, error: str = ""
) -> HttpResponse:
    """The checkout screen, at the till or in the payer's browser; `error` is shown on it."""
    session, language = current.state, language_for(call.request)
    lang = chosen_language(call.request)
    attempts_url = f"/checkout/{session.public_id}/attempts"
    merchant = await payee_of(call.services, session)
    processors = offered_processors(call.services, merchant, session)
    action = await next_action(at_checkout_of(call, session.id), session)
    attempt = session.current_attempt
    may_stop = attempt is not None and payer_attempt_view(attempt).may_stop
    ways_url = in_language(f"{attempts_url}?token={token}", lang)
    context = session_context(
        call,
        current,
        Use.LIVE,
        title=_title(session, current.now, language),
        poll_url=checkout_url(session.id, token, lang),
        texts=checkout_texts(language),
    )
    context["code_url"] = in_language(context["code_url"], lang)
    return render(
        "checkout.html",
        call.services.config,
        language,
        order_id=session.order_id,
        reference=session.public_id,
        qr_url=f"/v1/payment-sessions/{session.public_id}/qr.svg",
        may_cancel=session.checkout_may_cancel,
        cancel_url=in_language(f"/checkout/{session.public_id}/cancel?token={token}", lang),
        return_url=session.return_url,
        check_url=_check_url(call.services, session, token, lang),
        ways=ways_to_pay(language, processors, ways_url),
        stop_url=in_language(f"{attempts_url}/stop?token={token}", lang),
        may_stop=may_stop,
        continue_url=action.url if action and may_stop else "",
        error=error,
        test=call.services.config.mode == "test",
        host=urlsplit(call.services.config.public_url).netloc,
        languages=_switch(session.id, token),
        icon=icon_in_page(),
        **branding_context(merchant, "checkout.css"),
        **_times(session, current.now, language),
        **_amount_and_way(session, language),
        **{**context, "statuses": checkout_statuses(language)},
    )


def _times(session: PaymentSession, now: datetime, language: Language) -> dict[str, Any]:
    """Times for people: the time left as a ring, the lease of a claim, and those of the clock."""
    left, whole = session.expires_at - now, session.expires_at - session.created_on
    claim = session.claim if session.status_at(now) is Status.SCANNED else None
    held = claim is not None and now < claim.lease_until
    payment = session.payment
    return {
        "elapsed_percent": 100 - max(0, min(100, 100 * left // whole)),
        "last_minute": left.total_seconds() <= LAST_MINUTE_SECONDS,
        "expires_at": moment(language, session.expires_at),
        "paid_at": moment(language, payment.paid_at) if payment else None,
        "lease": ("held" if held else "lapsed") if claim else "",
        "lease_left": time_left(claim.lease_until - now) if claim else "",
    }


def _amount_and_way(session: PaymentSession, language: Language) -> dict[str, Any]:
    """How many letters the amount has, and what it was paid with."""
    way = paid_through(session)
    labels = {**processor_labels(language), "wallet": checkout_texts(language)["wallet"]}
    return {
        "amount_chars": amount_chars(money.display(session.amount, language.locale)),
        "paid_through": labels.get(way, way),
    }


def _title(session: PaymentSession, now: datetime, language: Language) -> str:
    """The title of the tab, without the amount: a payment that was made shows from afar."""
    if session.status_at(now) is not Status.PAID:
        return session.merchant_name
    return f"✓ {checkout_statuses(language)['paid'][0]} · {session.merchant_name}"


def _switch(session_id: UUID, token: str) -> list[dict[str, str]]:
    """The page in every language, each by its own name."""
    return [
        {
            "name": (Locale.parse(one.locale).language_name or one.tag).capitalize(),
            "tag": one.tag,
            "url": checkout_url(session_id, token, one.tag),
        }
        for one in languages().values()
    ]


def _check_url(services: Services, session: PaymentSession, token: str, lang: str) -> str:
    """Where the screen is asked for again: by the page that leads on to the merchant, if it may."""
    attempt = session.current_attempt
    if attempt is None or attempt.wallet_id is not None or session.return_url is None:
        return checkout_url(session.id, token, lang)
    return in_language(return_path(services.tokens, session.id, session.expires_at), lang)
