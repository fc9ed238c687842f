"""What a caller may read; everything else is reported as not found."""

from __future__ import annotations

from uuid import UUID

from api import blocking
from api.http.identity import CallerRole, Identity
from api.http.operation import Call
from application.errors import NotFound
from application.reader import Current
from domain import ids
from domain.payouts.payout import Payout
from domain.sessions.payment_session import PaymentSession
from domain.static_codes.static_code import StaticCode
from domain.wallets.wallet import Wallet


def acting_wallet(identity: Identity, wallet_id: str) -> UUID:
    """The wallet named in the body; a page may act only for its own wallet.

    Raises:
        NotFound: it is not the page's wallet.
    """
    wallet = ids.decode("wal", wallet_id)
    if identity.wallet_id not in {None, wallet}:
        raise NotFound(thing="wallet")
    return wallet


async def readable_session(call: Call, session_id: UUID) -> Current[PaymentSession]:
    """The session, if the caller may read it.

    A wallet app or page may read every session that one of its wallets has ever claimed.

    Raises:
        NotFound: there is no such session, or it is not the caller's.
    """
    get = call.services.reader.get
    current = await blocking.read(get, PaymentSession, session_id, "payment session")
    session, holder = current.state, call.identity.holder
    match call.identity.role:
        case CallerRole.MERCHANT:
            may_read = session.merchant_id == holder
        case CallerRole.WALLET:
            may_read = holder in session.claims_by_app
        case CallerRole.PAGE:
            may_read = holder in session.claims_by_wallet
        case CallerRole.CHECKOUT:
            may_read = session.public_id == holder
        case role:
            may_read = role is CallerRole.AUDITOR
    if not may_read:
        raise NotFound(thing="payment session")
    return current


async def readable_wallet(call: Call, wallet_id: UUID) -> Current[Wallet]:
    """The wallet, if the caller may read it.

    Raises:
        NotFound: there is no such wallet, or it is not the caller's.
    """
    current = await blocking.read(call.services.reader.get, Wallet, wallet_id, "wallet")
    identity = call.identity
    match identity.role:
        case CallerRole.WALLET:
            may_read = current.state.wallet_app_id == identity.holder
        case CallerRole.PAGE:
            may_read = wallet_id == identity.wallet_id
        case role:
            may_read = role in {CallerRole.AUDITOR, CallerRole.OPERATOR}
    if not may_read:
        raise NotFound(thing="wallet")
    return current


async def readable_payout(call: Call, payout_id: UUID) -> Current[Payout]:
    """The payout, if the caller may read it: its merchant, an auditor or the operator.

    Raises:
        NotFound: there is no such payout, or it is not the caller's.
    """
    current = await blocking.read(call.services.reader.get, Payout, payout_id, "payout")
    identity = call.identity
    if identity.role is CallerRole.MERCHANT and current.state.merchant_id != identity.holder:
        raise NotFound(thing="payout")
    return current


async def readable_static_code(call: Call, code_id: UUID) -> Current[StaticCode]:
    """The static code, if the caller may read it: its merchant or an auditor.

    Raises:
        NotFound: there is no such code, or it is not the caller's.
    """
    current = await blocking.read(call.services.reader.get, StaticCode, code_id, "static code")
    identity = call.identity
    if identity.role is CallerRole.MERCHANT and current.state.merchant_id != identity.holder:
        raise NotFound(thing="static code")
    return current
