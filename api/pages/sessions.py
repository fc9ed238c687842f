"""The pages of one payment session: the checkout screen and the wallet."""

from __future__ import annotations

from typing import Any

import msgspec

from api.http.messages import HttpResponse
from api.http.operation import Call
from api.pages.rendering import render, texts_for
from api.tokens import Use
from api.views import money
from api.views.sessions import public_session_view
from application.reader import Current
from domain import ids, times
from domain.qr import dynamic_url
from domain.sessions.payment_session import PaymentSession

STATES = (
    "created", "scanned", "processing", "paid", "declined", "refunded", "expired", "cancelled",
    "failed",
)  # fmt: skip
CHECKOUT_TEXTS = (
    "minutes_left", "seconds_left", "live", "reconnecting", "polling", "back_soon", "copied",
)  # fmt: skip
WALLET_TEXTS = (
    "paying", "trouble", "offline", "insufficient-funds", "session-claimed", "session-not-payable",
    "session-expired", "wallet-currency-mismatch", "claim-required", "unauthorized",
)  # fmt: skip


def checkout_page(call: Call, current: Current[PaymentSession], token: str) -> HttpResponse:
    """What the till or the payer's browser shows while the session is open, and how it ended."""
    session = current.state
    address = f"/checkout/{session.public_id}?token={token}"
    facts = _facts(call, current, Use.LIVE, poll_url=address, names=CHECKOUT_TEXTS)
    return render(
        "checkout.html",
        call.services.config,
        texts_for(call.request),
        order_id=session.order_id,
        picture=f"/v1/payment-sessions/{session.public_id}/qr.svg",
        may_cancel=session.checkout_may_cancel,
        cancel_url=f"/checkout/{session.public_id}/cancel?token={token}",
        return_url=session.return_url,
        self_url=address,
        **facts,
    )


def wallet_page(call: Call, current: Current[PaymentSession]) -> HttpResponse:
    """What the address in the code opens in a browser: payee and amount, then Pay."""
    session = current.state
    address = f"/q/{ids.encode_suffix(session.id)}"
    facts = _facts(call, current, Use.WATCH, poll_url=address, names=WALLET_TEXTS)
    paid_at = times.to_text(session.payment.paid_at) if session.payment else None
    return render(
        "wallet.html",
        call.services.config,
        texts_for(call.request),
        paid_at=paid_at,
        reference=session.public_id,
        **facts,
    )


def message_page(call: Call, name: str, *, status: int) -> HttpResponse:
    """A page that says what happened and what to do."""
    texts = texts_for(call.request)
    return render("message.html", call.services.config, texts, message=texts[name], status=status)


def _facts(
    call: Call,
    current: Current[PaymentSession],
    use: Use,
    *,
    poll_url: str,
    names: tuple[str, ...],
) -> dict[str, Any]:
    session, now = current.state, current.now
    texts = texts_for(call.request)
    status = session.status_at(now)
    left = max(0, int((session.expires_at - now).total_seconds()))
    shown = msgspec.to_builtins(public_session_view(session, now))
    return {
        "state": status.value,
        "states": STATES,
        "payee": session.merchant_name,
        "amount": money.display(session.amount, str(texts["locale"])),
        "description": session.description,
        "time_left": f"{left // 60}:{left % 60:02}",
        "code_url": f"/q/{ids.encode_suffix(session.id)}",
        "data": {
            "session": shown,
            "payload": dynamic_url.build(call.services.config.public_url, session.id),
            "live": {
                "live_url": _live_url(call, current.state, use),
                "poll_url": poll_url,
                "version": session.version,
                "status": status.value,
            },
            "texts": {name: texts[name] for name in names},
        },
    }


def _live_url(call: Call, session: PaymentSession, use: Use) -> str:
    """Pages mint their own token for the socket; the wallet's shows no more than its page."""
    token = call.services.tokens.for_session(use, session.id, session.expires_at)
    return f"{call.services.config.live_public_url}/live?session={session.public_id}&token={token}"
