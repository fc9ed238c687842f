"""The table of connections and the definition of an address, without a network."""

from __future__ import annotations

import asyncio

import pytest

from api.http.addresses import client_address, is_local, network_of
from api.http.connections import ConnectionLimits, ConnectionTable
from infrastructure import descriptors


class One:
    """A connection that remembers what became of it."""

    def __init__(self, peer: str = "192.0.2.1") -> None:
        self.peer = peer
        self.gone = False
        self.checked = 0

    def check(self, now: float) -> None:
        self.checked += 1

    def evict(self) -> None:
        self.gone = True


def table(
    total: int = 100, per_address: int = 100, *proxies: str, told: list[int] | None = None
) -> ConnectionTable:
    limits = ConnectionLimits(total=total, per_address=per_address)
    heard = [] if told is None else told
    return ConnectionTable(limits, proxies, on_full=lambda: heard.append(1))


def test_the_one_that_waits_longest_gives_way_and_the_working_do_not() -> None:
    told: list[int] = []
    full = table(total=3, told=told)
    first, second, third, late, later = (One() for _ in range(5))
    assert all(full.admit(one) for one in (first, second, third))
    full.mark_active(first)
    full.mark_waiting(second)  # an answer was given: it waits anew

    assert full.admit(late)
    assert [one.gone for one in (first, second, third)] == [False, False, True]
    for one in (second, late):
        full.mark_active(one)
    assert not full.admit(later)
    assert len(full) == 3
    full.forget(first)
    assert full.admit(later)
    assert len(told) == 2


def test_an_address_gives_way_to_itself_only() -> None:
    counted = table(total=100, per_address=2)
    others = [One("192.0.2.9") for _ in range(2)]
    mine = [One() for _ in range(3)]

    assert all(counted.admit(one) for one in (*others, *mine))

    assert [one.gone for one in (*others, *mine)] == [False, False, True, False, False]
    assert counted.from_address("192.0.2.1") == 2


def test_a_trusted_proxys_connections_are_not_counted_by_address() -> None:
    counted = table(3, 1, "192.0.2.1")
    proxied = [One() for _ in range(3)]

    assert all(counted.admit(one) for one in proxied)

    assert not any(one.gone for one in proxied)
    assert counted.admit(One())
    assert proxied[0].gone


def test_whoever_is_forgotten_stays_forgotten() -> None:
    counted = table()
    one = One()
    counted.admit(one)

    counted.forget(one)
    counted.forget(one)
    counted.mark_waiting(one)

    assert (len(counted), counted.from_address(one.peer)) == (0, 0)
    assert counted._addresses == {}
    assert len(counted._waiting) == 0


def test_one_that_cannot_be_checked_keeps_nobody_from_being_checked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(One):
        def check(self, now: float) -> None:
            raise RuntimeError

    counted = ConnectionTable(ConnectionLimits(sweep_seconds=0.0))
    sound = One()
    for one in (Broken(), sound):
        counted.admit(one)

    async def sweep() -> None:
        sweeping = asyncio.create_task(counted.sweep(lambda: 0.0))
        async with asyncio.timeout(20):
            while sound.checked < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        sweeping.cancel()

    asyncio.run(sweep())
    assert "could not be checked" in caplog.text


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_addresses_are_network_of_those_who_have_them(address: str, counted: str) -> None:
    assert network_of(address) == counted


@pytest.mark.parametrize(
    ("peer", "forwarded", "address", "local"),
    [
        ("127.0.0.1", [], "127.0.0.1", True),
        ("::ffff:127.0.0.1", [], "127.0.0.1", True),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9", False),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9", False),
        ("10.0.0.1", ["127.0.0.1", "203.0.113.9"], "203.0.113.9", False),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.1"], "203.0.113.9", False),
        ("10.0.0.1", ["203.0.113.9", "", ",, ,"], "203.0.113.9", False),
        ("10.0.0.1", ["10.0.0.1"], "10.0.0.1", False),
        ("203.0.113.9", ["127.0.0.1"], "203.0.113.9", False),
    ],
)
def test_every_forwarded_header_counts_from_the_right(
    peer: str, forwarded: list[str], address: str, local: bool
) -> None:
    assert client_address(peer, forwarded, ("10.0.0.1",)) == address
    assert is_local(peer, forwarded, ("10.0.0.1",)) is local
    assert not is_local("127.0.0.1", forwarded or ["x"], ())


def test_connections_fit_into_the_descriptors() -> None:
    for limit in (1024, 4096, 20_000, descriptors.UNLIMITED):
        each = descriptors.connections_max(limit)
        assert 2 * each + descriptors.RESERVED <= limit
    assert descriptors.connections_max(1024) == 384
    assert descriptors.connections_max(64) == descriptors.CONNECTIONS_MIN


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    import resource  # noqa: PLC0415

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("no hard limit here")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard) - 1, hard))
        assert descriptors.raise_limit() == min(hard, descriptors.UNLIMITED)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
