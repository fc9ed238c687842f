"""The table of connections and the addresses of clients, without a network."""

from __future__ import annotations

import asyncio

import pytest

from api.http.addresses import client_address, is_local, network_of
from api.http.connections import ConnectionLimits, ConnectionTable
from infrastructure import descriptors


class FakeConnection:
    """A connection that records what happens to it."""

    def __init__(self, peer: str = "192.0.2.1") -> None:
        self.peer = peer
        self.evicted = False
        self.checked = 0

    def check(self, now: float) -> None:
        self.checked += 1

    def evict(self) -> None:
        self.evicted = True


def table(
    total: int = 100, per_address: int = 100, *proxies: str, calls: list[int] | None = None
) -> ConnectionTable:
    limits = ConnectionLimits(total=total, per_address=per_address)
    recorded = [] if calls is None else calls
    return ConnectionTable(limits, proxies, on_full=lambda: recorded.append(1))


def test_a_full_port_closes_the_connection_that_has_waited_longest_and_no_active_one() -> None:
    calls: list[int] = []
    full = table(total=3, calls=calls)
    first, second, third, late, later = (FakeConnection() for _ in range(5))
    assert all(full.admit(connection) for connection in (first, second, third))
    full.mark_active(first)
    full.mark_waiting(second)  # its response was sent: it starts to wait again

    assert full.admit(late)
    assert [connection.evicted for connection in (first, second, third)] == [False, False, True]
    for connection in (second, late):
        full.mark_active(connection)
    assert not full.admit(later)
    assert len(full) == 3
    full.forget(first)
    assert full.admit(later)
    assert len(calls) == 2


def test_a_full_address_closes_one_of_its_own_connections() -> None:
    connections = table(total=100, per_address=2)
    others = [FakeConnection("192.0.2.9") for _ in range(2)]
    own = [FakeConnection() for _ in range(3)]

    assert all(connections.admit(connection) for connection in (*others, *own))

    assert [connection.evicted for connection in (*others, *own)] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert connections.from_address("192.0.2.1") == 2


def test_connections_of_a_trusted_proxy_are_not_limited_by_address() -> None:
    connections = table(3, 1, "192.0.2.1")
    proxied = [FakeConnection() for _ in range(3)]

    assert all(connections.admit(connection) for connection in proxied)

    assert not any(connection.evicted for connection in proxied)
    assert connections.admit(FakeConnection())
    assert proxied[0].evicted


def test_a_forgotten_connection_stays_forgotten() -> None:
    connections, connection = table(), FakeConnection()
    connections.admit(connection)

    connections.forget(connection)
    connections.forget(connection)
    connections.mark_waiting(connection)

    assert (len(connections), connections.from_address(connection.peer)) == (0, 0)
    assert connections._addresses == {}
    assert len(connections._waiting) == 0


def test_an_error_in_one_check_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class BrokenConnection(FakeConnection):
        def check(self, now: float) -> None:
            raise RuntimeError

    connections = ConnectionTable(ConnectionLimits(sweep_seconds=0.0))
    sound = FakeConnection()
    for connection in (BrokenConnection(), sound):
        connections.admit(connection)

    async def sweep() -> None:
        sweeping = asyncio.create_task(connections.sweep(lambda: 0.0))
        async with asyncio.timeout(20):
            while sound.checked < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        sweeping.cancel()

    asyncio.run(sweep())
    assert "could not be checked" in caplog.text


@pytest.mark.parametrize(
    ("address", "network"),
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
def test_addresses_are_counted_by_network(address: str, network: str) -> None:
    assert network_of(address) == network


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
def test_forwarded_addresses_are_read_from_the_right(
    peer: str, forwarded: list[str], address: str, local: bool
) -> None:
    assert client_address(peer, forwarded, ("10.0.0.1",)) == address
    assert is_local(peer, forwarded, ("10.0.0.1",)) is local
    assert not is_local("127.0.0.1", forwarded or ["x"], ())


def test_connection_limits_leave_descriptors_for_the_rest_of_the_process() -> None:
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
