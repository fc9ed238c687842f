"""Known bugs of the merchants' dashboards and of what they show."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

ACCESS = "api/pages/dashboards/access.py"
SIGN_IN = "api/pages/dashboards/sign_in.py"
PAGES = "api/pages/dashboards/deliveries.py"
OWN = "api/v1/own_deliveries.py"
STORE = "infrastructure/postgres/webhooks.py"
DASHBOARDS = "tests/api/test_dashboards.py"
STORED = "tests/infrastructure/test_webhook_deliveries.py"

DASHBOARD_BUGS: Final = [
    Bug("a link to a dashboard works twice", SIGN_IN,
        "        if not await blocking.read(use, body.token, holder.expires_at):\n",
        "        if await blocking.read(use, body.token, holder.expires_at) is None:\n", DASHBOARDS),
    Bug("two uses of a link at the same time both count", "infrastructure/postgres/used_tokens.py",
        "            return connection.execute(_USE, (digest, expires_at)).rowcount == 1\n",
        "            known = connection.execute('select from ledger.used_tokens where digest = %s', (digest,)).rowcount\n"
        "            __import__('time').sleep(0.05)\n"
        "            connection.execute(_USE, (digest, expires_at))\n"
        "            return known == 0\n", "tests/infrastructure/test_used_tokens.py"),
    Bug("used links are forgotten when they expire", "infrastructure/postgres/used_tokens.py",
        "(KEPT_HOURS, DELETED_MAX)", "(0, DELETED_MAX)", "tests/infrastructure/test_used_tokens.py"),
    Bug("a late link works", ACCESS,
        "    if now >= holder.expires_at:\n", "    if False:\n", DASHBOARDS),
    Bug("a cookie outlives its key", ACCESS,
        "        if key.revoked or known != (", "        if known != (", DASHBOARDS),
    Bug("a key opens the dashboards of another merchant", ACCESS,
        "known != (role, owner, services.config.mode)",
        "known != (role, key.holder_id, services.config.mode)", DASHBOARDS),
    Bug("a link serves as a cookie", "api/tokens.py",
        'COOKIE = "cookie of a dashboard"', 'COOKIE = "link to a dashboard"', DASHBOARDS),
    Bug("the cookie of another merchant shows a delivery", OWN,
        "    delivery = await blocking.read(get, call.identity.holder, public_id)\n",
        "    rows = getattr(call.services.deliveries, 'rows', {})\n"
        "    delivery = rows.get(public_id) or await blocking.read(get, call.identity.holder, public_id)\n",
        DASHBOARDS),
    Bug("a delivery is sent again for any page", PAGES,
        "        check_origin(call)\n", "", DASHBOARDS),
    Bug("an origin that begins like ours is ours", ACCESS,
        'call.request.all(b"origin") != [call.services.config.public_url]',
        'not str(call.request.header(b"origin")).startswith(call.services.config.public_url)',
        DASHBOARDS),
    Bug("a request without an origin is ours", ACCESS,
        '    if call.request.all(b"origin") != [',
        '    if call.request.all(b"origin") and call.request.all(b"origin") != [', DASHBOARDS),
    Bug("scripts can read the cookie", ACCESS,
        'f"HttpOnly; SameSite=Strict{secure}"', 'f"SameSite=Strict{secure}"', DASHBOARDS),
    Bug("with https another host may set the cookie", ACCESS,
        '"__Host-qrledger-dashboard" if config.secure', '"qrledger-dashboard" if config.secure',
        DASHBOARDS),
    Bug("of two cookies the first one counts", ACCESS,
        "return found[0] if len(found) == 1 else", "return found[0] if found else", DASHBOARDS),
    Bug("the token of a link is taken from the query", SIGN_IN,
        'summary="The page that a link to the dashboards opens",\n',
        'summary="The page that a link to the dashboards opens", any_query=True,\n',
        DASHBOARDS),
    Bug("pages do not say where their forms come from", "api/pages/dashboards/frame.py",
        '"Referrer-Policy": "same-origin"', '"X-Referrer-Policy": "same-origin"', DASHBOARDS),
    Bug("signatures are kept with the attempt", "application/processes/_webhook_deliveries.py",
        "if name == SIGNATURE else value", "if name == SIGNATURE.title() else value",
        "tests/api/test_webhooks.py"),
    Bug("a replay that has ended still counts", "application/processes/_webhook_fanout.py",
        "return Done(tasks=tasks, commands=_finish(payload))", "return Done(tasks=tasks)",
        "tests/application/processes/test_webhook_requests.py"),
    Bug("a replay whose task was dropped counts for ever", "domain/merchants/webhook_endpoint.py",
        "if at - began < REPLAY_RUNS_MAX]", "]", "tests/domain/test_webhook_endpoint.py"),
    Bug("a test counts as a missed event", STORE,
        "and d.target = t.target and status = 'failed'\n       and position > 0",
        "and d.target = t.target and status = 'failed'\n       and position >= 0", STORED),
    Bug("deliveries of the last moment are listed", STORE,
        '"created_at < %s": only.created_to', '"created_at <= %s": only.created_to', STORED),
]  # fmt: skip
