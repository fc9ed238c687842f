"""Known bugs of `listen` and `events tail`."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

FORWARDING = "application/forwarding.py"
URLS = "infrastructure/webhooks/forward.py"
COMMANDS = "tests/infrastructure/test_listen_commands.py"
TOLD, CALLED = "tests/application/test_forwarding.py", "tests/infrastructure/test_forward_urls.py"

LISTEN_BUGS: Final = [
    Bug("a developer is told of every merchant's events", FORWARDING,
        "            if streams.at_version(recorded.stream_id, 1)[1].merchant_id == self._merchant_id\n",
        "", TOLD),
    Bug("an event counts as forwarded before it was", FORWARDING,
        "            if not self._tell(notice):\n                return position, False\n"
        "            position = notice.recorded.position\n",
        "            position = notice.recorded.position\n"
        "            if not self._tell(notice):\n                return position, False\n", TOLD),
    Bug("an event that is not forwarded at once is given up", FORWARDING,
        "            again = None if verdict.delivered else wait\n", "            again = None\n", TOLD),
    Bug("an event is forwarded as the session is now", FORWARDING,
        "streams.at_version(recorded.stream_id, recorded.version)",
        "streams.at_version(recorded.stream_id, 10**6)", TOLD),
    Bug("events are forwarded to any machine", URLS,
        "    if not remote and host not in LOOPBACK_HOSTS:\n", "    if False:\n", CALLED),
    Bug("a name of this machine may mean another one", URLS,
        "return self._remote or ip_address(address).is_loopback", "return True", CALLED),
    Bug("two runs of listen share a state", "infrastructure/private_files.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB",
        COMMANDS),
    Bug("the log is printed beyond a gap", "infrastructure/cli/events.py",
        "        if recorded.position != expected:\n", "        if False:\n", COMMANDS),
]  # fmt: skip
"""Each one is caught by a test of its part."""
