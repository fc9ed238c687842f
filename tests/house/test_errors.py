"""The tree of errors: every class has a kind, a unique code, a status and documentation."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from api.http.errors import STATUSES, status_of, to_problem
from application.errors import LogUnavailable, Unauthorized
from domain.errors import ErrorKind, LedgerError
from domain.qr.errors import Cause, InvalidQr
from domain.sessions.errors import SessionClaimed
from tests.support.documents import DOCUMENTS

ROOT = Path(__file__).parents[2]
ROOMS = ["domain", "application", "infrastructure", "projections", "api"]
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]

STATUS_OF_CODE = {
    "session-expired": 410,
    "session-not-payable": 409,
    "session-not-ended": 409,
    "session-claimed": 409,
    "claim-required": 409,
    "claims-exhausted": 409,
    "amount-mismatch": 422,
    "wallet-currency-mismatch": 422,
    "insufficient-funds": 402,
    "order-open": 409,
    "session-not-due": 503,
    "order-paid": 409,
    "balance-limit": 422,
    "reference-used": 409,
    "session-not-paid": 409,
    "refund-exceeds-paid": 422,
    "refunds-exhausted": 422,
    "payable-insufficient": 422,
    "payment-in-flight": 409,
    "payment-declined": 402,
    "processor-not-enabled": 422,
    "processor-unavailable": 503,
    "amount-unsupported": 422,
    "test-only": 403,
    "attempt-ended": 409,
    "refund-ended": 409,
    "nothing-to-accept": 409,
    "disputes-exhausted": 422,
    "suspense-closed": 409,
    "suspense-not-due": 503,
    "settlement-mismatch": 409,
    "no-payout-destination": 422,
    "treasury-insufficient": 422,
    "quote-expired": 410,
    "quote-mismatch": 422,
    "quote-used": 409,
    "quotes-exhausted": 409,
    "rate-unavailable": 422,
    "key-limit": 409,
    "endpoint-limit": 409,
    "replay-limit": 409,
    "endpoint-not-enabled": 409,
    "secret-rotating": 409,
    "invalid-qr": 422,
    "invalid-signature": 422,
    "invalid-request": 400,
    "not-found": 404,
    "unauthorized": 401,
    "forbidden": 403,
    "foreign-origin": 403,
    "not-caught-up": 503,
    "not-sealed": 503,
    "log-not-opened": 409,
    "log-key-refused": 409,
    "credits-not-counted": 503,
    "payout-not-funded": 503,
    "qr-settings-missing": 422,
    "amount-outside-limits": 422,
    "overloaded": 503,
    "poster-font-missing": 422,
    "signing-unavailable": 503,
    "idempotency-key-required": 400,
    "idempotency-key-reused": 422,
    "idempotency-in-progress": 409,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "body-too-large": 413,
    "uri-too-long": 414,
    "headers-too-large": 431,
    "unsupported-media-type": 415,
    "too-many-requests": 429,
    "too-many-streams": 429,
    "not-ready": 503,
    "log-unavailable": 503,
    "log-rejected": 500,
    "internal-error": 500,
}
"""The contract: codes and statuses never change. A new code is added here."""
TRANSIENT = {
    "session-claimed", "not-caught-up", "not-sealed", "overloaded", "signing-unavailable", "idempotency-in-progress", "log-unavailable",
    "session-not-due", "credits-not-counted", "payout-not-funded", "suspense-not-due", "request-timeout", "too-many-requests",
    "too-many-streams", "not-ready", "processor-unavailable", "replay-limit",
}  # fmt: skip
"""The contract: clients retry these."""
KEPT = {
    "session-expired", "amount-mismatch", "wallet-currency-mismatch", "insufficient-funds",
    "balance-limit", "invalid-qr", "invalid-signature", "refund-exceeds-paid", "refunds-exhausted",
    "payable-insufficient", "no-payout-destination", "treasury-insufficient", "quote-expired",
    "quote-mismatch", "rate-unavailable", "qr-settings-missing", "amount-outside-limits",
    "poster-font-missing", "payment-declined", "processor-not-enabled",
    "disputes-exhausted", "amount-unsupported",
}  # fmt: skip
"""Receipts of these are stored, and must remain readable."""


def _tree(root: type[LedgerError]) -> list[type[LedgerError]]:
    """Every class below a root that has a code of its own."""
    below = [one for kind in root.__subclasses__() for one in [kind, *_tree(kind)]]
    return [kind for kind in below if "code" in vars(kind)]


def _errors() -> list[type[LedgerError]]:
    for path in FILES:
        if path.name == "errors.py":
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return _tree(LedgerError)


def _facts(error: type[LedgerError]) -> set[str]:
    """The names of the facts in an error's sentence."""
    return {name for _, name, _, _ in Formatter().parse(error.sentence) if name}


def test_every_error_has_a_unique_code_and_its_status_is_the_contracts() -> None:
    errors = _errors()

    assert len({error.code for error in errors}) == len(errors)
    assert {error.code: status_of(error) for error in errors} == STATUS_OF_CODE
    assert LedgerError.by_code == {error.code: error for error in errors}


def test_every_kind_is_mapped_and_used() -> None:
    assert set(STATUSES) == set(ErrorKind)
    assert {error.kind for error in _errors()} == set(ErrorKind)


def test_the_kind_decides_what_is_transient_and_what_is_kept() -> None:
    errors = _errors()

    assert {error.code for error in errors if error.kind.transient} == TRANSIENT
    assert {error.code for error in errors if error.kind.kept} == KEPT


@pytest.mark.parametrize("error", _errors(), ids=lambda error: error.code)
def test_every_error_is_documented(error: type[LedgerError]) -> None:
    assert (error.__doc__ or "").strip().endswith(".")
    assert error.title
    assert not error.title.endswith(".")
    assert error.sentence
    assert (
        f"| `{error.code}` | {error.kind} | {status_of(error).value} |" in DOCUMENTS["errors.md"]()
    )


def test_errors_live_beside_their_context() -> None:
    assert {error.__module__.rpartition(".")[2] for error in _errors()} == {"errors"}
    for path in FILES:
        if path.name != "errors.py":
            classes = [
                n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef)
            ]
            assert not any(_bases(one) & {"LedgerError", "ProtocolError"} for one in classes), path


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def test_every_error_is_used_and_with_the_facts_of_its_sentence() -> None:
    errors = {error.__name__: error for error in _errors()}
    used = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name):
                used.add(node.id)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                error = errors.get(node.func.id)
                given = {keyword.arg for keyword in node.keywords}
                assert error is None or _facts(error) <= given, f"{path}:{node.lineno}"

    assert set(errors) <= used


def test_the_bus_alone_can_read_every_refusal_that_is_stored() -> None:
    script = (
        "import application.bus; from domain.errors import LedgerError; "
        "print(*sorted(c for c, e in LedgerError.by_code.items() if e.kind.kept))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.split() == sorted(KEPT)


def test_a_problem_document_has_the_fixed_members_and_the_facts() -> None:
    error = SessionClaimed(session_id="ps_1", lease_until="then", retry_after_seconds=7)

    problem = to_problem(error)

    assert problem.status == 409
    assert problem.headers == {"Cache-Control": "no-store", "Retry-After": "7"}
    assert problem.document == {
        "type": "/problems/session-claimed",
        "title": "Payment session is claimed by another wallet",
        "status": 409,
        "detail": "Another wallet holds a claim on the payment session ps_1 until then.",
        "code": "session-claimed",
        "transient": True,
        "session_id": "ps_1",
        "lease_until": "then",
        "retry_after_seconds": 7,
    }


def test_a_replayed_refusal_says_so_and_states_its_facts() -> None:
    error = InvalidQr(cause=Cause.NOT_A_URL, reason="it is not a URL", offset=3)
    error.replayed = True

    problem = to_problem(error)

    assert problem.headers["Idempotent-Replayed"] == "true"
    facts = {name: problem.document[name] for name in ("cause", "reason", "offset")}
    assert facts == {"cause": "not-a-url", "reason": "it is not a URL", "offset": 3}
    assert "it is not a URL" in problem.document["detail"]


def test_callers_learn_of_an_unavailable_log_as_overload() -> None:
    problem = to_problem(LogUnavailable(reason="10.0.0.7 refused"))

    assert (problem.document["code"], problem.headers["Retry-After"]) == ("overloaded", "1")
    assert "10.0.0.7" not in str(problem.document)
    assert to_problem(Unauthorized(reason="x")).headers["WWW-Authenticate"] == "Bearer"
