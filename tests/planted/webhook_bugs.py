"""Known bugs of webhooks."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

CODEC = "domain/merchants/standard_webhooks.py"
RULES = "application/processes/_webhook_rules.py"
FANOUT = "application/processes/_webhook_fanout.py"
DELIVERIES = "application/processes/_webhook_deliveries.py"
CALL = "application/processes/_webhook_call.py"
STREAMS = "application/processes/_webhook_streams.py"
RECIPIENTS = "application/processes/_webhook_recipients.py"
SENDER = "infrastructure/webhooks/sender.py"
PROCESS = "tests/application/processes/test_webhooks.py"
ASKED = "tests/application/processes/test_webhook_recipients.py"
SIGNED = "tests/domain/test_standard_webhooks.py"
ATTEMPTS = "tests/application/processes/test_webhook_attempts.py"
SENT = "tests/infrastructure/test_webhook_sender.py"
CALLED = "tests/infrastructure/test_webhook_addresses.py"

WEBHOOK_BUGS: Final = [
    Bug("a webhook is signed over JSON that was encoded again", CALL,
        "at=at, body=body)\n",
        "at=at, body=__import__('json').dumps(__import__('json').loads(body)).encode())\n",
        PROCESS),
    Bug("a secret of webhooks is compared with ==", CODEC,
        "hmac.compare_digest(mac, raw)", "mac == raw", SIGNED),
    Bug("a webhook from the future is accepted", CODEC,
        "abs(int(timestamp) - at.timestamp())", "at.timestamp() - int(timestamp)", SIGNED),
    Bug("a redirect counts as a success", RULES,
        "if 200 <= sent.status <= 299:", "if 200 <= sent.status <= 399:", ATTEMPTS),
    Bug("a redirect of a webhook is followed", "infrastructure/webhooks/connection.py",
        "    response = connection.getresponse()\n",
        "    response = connection.getresponse()\n"
        "    if response.status // 100 == 3:\n"
        "        __import__('urllib.request').request.urlopen("
        "response.getheader('location'), data=call.body)\n", SENT),
    Bug("a delivery is noted before it was sent", DELIVERIES,
        "        sent = self._sender.send(calls)\n",
        "        self._deliveries.record([_attempt(one, call, Answer(200, 0), rules.judge(Answer(200, 0)), Done(), now) for one, call in zip(due, calls)], [])\n"
        "        sent = self._sender.send(calls)\n", ATTEMPTS),
    Bug("a webhook that is sent again loses its place", FANOUT,
        'lane=f"{delivery.target} {delivery.subject_id} {round_}".strip(),', 'lane="",', ATTEMPTS),
    Bug("all sessions of an endpoint wait for each other", FANOUT,
        'lane=f"{delivery.target} {delivery.subject_id} {round_}".strip(),',
        'lane=f"{delivery.target} {round_}".strip(),', ATTEMPTS),
    Bug("the name of a receiver is resolved twice", SENDER,
        "                    call, parts, address, context=self._context, deadline=deadline\n",
        "                    call, parts, self._resolve(parts.hostname or '', 443)[0],\n"
        "                    context=self._context, deadline=deadline\n", CALLED),
    Bug("only the first address of a receiver is checked", SENDER,
        "for address in addresses):\n", "for address in addresses[:1]):\n", CALLED),
    Bug("the body of a webhook is the session as it is now", STREAMS,
        "shown_at(events, version, fold)", "shown_at(events, len(events), fold)", PROCESS),
    Bug("the endpoints of today are told of older events", FANOUT,
        "position = None if only else recorded.position", "position = None", PROCESS),
    Bug("events before the first endpoint was added cost tasks", RECIPIENTS,
        "return opened is not None and opened < recorded.position",
        "return opened is not None", ASKED),
    Bug("a merchant without endpoints costs tasks", RECIPIENTS,
        "return opened is not None and opened < recorded.position",
        "return opened is None or opened < recorded.position", ASKED),
    Bug("a session with a callback address needs an endpoint to be told of", RECIPIENTS,
        "        if subject.has_callback:\n            return True\n", "", ASKED),
    Bug("an endpoint that is added while the worker runs is not noticed", "application/processes/webhooks.py",
        "            self._recipients.opened(recorded)\n", "", ASKED),
    Bug("an endpoint whose addition another worker took in is not noticed", "application/processes/_follower.py",
        "        if page.after != self._reacted:\n            self._process.forget()\n", "", ASKED),
    Bug("whose the sessions are is read again for each event", RECIPIENTS,
        "            _keep(self._subjects, recorded.stream_id, subject, self._subjects_max)\n", "", ASKED),
    Bug("sessions are remembered without a limit", RECIPIENTS,
        "len(memory) >= size_max:", "len(memory) < 0:", ASKED),
    Bug("a webhook is parked and its endpoint is not told of the rest", DELIVERIES,
        "            return Park(reason=verdict.reason)\n",
        "            return Done(commands=[_disable(one.task, DisabledReason.FAILING)])\n", ATTEMPTS),
    Bug("the deliveries of an event wait for the calls of its batch", "application/processes/webhooks.py",
        'return task.payload["kind"] != DELIVER', "return True", ATTEMPTS),
]  # fmt: skip
"""Each one is caught by a test of its part."""
