"""Every mistake as one change of one file's text. Each `old` must stand there exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUS = "application/bus.py"
SQL = "infrastructure/postgres/sql/0001_log.sql"


@dataclass(frozen=True)
class Bug:
    """A mistake: what it is, where it goes, and the tests that ought to notice."""

    name: str
    file: str
    old: str
    new: str
    hunters: str


RACES, AWAY = "tests/faults/test_races.py", "tests/faults/test_database_away.py"
LOG, MODELS = "tests/infrastructure/test_event_log.py", "tests/projections"
COMMANDS, SEEDS = "tests/application", "tests/simulation"
HTTP_PORT, LIVE_PORT = "tests/infrastructure/test_http_limits.py", "tests/api/test_live_limits.py"
TENANTS, LIVE = "tests/api/test_tenants.py", "tests/api/test_live_protocol.py"

BUGS: Final = [
    Bug("positions from a plain sequence, without the lock", SQL,
        "    perform 1 from head where one for update;\n"
        "    select h.pos, greatest(h.recorded_at, ledger.now()) into base, t from head h;",
        "    select (nextval('ledger.positions') - 1) * 4096, ledger.now() into base, t;",
        f"{LOG} {RACES}"),
    Bug("a retry turns success into a conflict", "infrastructure/event_store/recorder.py",
        "Verdict(VerdictKind(v), f, last, at, resent)",
        'Verdict(VerdictKind("conflict" if resent else v), f, last, at, resent)', AWAY),
    Bug("an unbounded wait for NOTIFY", "infrastructure/event_store/follower.py",
        "timeout=POLL_SECONDS, stop_after=1", "timeout=3600, stop_after=1",
        "tests/infrastructure/test_follower.py"),
    Bug("a gap in the log goes unnoticed", "infrastructure/event_store/follower.py",
        "if page and page[0].position != self.position + 1:", "if not self._url:",
        "tests/infrastructure/test_follower.py"),
    Bug("rows and their position in two transactions", "projections/_runner.py",
        "            position = page[-1].position\n"
        "            self._connection.execute(\n"
        '                "update read_models.tracking set position = %s where name = %s",'
        " (position, name)\n"
        "            )\n",
        "            position = page[-1].position\n"
        "        self._connection.execute(\n"
        '            "update read_models.tracking set position = %s where name = %s",'
        " (position, name)\n"
        "        )\n", MODELS),
    Bug("a page counts although it does not go on from the last", "projections/_runner.py",
        "if page[0].position != position + 1:", "if page[0].position > position + 1:", MODELS),
    Bug("answered before it was committed", BUS,
        'slot.result = slot.result or Overloaded(reason=str(away.facts["reason"]))',
        "slot.result = slot.result or (Outcome(slot.subject, 1, slot.subject.modified_on)"
        ' if slot.subject else Overloaded(reason=str(away.facts["reason"])))',
        f"{SEEDS} {COMMANDS}"),
    Bug("an idempotency key without a look at the body", BUS,
        "        if receipt.fingerprint != envelope.fingerprint:\n", "        if False:\n", COMMANDS),
    Bug("an answer does not wait for the mate it rests on", BUS,
        "if any(not mate.won for mate in slot.mates):", "if False:", COMMANDS),
    Bug("a kept refusal rests on a mate that may lose", BUS,
        "if only_read and slot.to_record:", "if False:", COMMANDS),
    Bug("two lanes hold what writes the same", "application/writer.py",
        "if not kept or kept.isdisjoint(one.names):", "if True:", "tests/application"),
    Bug("a conflict is not decided again", BUS,
        "        else:\n            self._try_again(slot)\n\n    @staticmethod",
        "        else:\n            slot.result = IdempotencyKeyReused()\n\n    @staticmethod",
        COMMANDS),
    Bug("no cascade: built on a loser, recorded by accident", SQL,
        "if i = any (lost) or mine && dirty then", "if i = any (lost) then", LOG),
    Bug("the deadline is not looked at under the lock", SQL,
        "where c.deadline <= t\n", "where false\n", LOG),
    Bug("too early is as good as in time", SQL, "where c.earliest > t\n", "where false\n", LOG),
    Bug("time may go back", SQL, "greatest(h.recorded_at, ledger.now())", "ledger.now()", LOG),
    Bug("the application may change history", SQL,
        "grant select on ledger.events, ledger.commands to :writer",
        "grant update, select on ledger.events, ledger.commands to :writer",
        "tests/infrastructure/test_privileges.py"),
    Bug("expiry by the process's clock", "application/state_cache.py",
        "return Standing(entries, loading.receipts, loading.now)",
        "import datetime as d; return Standing(entries, loading.receipts, d.datetime.now(d.UTC))",
        f"{COMMANDS} {RACES}"),
    Bug("expiry is not written down for the log to check", "application/commands/pay_session.py",
        "    loaded.mind(session.expires_at)\n", "", f"{COMMANDS} {SEEDS}"),
    Bug("a wallet may spend what it has not", "domain/wallets/wallet.py",
        "if amount.minor > self.available_minor:", "if False:", f"tests/domain {SEEDS}"),
    Bug("a claim is taken over before its lease is over", "domain/sessions/payment_session.py",
        "if self.claim and at < self.claim.lease_until:", "if False:", f"tests/domain {SEEDS}"),
    Bug("a payment leaves the wallet as it was", "application/commands/pay_session.py",
        "    return [wallet, session]", "    return [session]", f"{COMMANDS} {SEEDS}"),
    Bug("an ended session keeps its order", "application/commands/end_session.py",
        "[*release_order(session, loaded, reason=Status.EXPIRED.value), session]", "[session]",
        f"{COMMANDS} {SEEDS}"),
    Bug("another tenant's session can be read", "api/v1/payment_sessions.py",
        "if not seen.get(who.caller, False):", "if False:", TENANTS),
    Bug("the list forgets whose it is", "projections/sessions.py",
        "where merchant_id = %(merchant_id)s and", "where %(merchant_id)s <> '' and",
        f"{TENANTS} {MODELS}"),
    Bug("idempotency keys are shared by all holders", "api/operation.py",
        'ids.derive("idempotency", self.who.holder, scope, self.key)',
        'ids.derive("idempotency", scope, self.key)', f"{TENANTS} tests/api/test_payment.py"),
    Bug("a page acts for any wallet", "api/v1/payment_sessions.py",
        "if who.wallet_id not in {None, wallet}:", "if False:",
        "tests/api/test_payment.py tests/api/test_tenants.py"),
    Bug("secrets are compared with ==", "domain/merchants/api_key.py",
        "hmac.compare_digest(self.secret_hash, key.secret_hash)",
        "self.secret_hash == key.secret_hash", "tests/api/test_secrets.py"),
    Bug("a revoked key still opens", "domain/merchants/api_key.py",
        "same and not self.revoked and", "same and", "tests/api/test_tenants.py"),
    Bug("a cursor of anybody's making", "api/v1/answers.py",
        "and tokens.is_cursor(text, check)", "and text.isdigit()", "tests/api"),
    Bug("what comes in while the history is read is lost", "api/live/hub.py",
        "[one for one in waiting if one.version > known]", "[]", f"{LIVE} {SEEDS}"),
    Bug("a client that comes back misses one", "api/live/protocol.py",
        "range(after + 1, self.seq + 1)", "range(after + 2, self.seq + 1)", f"{LIVE} {SEEDS}"),
    Bug("a slow reader is kept for ever", "api/live/hub.py",
        "if self.socket.buffered() > BUFFER_BYTES_MAX:", "if False:", LIVE),
    Bug("headers are counted per packet", "infrastructure/http_protocol.py",
        "            self._wire_bytes += size\n        if self._reading",
        "            self._wire_bytes = size\n        if self._reading", HTTP_PORT),
    Bug("the idle timer runs only between requests", "infrastructure/http_protocol.py",
        "            if waited > limits.headers_seconds:", "            if False:", HTTP_PORT),
    Bug("a body may take for ever", "infrastructure/http_protocol.py",
        "elif waited > limits.body_seconds:", "elif False:", HTTP_PORT),
    Bug("trailers become headers", "infrastructure/http_protocol.py",
        "        self.headers = []  # trailers", "        # trailers", HTTP_PORT),
    Bug("connections are counted after the handshake", "api/live/handshake.py",
        "        if self._table.admit(self):", "        if True:", LIVE_PORT),
    Bug("sockets are counted when they are admitted", "api/live/server.py",
        "self._per_address[address] >= each",
        "sum(one.feed is not None for one in self._hub.listeners()) >= each", LIVE_PORT),
    Bug("the till shares the watchers' places", "api/live/hub.py",
        "sum(listener.public_only is public_only for listener in channel)", "len(channel)",
        LIVE_PORT),
    Bug("the newest connection gives way", "api/connections.py",
        "next(iter(self._waiting), None)", "next(reversed(self._waiting), None)",
        "tests/api/test_connections.py"),
    Bug("anybody may say whose request it is", "api/addresses.py",
        "while hops and address in trusted_proxies:", "while hops and trusted_proxies:",
        "tests/api/test_connections.py"),
]  # fmt: skip
