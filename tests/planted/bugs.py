"""Every mistake as one change of one file's text. Each `old` must stand there exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUS = "application/bus.py"
SCHEMA = "infrastructure/postgres/sql/0001_log.sql"
SQL = "infrastructure/postgres/sql/0004_clock.sql"
"""Where `ledger.append` was replaced last."""


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
CLOCK, GUARD = "tests/infrastructure/test_clock.py", "application/clock_guard.py"
TENANTS, LIVE = "tests/api/test_tenants.py", "tests/api/test_live_protocol.py"

BUGS: Final = [
    Bug("positions from a plain sequence, without the lock", SQL,
        "    perform 1 from head where one for update;\n    select h.pos, h.recorded_at,",
        "    select (nextval('ledger.positions') - 1) * 4096, h.recorded_at,",
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
    Bug("time may go back", SQL, "greatest(last, reading)", "reading", LOG),
    Bug("the application may change history", SCHEMA,
        "grant select on ledger.events, ledger.commands to :writer",
        "grant update, select on ledger.events, ledger.commands to :writer",
        "tests/infrastructure/test_privileges.py"),
    Bug("expiry by the process's clock", "application/state_cache.py",
        "return Standing(entries, loading.receipts, loading.now, too_long)",
        "import datetime as d; return Standing(entries, loading.receipts, d.datetime.now(d.UTC))",
        f"{COMMANDS} {RACES}"),
    Bug("the first events of a long stream are taken for all of them", "application/state_cache.py",
        "if len(some) > LOAD_EVENTS_MAX", "if len(some) > 10**9",
        "tests/application/test_long_streams.py"),
    Bug("a long stream's receipts are not read again with its states", "application/state_cache.py",
        "loading = log.load(after, receipts)", "loading = log.load(after, ())",
        "tests/application/test_long_streams.py"),
    Bug("a replay shows the newest snapshot", "infrastructure/event_store/postgres_snapshots.py",
        "and originator_version <= %b\n", "and originator_version <= greatest(%b, 2^60)\n",
        "tests/infrastructure/test_snapshots.py"),
    Bug("a long stream is read in the lane", "application/writer.py",
        "results = bus.attempt([one.envelope for one in batch])",
        "results = bus.run([one.envelope for one in batch])",
        "tests/application/test_long_streams.py"),
    Bug("a reference is checked in the wallet's state only", "application/commands/wallets.py",
        "if loaded.find(TopUpReference, reference_stream) is not None:", "if False:", COMMANDS),
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
    Bug("the witness learns a jump that it saw", GUARD,
        "elif witness is None or abs(now - witness) <= behind or last > witness:", "else:", CLOCK),
    Bug("a step back over the limit is recorded", SQL,
        "if reading < last - make_interval(secs => _behind)\n       or", "if", CLOCK),
    Bug("a jump ahead is recorded", SQL, "reading > _witness + make_interval", "reading < _witness"
        " - make_interval", CLOCK),
    Bug("reads use the clock as it is", GUARD, "return ClockState(reading, now, doubt)",
        "return ClockState(reading, max(reading.clock, now), doubt)", CLOCK),
    Bug("an accepted offset is not applied", SQL,
        "        update clock set accepted_offset = accepted where one;\n", "        null;\n", CLOCK),
    Bug("a suspend does not count", GUARD, 'getattr(time, "CLOCK_BOOTTIME", None)', "None",
        CLOCK),
    Bug("a quiet night is a jump", GUARD, "clock > last + ahead and clock > witness + ahead",
        "clock > last + ahead", CLOCK),
    Bug("a restart knows no time and refuses", SQL, "and reading > _witness + make_interval(secs => _ahead)",
        "and coalesce(reading > _witness + make_interval(secs => _ahead), true)", CLOCK),
    Bug("a clock in doubt is tried twenty times", BUS,
        "        elif verdict.kind is VerdictKind.DOUBT:\n"
        '            slot.result = Overloaded(reason="the database\'s clock is in doubt")\n',
        "", CLOCK),
    Bug("a worker sweeps by a clock in doubt", "infrastructure/workers/expiry.py",
        "        if state.doubt:\n            return 0\n", "", "tests/api/test_clock.py"),
    Bug("the runtime's login keeps the owner's role", "infrastructure/postgres/runtime_login.py",
        "RUNTIME: Final = (Right.WRITER,", "RUNTIME: Final = (Right.OWNER, Right.WRITER,",
        "tests/infrastructure/test_privileges.py"),
    Bug("a login that owns the ledger is taken as the runtime's",
        "infrastructure/postgres/runtime_login.py", "    if owns:\n", "    if False:\n",
        "tests/infrastructure/test_privileges.py"),
    Bug("the embedded runtime goes on as the superuser", "infrastructure/bootstrap.py",
        "            url = runtime_login.embedded_url(url, server.folder)\n",
        "            runtime_login.embedded_url(url, server.folder)\n",
        "tests/infrastructure/test_embedded.py"),
    Bug("a head moved ahead goes unnoticed", "application/checks/head.py",
        "        if position > last:  # moved", "        if False:  # moved",
        "tests/application/test_invariants.py tests/infrastructure/test_audit.py"),
    Bug("a log whose times go back goes unnoticed", "application/invariants.py",
        "recorded.recorded_at < self.recorded_at:", "False:",
        "tests/application/test_invariants.py tests/infrastructure/test_audit.py"),
    Bug("a receipt of another time than its events goes unnoticed", "application/invariants.py",
        "if found is not None and receipt.recorded_at != found[2]:", "if False:",
        "tests/infrastructure/test_audit.py"),
    Bug("an origin takes user-info", "infrastructure/origins.py",
        "([a-z]{2,5})://(", "([a-z]{2,5})://(?:[^/@]*@)?(", "tests/infrastructure/test_settings.py"),
    Bug("a malformed database URL is quoted with its password", "infrastructure/settings.py",
        'msg = f"setting {name}: {error}"\n        raise SettingsError(msg) from None\n\n\ndef _listen',
        'msg = f"setting {name}: {error}: {url}"\n        raise SettingsError(msg) from None\n\n\ndef _listen',
        "tests/infrastructure/test_settings.py"),
    Bug("a read-only database is taken for our mistake", "infrastructure/postgres/failures.py",
        '    "25006",  # read-only: a standby, or an operator who wants it so\n', "",
        "tests/faults/test_read_only_database.py tests/infrastructure/test_failures.py"),
    Bug("a halted loop is never tried again", "infrastructure/workers/supervisor.py",
        "                self._stopped.wait(pause)\n", "                return\n",
        "tests/infrastructure/test_supervisor.py"),
    Bug("a halted loop leaves the ledger ready", "api/context.py",
        "        return clock + halted + [\n", "        return clock + [\n", "tests/faults/test_halted_loop.py"),
    Bug("an unknown topic stops the notifier", "infrastructure/event_store/follower.py",
        "if recorded.topic not in registry.EVENTS:",
        "if recorded.event and recorded.topic not in registry.EVENTS:",
        "tests/faults/test_halted_loop.py"),
    Bug("one listener's error silences the others", "api/live/hub.py",
        "    except Exception:  # noqa: BLE001 - one", "    except ZeroDivisionError:  # one", LIVE),
    Bug("a stored text names a module to import", "infrastructure/event_store/mapper.py",
        "kind = self.events.get(stored_event.topic)",
        "import eventsourcing.utils as u; kind = u.resolve_topic(stored_event.topic)",
        "tests/infrastructure/test_mapper.py"),
    Bug("reads without a limit", "infrastructure/postgres/deadline.py",
        "if now >= until]", "if now < 0]", "tests/faults/test_frozen_database.py"),
    Bug("no descriptor left is a dead server", "infrastructure/postgres/embedded.py",
        "except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):",
        "except (OSError, IndexError, ValueError):", "tests/faults/test_embedded_owner.py"),
    Bug("an app is shown another app's claim and payment", "api/identity.py",
        "return self.caller is not Caller.WALLET or wallet_app_id == self.holder", "return True",
        "tests/api/test_own_part.py"),
    Bug("a page is shown another wallet's claim of its app", "api/identity.py",
        "            return wallet_id == self.holder\n", "            return True\n",
        "tests/api/test_own_part.py"),
    Bug("keys are looked up before their address is counted", "api/identity.py",
        "        if not self._rate_limit.allows(address, now):\n"
        "            raise TooManyRequests(limit=self._rate_limit.per_second)\n"
        "        who = await self._find(digest, text, now)\n",
        "        who = await self._find(digest, text, now)\n"
        "        if not self._rate_limit.allows(address, now):\n"
        "            raise TooManyRequests(limit=self._rate_limit.per_second)\n",
        "tests/api/test_identity.py"),
    Bug("a good key waits for its address's strangers", "api/identity.py",
        "if good_at is not None and now - good_at < GOOD_SECONDS:",
        "if good_at is not None and now - good_at < KEY_SECONDS:", "tests/api/test_identity.py"),
    Bug("every address of an IPv6 network has a bucket of its own", "api/rate_limit.py",
        "NETWORK_BITS: Final = 64", "NETWORK_BITS: Final = 128", "tests/api/test_identity.py"),
    Bug("a page token outlives its key", "api/identity.py",
        "if key.revoked or key.role != Role.WALLET", "if key.role != Role.WALLET",
        "tests/api/test_identity.py tests/api/test_page_tokens.py"),
    Bug("claims are counted per app only", "domain/sessions/state.py",
        '        ("wallet", by_wallet, CLAIMS_PER_WALLET_MAX),\n', "",
        f"tests/domain {COMMANDS}"),
    Bug("an app's claims are not counted together", "domain/sessions/state.py",
        '        ("wallet app", by_app, CLAIMS_PER_APP_MAX),\n', "", "tests/domain"),
    Bug("keys are counted by the caller, outside the log", "domain/merchants/key_ring.py",
        "unseen = [name for name in known if name not in others]", "unseen: list[str] = []",
        "tests/domain/test_key_ring.py"),
    Bug("a key ring is not under the log", "application/commands/holders.py",
        "    return [ring, key]", "    return [key]",
        "tests/application/test_keys.py tests/faults/test_key_races.py"),
    Bug("keys that are older than key rings do not count", "application/commands/holders.py",
        "        *command.known_keys,\n", "", "tests/application/test_keys.py"),
    Bug("a payment does not look at the claim by itself", "domain/sessions/payment_session.py",
        "if claim is None or claim.wallet_id != wallet_id or claim.id != claim_id:", "if False:",
        "tests/domain"),
    Bug("a payment does not look at the time by itself", "domain/sessions/payment_session.py",
        "        if self.paid_by(wallet_id):\n            return\n        self._must_be_open(at)\n"
        "        claim = self.claim\n        if claim is None or claim.wallet_id",
        "        if self.paid_by(wallet_id):\n            return\n"
        "        claim = self.claim\n        if claim is None or claim.wallet_id",
        "tests/domain"),
]  # fmt: skip
