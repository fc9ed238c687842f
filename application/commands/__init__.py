"""One file per thing that may be asked; the table that says who decides what."""

from __future__ import annotations

from application.bus import Bus
from application.command import Command, Handler
from application.commands.clock import AcceptClock, accept_clock
from application.commands.create_session import CreateSession, create_session
from application.commands.end_session import (
    CancelSession,
    ExpireSession,
    ReleaseClaim,
    cancel_session,
    expire_session,
    release_claim,
)
from application.commands.holders import (
    IssueKey,
    RegisterMerchant,
    RegisterWalletApp,
    RevokeKey,
    issue_key,
    register_merchant,
    register_wallet_app,
    revoke_key,
)
from application.commands.pay_session import PaySession, pay_session
from application.commands.scan_session import ScanSession, scan_session
from application.commands.wallets import OpenWallet, TopUpWallet, open_wallet, top_up_wallet

HANDLERS: dict[type[Command], Handler] = {
    CreateSession: create_session,
    ScanSession: scan_session,
    PaySession: pay_session,
    CancelSession: cancel_session,
    ExpireSession: expire_session,
    ReleaseClaim: release_claim,
    OpenWallet: open_wallet,
    TopUpWallet: top_up_wallet,
    RegisterMerchant: register_merchant,
    RegisterWalletApp: register_wallet_app,
    IssueKey: issue_key,
    RevokeKey: revoke_key,
    AcceptClock: accept_clock,
}


def serve_all(bus: Bus) -> Bus:
    """Let the bus decide every command of the house."""
    for kind, handler in HANDLERS.items():
        bus.serve(kind, handler)
    return bus
