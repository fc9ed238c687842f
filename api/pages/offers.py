"""The signed offer, for wallet apps that open the address in a QR code."""

from __future__ import annotations

from api.http.messages import HttpResponse
from api.http.operation import Call
from application.reader import Current
from domain.qr import offer
from domain.qr.offer import Offer
from domain.sessions.payment_session import PaymentSession


def offer_response(call: Call, current: Current[PaymentSession]) -> HttpResponse:
    """The offer as it is now, signed; of a session that has ended too, with its status.

    Raises:
        SigningUnavailable: this process has no signing key.
    """
    session, now = current.state, current.now
    key = call.services.code_keys.current()
    text = offer.sign(
        Offer(
            issuer=call.services.config.public_url,
            session_id=session.public_id,
            payee_id=session.merchant_id,
            payee_name=session.merchant_name,
            amount=session.amount,
            description=session.description,
            status=session.status_at(now).value,
            expires_at=session.expires_at,
            served_at=now,
            revision=session.version,
        ),
        key.id,
        key.sign,
    )
    return HttpResponse(
        text.encode(),
        media_type=offer.MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "Vary": "Accept"},
    )
