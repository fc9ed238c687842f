"""The socket of all sessions of a merchant: tickets, the first message, resume by position."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.live import merchant_admission as admission
from api.live import merchant_hub
from api.live.merchant_hub import SOCKETS_PER_MERCHANT_MAX
from application.commands.revoke_key import RevokeKey
from application.errors import LogUnavailable
from domain import ids
from domain.sessions.payment_session import PaymentSession
from tests.support.ledger_fixture import LedgerFixture
from tests.support.live_fixture import TOKENS, LiveFixture, close_code, play, receive, until


def other_merchant(live: LiveFixture) -> LedgerFixture:
    return LedgerFixture(live.log)


def pay_one(ledger: LedgerFixture) -> None:
    """A session that is created, scanned and paid: three events of its stream."""
    session, wallet = ledger.create_session(), ledger.open_wallet()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))


def own_positions(live: LiveFixture, after: int = 0) -> list[int]:
    """The positions of the events of the merchant's sessions."""
    own = {
        one.stream_id
        for one in live.log.events
        if one.topic == PaymentSession.Created.TOPIC
        and one.event.merchant_id == live.ledger.merchant  # type: ignore[attr-defined]
    }
    return [one.position for one in live.log.events[after:] if one.stream_id in own]


def test_a_merchant_hears_every_event_of_its_sessions_and_no_other() -> None:
    async def scenario(live: LiveFixture) -> None:
        standing = live.ledger.create_session()
        other = other_merchant(live)
        other.create_session()
        url, head = live.merchant_url(), live.log.head()
        async with connect(url) as backend:
            first = await receive(backend)
            pay_one(other)
            pay_one(live.ledger)
            await live.follow()
            messages = [await receive(backend) for _ in range(3)]

        assert list(first) == ["type", "position", "server_time", "sessions", "has_more"]
        assert (first["type"], first["position"], first["has_more"]) == (
            "snapshot",
            head,
            False,
        )
        assert [one["id"] for one in first["sessions"]] == [ids.encode("ps", standing)]
        assert list(messages[0]) == ["type", "event", "position", "server_time", "session"]
        assert [one["event"] for one in messages] == [
            "payment_session.created", "payment_session.scanned", "payment_session.paid",
        ]  # fmt: skip
        assert [one["position"] for one in messages] == own_positions(live, head)
        paid = messages[2]["session"]
        assert (paid["status"], paid["version"]) == ("paid", 3)
        assert paid["position"] == messages[2]["position"]
        assert paid["paid"]["wallet_id"]
        assert paid["merchant"]["id"] == live.ledger.merchant
        assert (paid["live_url"], paid["checkout_url"]) == (None, None)

    play(scenario)


def test_a_merchant_that_resumes_at_any_position_gets_exactly_what_it_missed() -> None:
    async def scenario(live: LiveFixture) -> None:
        other = other_merchant(live)
        key = live.key()
        for _ in range(3):
            pay_one(live.ledger)
            pay_one(other)
            live.ledger.create_session()
        head = live.log.head()
        for after in range(head + 1):
            async with connect(live.merchant_url(after, live.ticket(key))) as backend:
                live.ledger.create_session()
                await live.follow()
                expected = own_positions(live, after)
                messages = [await receive(backend) for _ in expected]
            assert [one["position"] for one in messages] == expected
            assert {one["type"] for one in messages} == {"event"}

    play(scenario)


@pytest.mark.parametrize("ahead", [1, 10**17])
def test_a_position_of_the_future_gives_a_snapshot_that_says_so(ahead: int) -> None:
    async def scenario(live: LiveFixture) -> None:
        ticket = live.ticket()
        async with connect(live.merchant_url(live.log.head() + ahead, ticket)) as backend:
            first = await receive(backend)
        assert (first["type"], first["recovered"]) == ("snapshot", False)
        assert first["position"] == live.log.head()

    play(scenario)


@pytest.mark.parametrize("limit", ["MISSED_EVENTS_MAX", "MISSED_POSITIONS_MAX"])
def test_whoever_missed_too_much_gets_a_snapshot_and_never_a_part(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(live: LiveFixture) -> None:
        ticket, start = live.ticket(), live.log.head()
        pay_one(live.ledger)
        missed = own_positions(live, start)
        enough = len(missed) if limit == "MISSED_EVENTS_MAX" else live.log.head() - start
        monkeypatch.setattr(admission, limit, enough)
        async with connect(live.merchant_url(start, ticket)) as backend:
            assert [(await receive(backend))["position"] for _ in missed] == missed

        monkeypatch.setattr(admission, limit, enough - 1)
        async with connect(live.merchant_url(start, live.ticket())) as backend:
            first = await receive(backend)
            assert (first["type"], first["recovered"]) == ("snapshot", False)
            await live.follow()
            head = live.log.head()
            live.ledger.create_session()
            await live.follow()
            assert (await receive(backend))["position"] > head

    play(scenario)


def test_the_snapshot_is_bounded_and_says_that_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "OPEN_SESSIONS_MAX", 3)

    async def scenario(live: LiveFixture) -> None:
        sessions = [live.ledger.create_session() for _ in range(4)]
        async with connect(live.merchant_url()) as backend:
            first = await receive(backend)
        newest = [ids.encode("ps", one) for one in reversed(sessions)][:3]
        assert [one["id"] for one in first["sessions"]] == newest
        assert first["has_more"] is True

    play(scenario)


@pytest.mark.parametrize("lag", [0, 1, 4, 100])
def test_the_snapshot_is_of_one_position_although_the_read_model_lags(lag: int) -> None:
    async def scenario(live: LiveFixture) -> None:
        live.ledger.create_session()
        wallet, claimed = live.ledger.open_wallet(), live.ledger.create_session()
        other_merchant(live).create_session()
        pay_one(live.ledger)
        ticket = live.ticket()
        live.ledger.claim_session(claimed, wallet)
        live.merchants.open_sessions.lag = lag  # type: ignore[attr-defined]
        async with connect(live.merchant_url(ticket=ticket)) as backend:
            first = await receive(backend)
        assert [one["status"] for one in first["sessions"]] == ["scanned", "created"]
        assert first["position"] == live.log.head()
        positions = [one["position"] for one in first["sessions"]]
        assert positions == sorted(positions, reverse=True)
        assert positions[0] == live.log.head()

    play(scenario)


def test_a_read_model_that_is_far_behind_gives_no_part_of_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "MISSED_POSITIONS_MAX", 2)

    async def scenario(live: LiveFixture) -> None:
        live.ledger.create_session()
        ticket = live.ticket()
        live.merchants.open_sessions.lag = 3  # type: ignore[attr-defined]
        async with connect(live.merchant_url(ticket=ticket)) as backend:
            assert await close_code(backend) == 1013

    play(scenario)


def test_a_ticket_works_once_and_a_second_use_takes_no_place() -> None:
    async def scenario(live: LiveFixture) -> None:
        ticket = live.ticket()
        async with connect(live.merchant_url(ticket=ticket)) as first:
            assert (await receive(first))["type"] == "snapshot"
            async with connect(live.merchant_url(ticket=ticket)) as second:
                assert await close_code(second) == 4001
                assert second.close_reason == "the ticket was used or has expired"
        await until(lambda: not live.notifier.has_listeners)

    play(scenario)


def test_of_many_uses_at_once_one_succeeds() -> None:
    async def scenario(live: LiveFixture) -> None:
        ticket = live.ticket()
        async with AsyncExitStack() as crowd:
            url = live.merchant_url(ticket=ticket)
            sockets = [await crowd.enter_async_context(connect(url)) for _ in range(6)]
            first = await asyncio.gather(*(receive(one) for one in sockets), return_exceptions=True)
        assert sum(isinstance(one, dict) for one in first) == 1

    play(scenario)


def test_a_ticket_ends_after_a_minute_by_the_ledgers_time() -> None:
    async def scenario(live: LiveFixture) -> None:
        early, late = live.ticket(), live.ticket()
        live.log.advance(59)
        async with connect(live.merchant_url(ticket=early)) as backend:
            assert (await receive(backend))["type"] == "snapshot"
        live.log.advance(1)
        async with connect(live.merchant_url(ticket=late)) as backend:
            assert await close_code(backend) == 4001
            assert "expired" in (backend.close_reason or "")

    play(scenario)


def bad_addresses(live: LiveFixture) -> list[str]:
    ticket, key = live.ticket(), live.key()
    forged = ticket[:-1] + ("0" if ticket[-1] != "0" else "1")
    unknown, _ = TOKENS.for_ticket(
        live.ledger.new_id(), live.ledger.merchant_id, key, live.log.clock
    )
    session = live.ledger.create_session()
    parts = ticket.split("_")
    swapped = "_".join([parts[0], parts[1], parts[3], parts[2], *parts[4:]])
    queries = [
        f"ticket={forged}", f"ticket={unknown}", f"ticket={swapped}", "ticket=", "ticket=%00",
        f"ticket={ticket.upper()}", f"ticket={live.token(session)}", "ticket=qrt_1_2_3_4_5",
        f"ticket={ticket}&ticket={ticket}", f"ticket={ticket}&session={ids.encode('ps', session)}",
        *(f"ticket={ticket}&after={after}" for after in
          ["-1", "", "x", "1.0", "1e3", "%00", "+1", "%D9%A1", "9" * 19, "9" * 2000]),
        f"ticket={ticket}&after=1&after=1", "ticket=" + "q" * 4000,
    ]  # fmt: skip
    place = live.merchant_url(ticket=ticket).partition("?")[0]
    return [f"{place}?{query}" for query in queries]


def test_a_bad_ticket_is_closed_with_4001_and_uses_nothing_up() -> None:
    async def scenario(live: LiveFixture) -> None:
        urls = bad_addresses(live)
        kept = dict(live.merchants.tickets.kept)  # type: ignore[attr-defined]
        for url in urls:
            async with connect(url) as backend:
                assert await close_code(backend) == 4001, url
        assert live.merchants.tickets.kept == kept  # type: ignore[attr-defined]

    play(scenario)


def test_a_forged_ticket_causes_no_read() -> None:
    async def scenario(live: LiveFixture) -> None:
        ticket = live.ticket()
        reads: list[object] = []
        live.merchants.tickets.take = reads.append  # type: ignore[method-assign, assignment]
        live.log.load = reads.append  # type: ignore[method-assign, assignment]
        async with connect(live.merchant_url(ticket=ticket[:-4] + "beef")) as backend:
            assert await close_code(backend) == 4001
        assert reads == []

    play(scenario)


def test_the_socket_ends_with_the_key_of_its_ticket() -> None:
    async def scenario(live: LiveFixture) -> None:
        key, other = live.key(), live.key()
        unused = live.ticket(key)
        async with (
            connect(live.merchant_url(ticket=live.ticket(key))) as ended,
            connect(live.merchant_url(ticket=live.ticket(other))) as stays,
        ):
            await receive(ended)
            await receive(stays)
            await live.follow()
            live.ledger.send(RevokeKey(key_id=key))
            live.ledger.create_session()
            await live.follow()
            assert await close_code(ended) == 4001
            assert (await receive(stays))["event"] == "payment_session.created"
        async with connect(live.merchant_url(ticket=unused)) as late:
            assert await close_code(late) == 4001
            assert late.close_reason == "the key was revoked"

    play(scenario)


def test_a_merchant_without_a_place_keeps_its_ticket() -> None:
    async def scenario(live: LiveFixture) -> None:
        key = live.key()
        async with AsyncExitStack() as crowd:
            for _ in range(SOCKETS_PER_MERCHANT_MAX):
                url = live.merchant_url(ticket=live.ticket(key))
                await receive(await crowd.enter_async_context(connect(url)))
            ticket = live.ticket(key)
            async with connect(live.merchant_url(ticket=ticket)) as extra:
                assert await close_code(extra) == 1013
            neighbour = live.merchant_url(ticket=live.ticket(ledger=other_merchant(live)))
            async with connect(neighbour) as backend:
                assert (await receive(backend))["type"] == "snapshot"
        await until(lambda: not live.notifier.has_listeners)
        async with connect(live.merchant_url(ticket=ticket)) as backend:
            assert (await receive(backend))["type"] == "snapshot"

    play(scenario)


def test_a_foreign_origin_is_refused_at_the_handshake_and_uses_no_ticket() -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.merchant_url(ticket=live.ticket())
        with pytest.raises(InvalidStatus) as error:
            await connect(url, origin="https://evil.example")  # type: ignore[arg-type]
        assert error.value.response.status_code == 403
        async with connect(url) as backend:
            assert (await receive(backend))["type"] == "snapshot"

    play(scenario)


def test_sockets_of_merchants_count_against_the_address() -> None:
    async def scenario(live: LiveFixture) -> None:
        async with connect(live.merchant_url()) as one:
            await receive(one)
            with pytest.raises(InvalidStatus) as error:
                await connect(live.merchant_url())
            assert error.value.response.status_code == 429

    play(scenario, per_address=1)


def test_a_slow_merchant_is_closed_with_4008_and_resumes_without_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merchant_hub, "MERCHANT_BUFFER_BYTES_MAX", -1)

    async def scenario(live: LiveFixture) -> None:
        key = live.key()
        async with connect(live.merchant_url(ticket=live.ticket(key))) as backend:
            position = (await receive(backend))["position"]
            pay_one(live.ledger)
            await live.follow()
            assert await close_code(backend) == 4008
        url = live.merchant_url(position, live.ticket(key))
        async with connect(url) as backend:
            expected = own_positions(live, position)
            assert [(await receive(backend))["position"] for _ in expected] == expected

    play(scenario)


def test_an_unavailable_ledger_closes_with_1013() -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.merchant_url()

        def unavailable(*_args: Any) -> Any:
            raise LogUnavailable(reason="test")

        live.log.head = unavailable  # type: ignore[method-assign]
        async with connect(url) as backend:
            assert await close_code(backend) == 1013
        await until(lambda: not live.notifier.has_listeners)

    play(scenario)


def test_a_restarted_notifier_sends_exactly_what_was_missed() -> None:
    async def scenario(live: LiveFixture) -> None:
        key = live.key()
        position = live.log.head()
        heard: list[int] = []
        for _ in range(3):
            async with connect(live.merchant_url(position, live.ticket(key))) as backend:
                pay_one(live.ledger)
                await live.follow()
                heard += [(await receive(backend))["position"] for _ in range(2)]
                position = heard[-1]
            await live.restart()
        async with connect(live.merchant_url(position, live.ticket(key))) as backend:
            rest = own_positions(live, position)
            heard += [(await receive(backend))["position"] for _ in rest]
        assert heard == own_positions(live, own_positions(live)[0] - 1)

    play(scenario)
