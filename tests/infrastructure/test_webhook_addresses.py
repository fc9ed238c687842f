"""What the sender may call: hostile URLs, addresses and names that rebind; 0 reached."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from application.ports.webhook_sender import NoAnswer
from infrastructure.webhooks.addresses import may_call
from tests.support.webhook_senders import always, post, sender

ANY = str(ip_address(0))


HOSTS = [
    # IPv4 in every notation that some library reads
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1",
    "0177.0.0.1", "127.0.0.1.", "0", ANY, "00000000177.0.0.1", "127.000.000.001",
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.170.2",
    "168.63.129.16", "198.18.0.1", "192.0.0.192", "192.88.99.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "１２７.0.0.1", "127。0。0。1",
    # IPv6: loopback, mapped, compatible, NAT64, 6to4, Teredo, local, multicast, with a zone
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[fec0::1]", "[fc00::1]",
    "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "[3fff::1]",
    # names that mean this machine or its network
    "localhost", "localhost.", "LOCALHOST", "api.localhost", "ip6-localhost", "metadata",
    "printer.local", "vault.internal", "router.lan", "1.0.0.127.in-addr.arpa", "hooks",
    "hooks..example", "-hooks.example", "hooks_.example", "ⓛocalhost", "hooks.example.",
]  # fmt: skip


URLS = [
    "http://hooks.example/", "https://hooks.example:22/", "https://hooks.example:0/",
    "https://hooks.example:65536/", "https://hooks.example:/", "https://user@hooks.example/",
    "https://user:secret@hooks.example/", "https://hooks.example@127.0.0.1/",
    "https://127.0.0.1\\@hooks.example/", "https://hooks.example#@127.0.0.1/",
    "https:127.0.0.1", "https:///127.0.0.1", "//127.0.0.1/", "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_SET", "ftp://hooks.example/", "javascript:alert(1)", "https://",
    "https://hooks.example/\r\nX-Injected: 1", "https://hooks.example/ HTTP/1.1", "", "hooks",
    "https://hooks.example/" + "a" * 1980, "https://[::1", "https://hooks.example\t/",
]  # fmt: skip


ADDRESSES = [
    "127.0.0.1", "127.255.255.254", ANY, "10.1.2.3", "172.31.255.255", "192.168.0.1",
    "100.64.0.1", "169.254.169.254", "168.63.129.16", "198.18.0.1", "192.0.0.8", "192.0.2.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.88.99.1",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fe80::1",
    "fe80::1%eth0", "2600::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1",
    "100::1", "3fff::1", "5f00::1", "", "hooks.example", "127.1",
]  # fmt: skip


PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450::1"]


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was connected to; nothing is."""
    reached: list[Any] = []

    def connect(address: Any, **_: Any) -> Any:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return reached


@pytest.mark.parametrize("url", [*(f"https://{host}/" for host in HOSTS), *URLS])
def test_a_hostile_url_is_not_called_whatever_it_resolves_to(
    url: str, no_connections: list[Any]
) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.215.14"]

    sent = post(sender(resolve), url)

    assert isinstance(sent, NoAnswer)
    assert (asked, no_connections) == ([], [])


def test_there_are_at_least_60_forms() -> None:
    assert len({*HOSTS, *URLS}) >= 60
    assert len(set(ADDRESSES)) >= 40


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_public_name_with_one_such_address_is_not_called(
    address: str, no_connections: list[Any]
) -> None:
    for found in ([address], ["93.184.215.14", address], [address, "93.184.215.14"]):
        sent = post(sender(always(found)), "https://hooks.example/")

        assert isinstance(sent, NoAnswer)
        assert sent.reason == "the name has an address that may not be called"
    assert no_connections == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert may_call(address)


def test_loopback_needs_the_setting_and_opens_nothing_else() -> None:
    assert [may_call(one, loopback=True) for one in ("127.0.0.1", "::1")] == [True, True]
    assert [may_call(one) for one in ("127.0.0.1", "::1")] == [False, False]
    others = [one for one in ADDRESSES if one not in {"127.0.0.1", "::1"}]
    assert not any(may_call(one, loopback=True) for one in others)


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(
    no_connections: list[Any],
) -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    post(sender(rebinding), "https://hooks.example/")

    assert asked == ["hooks.example"]
    assert no_connections == [("93.184.215.14", 443)]


@pytest.mark.parametrize(
    "error", [socket.gaierror(-3, "again"), TimeoutError(), OSError(), UnicodeError("idna")]
)
def test_a_name_that_does_not_resolve_is_not_called(
    error: Exception, no_connections: list[Any]
) -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        raise error

    sent = post(sender(resolve), "https://hooks.example/")

    assert sent == NoAnswer("the name was not resolved", sent.milliseconds)
    assert no_connections == []


@pytest.mark.parametrize("found", [[], ["93.184.215.14"] * 17])
def test_a_name_without_addresses_or_with_too_many_is_not_called(
    found: list[str], no_connections: list[Any]
) -> None:
    sent = post(sender(lambda _host, _port: found), "https://hooks.example/")

    assert isinstance(sent, NoAnswer)
    assert no_connections == []
