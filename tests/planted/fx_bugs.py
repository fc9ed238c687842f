"""Known bugs of exchange quotes, of rates, and of refunds as people see them."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

QUOTES = "domain/wallets/fx_quotes.py"
MAKE_FILE = "application/commands/make_fx_quote.py"
PAY = "tests/application/commands/test_pay_by_quote.py"
MAKE = "tests/application/commands/test_make_fx_quote.py"
RATES = "tests/infrastructure/test_rates.py"
LIVE = "tests/api/test_live_protocol.py"

FX_BUGS: Final = [
    Bug("a quote is used twice", QUOTES, "        if quote.used:\n", "        if False:\n",
        "tests/domain/test_fx_quotes.py"),
    Bug("a quote is used after its end", QUOTES,
        "        if at >= quote.expires_at:\n", "        if False:\n", PAY),
    Bug("the end of a quote is not checked again by the log", "application/commands/pay_session.py",
        "            loaded.reached(quote.expires_at)\n", "            pass\n",
        "tests/faults/test_quote_races.py"),
    Bug("another wallet's quote is accepted", QUOTES,
        'return ids.derive("fx quotes", wallet_id.bytes, session_id.bytes)',
        'return ids.derive("fx quotes", session_id.bytes)', PAY),
    Bug("another session's quote is accepted", QUOTES,
        'return ids.derive("fx quotes", wallet_id.bytes, session_id.bytes)',
        'return ids.derive("fx quotes", wallet_id.bytes)', PAY),
    Bug("another amount's quote is accepted", QUOTES,
        "if quote is None or quote.conversion.to != amount:", "if quote is None:",
        "tests/domain/test_fx_quotes.py"),
    Bug("a quote outlives its session", QUOTES,
        "min(at + timedelta(seconds=QUOTE_SECONDS), session_expires_at)",
        "at + timedelta(seconds=QUOTE_SECONDS)", f"{MAKE} tests/domain/test_fx_quotes.py"),
    Bug("float in the conversion", "domain/money/fx.py",
        "    converted_minor = int(quotient.to_integral_value(ROUND_CEILING))\n",
        "    converted_minor = -int(-float(quotient) // 1)\n", "tests/domain/test_fx_properties.py"),
    Bug("the conversion is rounded to the nearest", "domain/money/fx.py",
        "int(quotient.to_integral_value(ROUND_CEILING))",
        "int(quotient.to_integral_value(ROUND_HALF_EVEN))",
        "tests/domain/test_money.py tests/api/test_fx_quotes.py"),
    Bug("the spread is left out of what the payer pays", "application/commands/pay_session.py",
        "_capture(wallet, conversion.pays,", "_capture(wallet, conversion.converted,",
        PAY),
    Bug("a stale rate is accepted", MAKE_FILE,
        "if rate is None or not self._is_young(rate, loaded):", "if rate is None:", MAKE),
    Bug("a rate of tomorrow is accepted", MAKE_FILE,
        "return rate.as_of <= today and not", "return not", MAKE),
    Bug("a withdrawn currency has a rate", "infrastructure/fx/ecb_files.py",
        "if currency and not currency.withdrawn and", "if currency and", RATES),
    Bug("entities of a file are expanded", "infrastructure/fx/ecb_files.py",
        "    parser.StartDoctypeDeclHandler = on_doctype\n", "", RATES),
    Bug("an answer of any length is read", "infrastructure/fx/ecb_live.py",
        "        if len(body) > FILE_BYTES_MAX:\n", "        if len(body) > 2**40:\n", RATES),
    Bug("the rates of one currency are of another day", "infrastructure/fx/rate_table.py",
        "                if payer is not None and payee is not None:\n",
        "                if payee is not None:\n", RATES),
    Bug("the rates are fetched once only", "application/processes/rates.py",
        "Done(tasks=[Task(key=KEY, due_at=now + PAUSE)])", "Done()",
        "tests/application/processes/test_rates.py"),
    Bug("the live screen drops refunds", "api/live/protocol.py",
        "frozenset(event.TOPIC for event in PaymentSession.events())",
        'frozenset(event.TOPIC for event in PaymentSession.events() if "refund" not in event.TOPIC)',
        "tests/api/test_live_server.py"),
    Bug("the public sees refunds", "api/views/sessions.py",
        "refunded_minor=session.refunded_minor if with_token else UNSET",
        "refunded_minor=session.refunded_minor", "tests/api/test_refund_views.py"),
    Bug("a watcher is told of refunds", "api/live/protocol.py",
        "if self._public_only and not topic.startswith(PUBLIC_PREFIX):", "if False:", LIVE),
]  # fmt: skip
