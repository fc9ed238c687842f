"""Texts of every kind, and events as stored before texts were checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from application.event_log import AppendRequest, EventLog
from domain import ids, times
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet
from tests.support.payloads import NO_FEE, from_balance

UNACCEPTABLE = [
    *map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029", "\ud800", "\udbff",
    "\udc00", "\udfff",
]  # fmt: skip
"""The characters that the contract (section 1, Text) forbids; surrogates by their limits."""
OLD_TEXT = "a\x00b\x01\x1f\x7f\x85\x9f\u2028\u2029é✓ <&\"'"
"""Every kind of character that older releases accepted and stored."""
MONEY = {"amount_minor": 1000, "currency": "USD", "exponent": 2}


def acceptable(min_size: int, max_size: int) -> st.SearchStrategy[str]:
    """Any text the API accepts."""
    characters = st.characters(
        exclude_categories=["Cc", "Cs"], exclude_characters=["\u2028", "\u2029"]
    )
    return st.text(characters, min_size=min_size, max_size=max_size)


def an_old_payment(
    log: EventLog, *, merchant_id: str, wallet_app_id: str, at: datetime, text: str = OLD_TEXT
) -> tuple[UUID, UUID]:
    """A session from creation to payment, and its wallet; every free text is `text`.

    The events are made directly from their classes, which bypasses the checks of the domain.
    """
    session_id, wallet_id = uuid7(), uuid7()
    session, wallet = ids.encode("ps", session_id), ids.encode("wal", wallet_id)
    order_text = f"{session}{text}"
    order_id = Order.stream_id(merchant_id, order_text)
    claim = ids.encode("clm", uuid7())
    deadline = times.to_text(at + timedelta(seconds=900))

    def event(kind: type[Any], stream: UUID, version: int, **facts: Any) -> Any:
        if version == 1:
            facts["originator_topic"] = kind.TOPIC.partition(".")[0]
        return kind(originator_id=stream, originator_version=version, timestamp=at, **facts)

    opened = {"wallet_app_id": wallet_app_id, "currency": "USD", "exponent": 2}
    commands = [
        [event(Wallet.Opened, wallet_id, 1, **opened)],
        [event(Wallet.ToppedUp, wallet_id, 2, reference=text, **MONEY)],
        [
            event(
                Order.Opened, order_id, 1,
                merchant_id=merchant_id, order_id=order_text, session_id=session,
            ),
            event(
                PaymentSession.Created, session_id, 1,
                merchant_id=merchant_id, merchant_name=text, order_id=order_text,
                description=text, expires_at=deadline, expires_in_seconds=900,
                return_url=f"https://shop.example/{text}", metadata={text: text, "till": "3"},
                checkout_may_cancel=True, **NO_FEE, **MONEY,
            ),
        ],
        [
            event(
                PaymentSession.Scanned, session_id, 2,
                claim_id=claim, wallet_id=wallet, wallet_app_id=wallet_app_id,
                lease_until=times.to_text(at + timedelta(seconds=90)),
            )
        ],
        [
            event(
                Wallet.Captured, wallet_id, 3, session_id=session, source="available",
                merchant_id=merchant_id, merchant_name=text, **MONEY,
            ),
            event(
                PaymentSession.Paid, session_id, 3,
                claim_id=claim, wallet_id=wallet, merchant_id=merchant_id, merchant_name=text,
                **from_balance(1000),
            ),
        ],
    ]  # fmt: skip
    for events in commands:
        last = events[-1]
        [verdict] = log.append(
            [
                AppendRequest(
                    command_id=uuid7(), fingerprint=b"", events=events, actor="older release",
                    subject=last.originator_id, version=last.originator_version,
                )
            ]
        )  # fmt: skip
        assert verdict.kind.value == "recorded"
    return session_id, wallet_id
