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
TEXT, ODD = "tests/api/test_any_text.py", "tests/api/test_odd_requests.py"
KEYS = "tests/api/test_idempotency.py"
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
        "        if not envelope.is_retry_of(receipt.fingerprint):\n", "        if False:\n", COMMANDS),
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
    Bug("a control character in a key of the metadata", "domain/text.py",
        "if not key.isprintable() and (found :=", "if not key and (found :=",
        f"{TEXT} tests/domain/test_text.py"),
    Bug("bodies are read without a look at their texts", "api/bodies.py",
        "            _check_texts(raw)\n", "            pass\n", f"{TEXT} -k unacceptable"),
    Bug("the bytes of a body show no separator of lines", "api/bodies.py",
        "|\\xe2\\x80[\\xa8\\xa9]", "", f"{TEXT} -k unacceptable"),
    Bug("an event is made with any text", "domain/aggregate.py",
        "        text.check(name, value)\n", "", "tests/domain/test_text.py"),
    Bug("a read model writes texts as they are", "projections/_read_model.py",
        "return text.shown(value) if isinstance(value, str) else value", "return value",
        "tests/projections/test_any_text.py"),
    Bug("an escaped surrogate in a stored event cannot be read",
        "infrastructure/event_store/mapper.py",
        "if (repaired := text.repaired(data)) == data:", "if (repaired := data):",
        "tests/projections/test_any_text.py"),
    Bug("the log repeats what the database was given", "infrastructure/logs.py",
        "    if isinstance(error, psycopg.Error) and error.sqlstate is not None:", "    if False:",
        "tests/infrastructure/test_logs.py"),
    Bug("fingerprints hold the defaults", "api/fingerprints.py",
        "if (inner := getattr(value, name)) != default", "if [inner := getattr(value, name)]", KEYS),
    Bug("a receipt of the first releases is of another request", "application/command.py",
        " or fingerprint in self.older_fingerprints()", "", KEYS),
    Bug("the first spelling forgets what is new", "api/fingerprints.py",
        "        elif inner != default:\n            return None\n", "", KEYS),
    Bug("a retry beside its first try is another request", BUS,
        "        elif slot.is_duplicate:\n",
        "        elif verdict.kind is VerdictKind.REUSED:\n"
        "            slot.result = IdempotencyKeyReused()\n"
        "        elif slot.is_duplicate:\n", COMMANDS),
    Bug("numbers in every script and spelling", "api/bodies.py",
        "if not _NUMBER.fullmatch(values[name]):", "if False:", ODD),
    Bug("a token's number in every spelling", "api/tokens.py",
        "return int(text, 16) if _HEX.fullmatch(text) else None",
        "return int(text, 16) if text.isalnum() else None", ODD),
    Bug("a time that has no date in UTC", "domain/times.py",
        "except OverflowError as error:", "except ZeroDivisionError as error:", ODD),
    Bug("of a header sent twice the last one counts", "api/operation.py",
        "if inbound.repeated:", "if False:", ODD),
    Bug("the live socket fails on a header sent twice", "api/live/server.py",
        '",".join(request.headers.get_all("X-Forwarded-For"))',
        'request.headers.get("X-Forwarded-For", "")', ODD),
]  # fmt: skip
