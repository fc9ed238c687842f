"""The sender: hostile addresses, names that rebind, and receivers that misbehave; 0 reached."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from application.ports.webhook_sender import Answer, NoAnswer, Sent, WebhookCall
from infrastructure.webhooks.addresses import may_call
from infrastructure.webhooks.sender import GuardedSender
from tests.support.receiver import Receiver, receiving

ANY = str(ip_address(0))
BODY = b'{"type": "webhook.test"}'

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


CONTEXT = ssl.create_default_context()
"""Reading the authorities takes a while."""


def sender(
    resolve: Callable[[str, int], Sequence[str]] = lambda _host, _port: ["127.0.0.1"],
    **facts: Any,
) -> GuardedSender:
    return GuardedSender(resolve=resolve, **{"loopback": False, "context": CONTEXT, **facts})


def always(found: list[str]) -> Callable[[str, int], Sequence[str]]:
    """A resolver with one answer."""
    return lambda _host, _port: found


def post(sender: GuardedSender, url: str) -> Sent:
    [sent] = sender.send([WebhookCall(url, {"webhook-id": "evt_1"}, BODY)])
    sender.close()
    return sent


class Reached(Exception):
    """A connection was made."""


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


def test_a_call_arrives_as_it_was_made() -> None:
    with receiving() as receiver:
        sent = post(sender(loopback=True), f"{receiver.url}?a=b")

    [call] = receiver.calls
    assert sent == Answer(200, sent.milliseconds, "ok")
    assert (call.path, call.body) == ("/hooks?a=b", BODY)
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["webhook-id"] == "evt_1"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        post(sender(loopback=True), receiver.url)

    assert (len(proxy.calls), len(receiver.calls)) == (0, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    with receiving() as secret:

        def redirect(handler: Any) -> None:
            handler.send_response(status)
            handler.send_header("location", secret.url)
            handler.send_header("content-length", "0")
            handler.end_headers()

        with receiving(redirect) as receiver:
            sent = post(sender(loopback=True), receiver.url)

    assert isinstance(sent, Answer)
    assert sent.status == status
    assert secret.calls == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 0), ("99999999999", 86_400), ("-1", None), ("soon", None), ("1" * 50, None),
     ("1e3", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_read(header: str, seconds: int | None) -> None:
    def busy(handler: Any) -> None:
        handler.send_response(503)
        handler.send_header("retry-after", header)
        handler.end_headers()

    with receiving(busy) as receiver:
        sent = post(sender(loopback=True), receiver.url)

    assert isinstance(sent, Answer)
    assert (sent.status, sent.retry_after_seconds) == (503, seconds)


def raw(answer: bytes, *, then_drip: bytes = b"") -> Callable[[Any], None]:
    """An answer as bytes; afterwards one byte every 20 ms, for ever."""

    def write(handler: Any) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(answer)
            while then_drip:
                handler.wfile.write(then_drip)
                time.sleep(0.02)
        except OSError:
            pass

    return write


NO_HTTP = [
    b"", b"hello\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 999999 ok\r\n\r\n",
    b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 100, b"HTTP/1.1 200 ok\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 ok\r\na: " + b"b" * 100_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("answer", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_not_http_or_does_not_end_is_no_answer(answer: bytes) -> None:
    with receiving(raw(answer)) as receiver:
        sent = post(sender(loopback=True, seconds=2.0), receiver.url)

    assert isinstance(sent, NoAnswer)


def test_headers_that_drip_end_with_the_deadline() -> None:
    with receiving(raw(b"HTTP/1.1 200 ok\r\na: ", then_drip=b"b")) as receiver:
        sent = post(sender(loopback=True, seconds=0.5), receiver.url)

    assert isinstance(sent, NoAnswer)
    assert sent.reason == "no complete answer in time"
    assert sent.milliseconds < 5000


def test_a_receiver_that_never_answers_ends_with_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        sent = post(sender(loopback=True, seconds=0.3), f"http://127.0.0.1:{port}/")

    assert sent == NoAnswer("no complete answer in time", sent.milliseconds)


LYING = [
    (b"HTTP/1.1 200 ok\r\ncontent-length: 1000000\r\n\r\nshort", b""),
    (b"HTTP/1.1 200 ok\r\ncontent-length: 5\r\n\r\nmuch longer than that", b""),
    (b"HTTP/1.1 200 ok\r\ncontent-length: -1\r\n\r\nbody", b""),
    (b"HTTP/1.1 200 ok\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFF\r\nab", b""),
    (b"HTTP/1.1 200 ok\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab", b""),
    (b"HTTP/1.1 200 ok\r\n\r\n", b"x"),
    (b"HTTP/1.1 200 ok\r\n\r\n" + b"x" * 10_000_000, b""),
]


@pytest.mark.parametrize(("answer", "drip"), LYING, ids=range(len(LYING)))
def test_the_status_counts_however_the_body_lies_and_1_kb_of_it_is_kept(
    answer: bytes, drip: bytes
) -> None:
    with receiving(raw(answer, then_drip=drip)) as receiver:
        sent = post(sender(loopback=True, seconds=1.0), receiver.url)

    assert isinstance(sent, Answer)
    assert sent.status == 200
    assert len(sent.text) <= 1024


def test_a_body_that_arrives_after_its_headers_is_kept() -> None:
    with receiving(raw(b"HTTP/1.1 200 ok\r\n\r\n", then_drip=b"x")) as receiver:
        sent = post(sender(loopback=True, seconds=1.0), receiver.url)

    assert isinstance(sent, Answer)
    assert set(sent.text) == {"x"}


def test_unacceptable_text_of_an_answer_is_replaced() -> None:
    with receiving(raw(b"HTTP/1.1 200 ok\r\n\r\na\x00b\xff\x1b[31m")) as receiver:
        sent = post(sender(loopback=True), receiver.url)

    assert isinstance(sent, Answer)
    assert sent.text == "a�b��[31m"


def test_calls_of_a_batch_run_together_and_fail_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, receiving() as receiver:
        slow = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        urls = [slow, receiver.url, "https://[::1", "http://127.0.0.1:1/", slow]
        guarded = sender(loopback=True, seconds=0.5)

        sent = guarded.send([WebhookCall(url, {}, BODY) for url in urls])
        guarded.close()

    assert [isinstance(one, Answer) for one in sent] == [False, True, False, False, False]


# TLS: the certificate is checked against the URL's name, although the address is connected to.


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


@pytest.mark.parametrize(("name", "reached"), [("hooks.example", True), ("other.example", False)])
def test_sni_and_certificate_are_those_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, reached: bool
) -> None:
    chain, private = certificate(tmp_path, name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    named: list[str | None] = []
    server.sni_callback = lambda _socket, sni, _context: named.append(sni)
    client = ssl.create_default_context(cafile=str(chain))
    connect = socket.create_connection
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def to_the_test(address: Any, **facts: Any) -> Any:
            assert address == ("93.184.215.14", 443)
            return connect(("127.0.0.1", port), **facts)

        monkeypatch.setattr(socket, "create_connection", to_the_test)
        thread = Thread(target=_answer_once, args=(listening, server), daemon=True)
        thread.start()
        sent = post(
            sender(lambda _host, _port: ["93.184.215.14"], context=client), "https://hooks.example/"
        )
        thread.join(5)

    assert named == ["hooks.example"]
    assert isinstance(sent, Answer) == reached
    if not reached:
        assert sent == NoAnswer("TLS failed", sent.milliseconds)


def _answer_once(listening: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listening.accept()
    with plain:
        try:
            with context.wrap_socket(plain, server_side=True) as sock:
                sock.recv(4096)
                sock.sendall(b"HTTP/1.1 204 ok\r\n\r\n")
                while sock.recv(4096):  # closing before the body was read would reset the answer
                    pass
        except OSError:
            pass


def test_the_receiver_of_these_tests_is_on_this_machine() -> None:
    assert ip_address("127.0.0.1").is_loopback
    assert Receiver(port=1).url == "http://127.0.0.1:1/hooks"
