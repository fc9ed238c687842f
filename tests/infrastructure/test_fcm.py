"""FCM against a server in this tree: it checks who asks for tokens, and what is sent with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from application.ports.push import PushMessage, PushOutcome, PushSent, PushSubscription
from infrastructure.processors.outbound import Outbound
from infrastructure.push.fcm import API, GRANT, SCOPE, Fcm
from infrastructure.push.service_account import BadServiceAccount, read_service_account
from tests.infrastructure.test_web_push import answering, message
from tests.support.receiver import Receiver, receiving

KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EMAIL = "push@payer-app.iam.gserviceaccount.com"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNREGISTERED = {
    "error": {
        "code": 404,
        "message": "Requested entity was not found.",
        "status": "NOT_FOUND",
        "details": [
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "UNREGISTERED",
            }
        ],
    }
}


def pem(key: Any) -> str:
    raw: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return raw.decode()


def account_file(folder: Path, **facts: Any) -> Path:
    path = folder / "account.json"
    members = {
        "type": "service_account",
        "project_id": "payer-app",
        "private_key_id": "k1",
        "private_key": pem(KEY),
        "client_email": EMAIL,
        **facts,
    }
    path.write_text(json.dumps(members))
    path.chmod(0o600)
    return path


class Google:
    """Grants tokens for assertions that are right, and takes messages that come with one."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.granted: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.refusal: tuple[int, Any] | None = None
        self.revoked: set[str] = set()
        self.expires_in: Any = 3600

    @property
    def token_uri(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/token"

    def answer(self, handler: Any) -> None:
        call = self.receiver.calls[-1]
        status, body = self.token(call) if call.path == "/token" else self.message(call)
        raw = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def token(self, call: Any) -> tuple[int, Any]:
        form = parse_qs(call.body.decode(), strict_parsing=True)
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
        assert form["grant_type"] == [GRANT]
        public = RSAKey.import_key(KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))  # fmt: skip
        try:
            token = jwt.decode(form["assertion"][0], public, algorithms=["RS256"])
        except Exception:  # noqa: BLE001 - whatever is wrong with it
            return 400, {"error": "invalid_grant"}
        claims, now = token.claims, int(NOW.timestamp())
        assert token.header["kid"] == "k1"
        assert (claims["iss"], claims["scope"], claims["aud"]) == (EMAIL, SCOPE, self.token_uri)
        assert now <= claims["iat"] < claims["exp"] <= claims["iat"] + 3600
        self.granted.append(f"token-{len(self.granted)}")
        granted = {"access_token": self.granted[-1], "token_type": "Bearer"}
        return 200, {**granted, "expires_in": self.expires_in}

    def message(self, call: Any) -> tuple[int, Any]:
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self.granted or bearer in self.revoked:
            return 401, {"error": {"status": "UNAUTHENTICATED"}}
        if self.refusal:
            return self.refusal
        assert call.path == "/v1/projects/payer-app/messages:send"
        assert call.headers["content-type"] == "application/json"
        self.sent.append(json.loads(call.body)["message"])
        return 200, {"name": "projects/payer-app/messages/1"}


@contextmanager
def google(
    folder: Path, clock: Callable[[], datetime] = lambda: NOW
) -> Iterator[tuple[Google, Fcm]]:
    with receiving() as receiver:
        service = Google(receiver)
        receiver.answer = service.answer
        account = read_service_account(account_file(folder, token_uri=service.token_uri))
        fcm = Fcm(
            account,
            clock,
            api=f"http://127.0.0.1:{receiver.port}",
            outbound=Outbound(seconds_max=5),
        )
        yield service, fcm
        fcm.close()


def to_app(**facts: Any) -> PushMessage:
    target = {"token": "app-token"}
    subscription = PushSubscription(id="psh_2", wallet_id="wal_1", transport="fcm", target=target)
    return message("https://push.example/x", subscription=subscription, **facts)


def outcomes(sent: Any) -> list[str]:
    return [one.outcome.value for one in sent]


def test_messages_are_sent_with_a_token_that_is_bought_once(tmp_path: Path) -> None:
    with google(tmp_path) as (service, fcm):
        first, second = fcm.send([to_app()]), fcm.send([to_app(urgent=False)] * 3)

    assert outcomes([*first, *second]) == ["accepted"] * 4
    assert len(service.granted) == 1
    assert service.sent[0] == {
        "token": "app-token",
        "notification": {"title": "Pago", "body": "Café recebeu seu pagamento."},
        "data": {
            "type": "payment_session.paid",
            "session": "ps_01h455vb4pex5vsknk084sn02q",
            "path": "/q/01h455vb4pex5vsknk084sn02q",
        },
        "android": {
            "priority": "HIGH",
            "ttl": "300s",
            "collapse_key": "T" * 32,
            "notification": {"tag": "T" * 32},
        },
        "apns": {
            "headers": {
                "apns-priority": "10",
                "apns-expiration": str(int(NOW.timestamp()) + 300),
                "apns-collapse-id": "T" * 32,
            }
        },
    }
    assert service.sent[1]["android"]["priority"] == "NORMAL"
    assert service.sent[1]["apns"]["headers"]["apns-priority"] == "5"


def test_a_token_is_replaced_before_it_ends_and_when_it_is_refused(tmp_path: Path) -> None:
    times = [NOW]
    with google(tmp_path, lambda: times[-1]) as (service, fcm):
        fcm.send([to_app()])
        times.append(NOW + timedelta(minutes=58))
        fcm.send([to_app()])
        assert len(service.granted) == 1
        times.append(NOW + timedelta(minutes=59))
        fcm.send([to_app()])
        assert len(service.granted) == 2

        service.revoked.add("token-1")
        refused = fcm.send([to_app()])
        again = fcm.send([to_app()])

    assert outcomes([*refused, *again]) == ["later", "accepted"]
    assert len(service.granted) == 3


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        ((404, UNREGISTERED), "gone"), ((404, {"error": {}}), "refused"), ((404, []), "refused"),
        ((400, {"error": {"details": [{"errorCode": "INVALID_ARGUMENT"}]}}), "refused"),
        ((403, {"error": {"details": [{"errorCode": "SENDER_ID_MISMATCH"}]}}), "refused"),
        ((429, {}), "later"), ((500, {}), "later"), ((503, "x"), "later"), ((302, {}), "refused"),
    ],
)  # fmt: skip
def test_the_answer_decides(tmp_path: Path, refusal: tuple[int, Any], outcome: str) -> None:
    with google(tmp_path) as (service, fcm):
        service.refusal = refusal
        sent = fcm.send([to_app()])

    assert outcomes(sent) == [outcome]
    assert "app-token" not in sent[0].reason


@pytest.mark.parametrize("expires_in", [None, "soon", 3600.5])
def test_an_answer_that_is_no_token_is_tried_again_later(tmp_path: Path, expires_in: Any) -> None:
    with google(tmp_path) as (service, fcm):
        service.expires_in = expires_in
        sent = fcm.send([to_app(), to_app()])

    assert sent == [
        PushSent(PushOutcome.LATER, "the authorization server's answer is not a token", slow=True)
    ] * 2  # fmt: skip
    assert service.sent == []


def test_without_a_server_it_is_tried_again_later(tmp_path: Path) -> None:
    with receiving(answering(500)) as receiver:
        gone = receiver.port
    account = read_service_account(
        account_file(tmp_path, token_uri=f"http://127.0.0.1:{gone}/token")
    )
    fcm = Fcm(account, lambda: NOW)

    assert outcomes(fcm.send([to_app()])) == ["later"]
    fcm.close()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"private_key": "x"}, "is not that of a service account"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "no RSA key"),
        ({"project_id": "a/../b"}, "a project or a token_uri"),
        ({"project_id": None}, "is not that of a service account"),
        ({"token_uri": "http://tokens.example/"}, "a project or a token_uri"),
        ({"token_uri": "https://user@tokens.example/"}, "a project or a token_uri"),
        ({"token_uri": "ftp://tokens.example/"}, "a project or a token_uri"),
    ],
)
def test_another_file_is_refused_without_quoting_it(
    tmp_path: Path, facts: dict[str, Any], words: str
) -> None:
    path = account_file(tmp_path, **facts)

    with pytest.raises(BadServiceAccount, match=words) as refused:
        read_service_account(path)

    assert "PRIVATE KEY" not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = account_file(tmp_path)
    path.chmod(0o640)

    with pytest.raises(BadServiceAccount, match="open to other users"):
        read_service_account(path)
    with pytest.raises(BadServiceAccount, match="cannot be read"):
        read_service_account(tmp_path / "absent.json")


def test_the_account_of_the_console_is_read_and_shows_no_key(tmp_path: Path) -> None:
    account = read_service_account(account_file(tmp_path))

    assert account.token_uri == "https://oauth2.googleapis.com/token"
    assert repr(account) == "ServiceAccount('payer-app')"
    assert API == "https://fcm.googleapis.com"
