"""The witness behind a real port: the protocol of C2SP tlog-witness, hostile clients, and ours."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from application.witnessing.cosigning import Cosigning
from domain.audit import note as notes
from domain.audit.errors import QuorumMissing
from domain.audit.note import Note
from domain.audit.submission import SUBMISSION_BYTES_MAX, Submission
from infrastructure.http_server import PortInUse
from infrastructure.witnessing.home import WitnessHome, WitnessHomeError
from infrastructure.witnessing.http_witnesses import BadWitnessUrl, HttpWitnesses
from tests.support.witness_server import SECONDS, WitnessServer, make_home, serving_witness
from tests.support.witnesses import KEY, KEYS, LOG, NEW_LOG, OTHER_LOG, History, policy_of

ONE, FORK = History(), History(forked_at=5)
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@pytest.fixture
def home(tmp_path: Path) -> WitnessHome:
    return make_home(tmp_path / "w0")


@pytest.fixture
def server(home: WitnessHome) -> Iterator[WitnessServer]:
    with serving_witness(home) as found:
        yield found


def check_cosigned(server: WitnessServer, data: bytes, text: str) -> None:
    status, kind, body = server.post(data)
    assert (status, kind) == (200, TEXT)
    [signature] = notes.parse_lines(body.decode())
    [(key, at)] = Note(text, [signature]).verify([KEY.verifier]).items()
    assert key == KEY.verifier
    assert at is not None
    assert abs(at - time.time()) < 600


def test_the_protocol(server: WitnessServer) -> None:
    check_cosigned(server, ONE.request(0, 8), ONE.head(8).text)
    check_cosigned(server, ONE.request(8, 20, LOG, NEW_LOG), ONE.head(20).text)
    check_cosigned(server, ONE.request(20, 20, NEW_LOG), ONE.head(20).text)

    other = History(origin=OTHER_LOG.verifier.name)
    bad_proof = Submission(20, ONE.proof(20, 30)[:-1], ONE.note(30)).encode()
    for data, status, code in [
        (other.request(0, 8, OTHER_LOG), 404, b"other-log"),
        (ONE.request(20, 30, OTHER_LOG), 403, b"unknown-signer"),
        (ONE.request(20, 30).replace(b"\n30\n", b"\n31\n"), 403, b"bad-signature"),
        (bad_proof, 422, b"invalid-proof"),
        (FORK.request(20, 30), 422, b"invalid-proof"),
        (ONE.request(30, 30).replace(b"old 30", b"old 31"), 400, b"malformed-submission"),
        (b"old 20\n\nnothing", 400, b"malformed-note"),
        (b"", 400, b"malformed-submission"),
    ]:
        answer = server.post(data)
        assert (answer.status, answer.type) == (status, TEXT)
        assert answer.body.startswith(code + b": ")
        assert answer.body.count(b"\n") == 1
    for data in (ONE.request(0, 30), ONE.request(8, 30), FORK.request(20, 20), FORK.request(0, 20)):
        assert server.post(data) == (409, SIZE, b"20\n")


def test_there_is_nothing_else(server: WitnessServer) -> None:
    for path in ("/", "/add-checkpoint/", "/add-checkpoint%00", "//add-checkpoint", "/metrics"):
        assert server.post(ONE.request(0, 8), path).status == 404
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert server.post(b"", method=method).status == 405


def raw(server: WitnessServer, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while part := client.recv(65_536):
            received += part
        return received


def test_hostile_requests_end_in_an_answer(server: WitnessServer) -> None:
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"

    assert server.post(b"x" * (SUBMISSION_BYTES_MAX + 1)).status == 413
    assert server.post(b"x" * SUBMISSION_BYTES_MAX).status == 400
    assert b" 413 " in raw(server, chunked + chunk * 5 + b"0\r\n\r\n").split(b"\r\n")[0]
    assert b" 413 " in raw(server, chunked + b"1\r\nx\r\n" * 100_000).split(b"\r\n")[0]
    assert b" 400 " in raw(server, b"\x16\x03\x01\x02\x00\x01").split(b"\r\n")[0]
    assert b" 400 " in raw(server, head + b"Content-Length: -1\r\n\r\n").split(b"\r\n")[0]
    assert b" 431 " in raw(server, head + b"a: b\r\n" * 200 + b"\r\n").split(b"\r\n")[0]
    document = json.loads(raw(server, chunked + b"1\r\nx\r\n" * 100_000).partition(b"\r\n\r\n")[2])
    assert document["limit_bytes"] == SUBMISSION_BYTES_MAX

    check_cosigned(server, ONE.request(0, 8), ONE.head(8).text)


def test_a_request_that_never_ends_does_not_keep_others_waiting(server: WitnessServer) -> None:
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        for client in clients:
            client.sendall(
                b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nold"
            )

        check_cosigned(server, ONE.request(0, 8), ONE.head(8).text)
    finally:
        for client in clients:
            client.close()


def test_concurrent_requests_for_one_size_get_one_root(server: WitnessServer) -> None:
    requests = [history.request(0, 8) for history in (ONE, FORK) for _ in range(10)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.post, requests))

    cosigned = {n // 10 for n, answer in enumerate(answers) if answer.status == 200}
    assert len(cosigned) == 1
    assert {answer.status for answer in answers} <= {200, 409}


def test_a_memory_that_cannot_be_used_is_not_a_signature(
    home: WitnessHome, server: WitnessServer
) -> None:
    path = home.memory().path(LOG.verifier.name)
    path.write_text("damaged")

    assert server.post(ONE.request(0, 8)) == (503, TEXT, b"the memory cannot be used\n")

    path.unlink()
    check_cosigned(server, ONE.request(0, 8), ONE.head(8).text)


def test_one_witness_per_folder_and_per_port(home: WitnessHome, server: WitnessServer) -> None:
    with pytest.raises(WitnessHomeError, match="another witness"), serving_witness(home):
        pytest.fail("two witnesses")


def test_a_port_in_use_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("tests.support.witness_server.free_port", lambda: port)
        with (
            pytest.raises(PortInUse, match="QRLEDGER_WITNESS_PORT"),
            serving_witness(make_home(tmp_path / "w")),
        ):
            pytest.fail("two servers")


def test_witnesses_are_asked_over_http(tmp_path: Path) -> None:
    homes = [
        make_home(tmp_path / f"w{n}", seed=bytes([7, n] * 16), name=f"w{n}.example")
        for n in range(2)
    ]
    with serving_witness(homes[0]) as zero, serving_witness(homes[1]) as one:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            urls = [zero.url, one.url + "/", f"http://127.0.0.1:{silent.getsockname()[1]}"]
            policy = policy_of("2", urls=urls)
            asked = HttpWitnesses(policy, seconds=1.0)
            cosigning = Cosigning(policy, asked, time.monotonic)
            for size in (8, 20):
                endorsed = policy.check(cosigning.endorse(ONE.note(size), ONE.prove(size)))
                assert set(endorsed.witnesses) == {key.verifier for key in KEYS[:2]}
            assert cosigning.problems == {"w2.example": "no answer: none within 1 s"}

        forked = Cosigning(policy, asked, time.monotonic)
        for size in (20, 30):
            with pytest.raises(QuorumMissing):
                forked.endorse(FORK.note(size), FORK.prove(size))
            assert "the log is forked" in forked.problems["w0.example"]
        assert forked.problems["w2.example"] == "no answer: ConnectError"
        asked.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://witness.example",
        "ftp://127.0.0.1",
        "witness.example",
        "//witness.example",
        "https://",
        "https://user@witness.example",
        "https://witness.example?x",
        "https://witness.example#x",
        "https://witness.example:0",
        "https://" + "a" * 3000,
        "file:///etc/passwd",
    ],
)
def test_an_address_that_may_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(BadWitnessUrl):
        HttpWitnesses(policy_of("any", urls=[url]))
