"""TLS: the certificate is checked against the URL's name, although the address is connected to."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from application.ports.webhook_sender import Answer, NoAnswer
from tests.support.webhook_senders import post, sender


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
