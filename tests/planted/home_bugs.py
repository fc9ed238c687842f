"""Known bugs of the home page and of what payers' pages may do."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

PAGE = "api/pages/home.py"
TESTS = "tests/api/test_home.py"

HOME_BUGS: Final = [
    Bug("the home page takes forms under any name", PAGE,
        'request.header(b"host") != urlsplit(own).netloc or ', "", TESTS),
    Bug("the home page takes forms of other sites", PAGE,
        ' or request.all(b"origin") != [own]', "", TESTS),
    Bug("a form that is sent again makes another payment", PAGE,
        'key=f"{number}-{amount.minor}"', "key=self._services.new_id().hex", TESTS),
    Bug("the home page reads the first of repeated fields", PAGE,
        "return fields if len(fields) == len(pairs) else {}", "return fields", TESTS),
    Bug("half a cent is an amount", PAGE, r"(?:\.([0-9]{1,2}))?", r"(?:\.([0-9]{1,2})[0-9]*)?", TESTS),
    Bug("a page tops up the wallets of others", "api/v1/wallets.py",
        "        if call.identity.wallet_id not in {None, wallet_id}:\n", "        if False:\n",
        "tests/api/test_payment.py"),
    Bug("a payer's page tops up in a live ledger", "api/v1/wallets.py",
        '        if not operator and self._services.config.mode != "test":\n', "        if False:\n",
        "tests/api/test_live_top_ups.py"),
    Bug("a code signs any number of phones in", "application/demo_accounts.py",
        "self._ends.pop(code, None)", "self._ends.get(code)", TESTS),
    Bug("another site exchanges the code of a phone", PAGE,
        "        _check_own(call)\n        if not phones", "        if not phones", TESTS),
    Bug("a tab's title has tags in it", PAGE,
        """title=f"{_('New payment')} · {shown}",""",
        """title=f"{_('New payment')} · {isolated(shown)}",""", TESTS),
]  # fmt: skip
