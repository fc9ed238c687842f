"""Known bugs of push notifications."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

PUSH = "application/processes/push.py"
WEB = "infrastructure/push/web_push.py"
FCM = "infrastructure/push/fcm.py"
CRYPTO = "infrastructure/push/encryption.py"
TARGET = "domain/wallets/push_target.py"
ROUTES = "api/v1/push_subscriptions.py"
STORE = "infrastructure/postgres/push.py"
PROCESS = "tests/application/processes/test_push.py"
ENCRYPTED = "tests/infrastructure/test_push_encryption.py"
SENT = "tests/infrastructure/test_web_push.py"
TO_APPS = "tests/infrastructure/test_fcm.py"
TARGETS = "tests/domain/test_push_target.py"
ASKED = "tests/api/test_push_subscriptions.py"
STORED = "tests/infrastructure/test_push_subscriptions.py"

PUSH_BUGS: Final = [
    Bug("a subscription that has ended is kept", PUSH,
        "            self._subscriptions.drop(ended)\n", "            pass\n", PROCESS),
    Bug("only 410 ends a subscription", WEB,
        "GONE: Final = frozenset({404, 410})", "GONE: Final = frozenset({410})", SENT),
    Bug("an amount is shown on a locked screen by default", PUSH,
        "_amount(recorded.event, kind) if subscription.amounts else None",
        "_amount(recorded.event, kind)", PROCESS),
    Bug("every session of a device has the same topic", PUSH,
        'f"push topic {subscription_id} {session_id}"', 'f"push topic {subscription_id}"', PROCESS),
    Bug("push services can compare the topics of two payers", PUSH,
        'f"push topic {subscription_id} {session_id}"', 'f"push topic {session_id}"', PROCESS),
    Bug("a notification that is tried again loses its place", PUSH,
        'lane=f"{subscription_id} {session_id}",', 'lane="",', PROCESS),
    Bug("all sessions of a device wait for each other", PUSH,
        'lane=f"{subscription_id} {session_id}",', "lane=subscription_id,", PROCESS),
    Bug("a notification is tried for ever", PUSH,
        "if sent.outcome is PushOutcome.LATER and again < times.from_text(",
        "if sent.outcome is PushOutcome.LATER or again < times.from_text(", PROCESS),
    Bug("a slow push service holds every loop", PUSH,
        "(service, not self._quick.get(service, False), False)", "(service, False, False)", PROCESS),
    Bug("a payer is told of what the payer did", PUSH,
        ' and getattr(recorded.event, "by", "") != "payer"', "", PROCESS),
    Bug("a service that answers late counts as quick", WEB,
        "    slow = sent.milliseconds >= SLOW_MILLISECONDS\n", "    slow = False\n", SENT),
    Bug("a message is encrypted without the secret of its browser", CRYPTO,
        "secret = _derive(auth, ", "secret = _derive(bytes(16), ", ENCRYPTED),
    Bug("a token for push services names the endpoint", "infrastructure/push/vapid.py",
        'f"{parts.scheme}://{parts.netloc}", period', "endpoint, period", ENCRYPTED),
    Bug("a sealed target opens in any row", STORE,
        '    return f"{subscription_id} {wallet_id}"\n', '    return ""\n', STORED),
    Bug("a wallet removes the subscription of another", STORE,
        "where wallet_id = %s and id = %s", "where %s <> '' and id = %s", STORED),
    Bug("a target is stored as it is", STORE,
        "self._keys.seal(\n            msgspec.json.encode(subscription.target), _name(subscription.id, wallet_id)\n        )",
        "msgspec.json.encode(subscription.target)", STORED),
    Bug("a point beside the curve is accepted", TARGET,
        " and (y * y - (x * x * x - 3 * x + _B)) % _P == 0", "", TARGETS),
    Bug("an endpoint on this machine is accepted", TARGET,
        'check_webhook_url("endpoint", endpoint, loopback=loopback)',
        'check_webhook_url("endpoint", endpoint, loopback=True)', f"{TARGETS} {ASKED}"),
    Bug("anybody may subscribe any wallet", ROUTES,
        "        current = await readable_wallet(call, id)\n        push = self._services.push\n",
        "        from application.reader import Reader\n        from domain.wallets.wallet import Wallet\n"
        '        current = call.services.reader.get(Wallet, id, "wallet")\n'
        "        push = self._services.push\n", ASKED),
    Bug("a transport that is not set up takes subscriptions", ROUTES,
        "        if body.transport not in push.transports:\n", "        if False:\n", ASKED),
    Bug("an access token is used after it has ended", FCM,
        "if self._token_ends is None or now >= self._token_ends:", "if self._token_ends is None:", TO_APPS),
    Bug("a token that FCM refuses is used again", FCM,
        "        if answer.status == BAD_TOKEN:\n", "        if False:\n", TO_APPS),
    Bug("any 404 of FCM deletes a subscription", FCM,
        '        gone = "UNREGISTERED" in _error_codes(answer.body)\n', "        gone = True\n", TO_APPS),
]  # fmt: skip
