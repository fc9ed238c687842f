"""Known bugs of static codes and of scanning."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

SCAN = "application/commands/scan_static_code.py"
READING = "application/scanning.py"
ROUTES = "api/v1/scans.py"
COMMAND = "tests/application/commands/test_scan_static_code.py"
READ = "tests/application/test_scanning.py"
HTTP = "tests/api/test_scans.py"
HOSTILE = "tests/api/test_hostile_scans.py"
CHECKS = "tests/application/checks/test_static_codes.py"

CODE_BUGS: Final = [
    Bug("a key that was revoked is accepted", "domain/qr/static_code.py",
        "        if verdict is not SignatureVerdict.VALID:\n",
        "        if verdict not in {SignatureVerdict.VALID, SignatureVerdict.REVOKED_KEY}:\n",
        f"{READ} {HTTP}"),
    Bug("a claim is made before the signature is checked", READING,
        "        code.check(verify)\n", "", f"{READ} {HOSTILE}"),
    Bug("a static code is read in any case", READING,
        "VerifiedCode(static_code.parse(payload, public_url), verify)",
        "VerifiedCode(static_code.parse(payload.upper(), public_url), verify)",
        f"{READ} {HOSTILE}"),
    Bug("the maximum of a code is not compared", "domain/static_codes/terms.py",
        "not least <= offered.minor <= most", "offered.minor < least",
        f"tests/domain/test_static_code.py {COMMAND}"),
    Bug("the minimum of a code is not compared", "domain/static_codes/terms.py",
        "not least <= offered.minor <= most", "offered.minor > most",
        f"tests/domain/test_static_code.py {COMMAND}"),
    Bug("a fixed amount is what the payer says", "domain/static_codes/terms.py",
        "            if offered is not None and offered != fixed:\n", "            if False:\n",
        f"tests/domain/test_static_code.py {HTTP}"),
    Bug("a payer's currency is not compared with the code's", "domain/static_codes/terms.py",
        "offered.currency != self.currency or not", "not", f"tests/domain/test_static_code.py {HTTP}"),
    Bug("a wallet has two open sessions by one code", SCAN,
        "            if self._claims_again(last, wallet, price, loaded):\n", "            if False:\n",
        f"{COMMAND} tests/faults/test_static_code_races.py"),
    Bug("the open session of another amount stays open", SCAN,
        '        last.cancel(by="payer", at=loaded.now)\n', "", COMMAND),
    Bug("the order of a replaced session stays reserved", SCAN,
        "ended = [*release_order(last, loaded, reason=last.status.value), last]",
        "ended = [last]", COMMAND),
    Bug("an expired session of the payer is claimed anew", SCAN,
        "        if last.status in OPEN and loaded.reached(last.expires_at):\n",
        "        if False:\n", COMMAND),
    Bug("a revoked code opens sessions", SCAN, "        code.check_active()\n", "",
        f"{COMMAND} {HTTP}"),
    Bug("a revoked code shows its limits", ROUTES,
        "code.terms.is_open and code.revoked_at is None", "code.terms.is_open", HTTP),
    Bug("a session of a code is opened without a claim", SCAN,
        "        self._claim(session, wallet, loaded)\n        return Decision(session, [*ended",
        "        return Decision(session, [*ended", COMMAND),
    Bug("another app's wallet scans a code", SCAN,
        'own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)',
        'loaded.get(Wallet, self.wallet_id, "wallet")', COMMAND),
    Bug("another merchant revokes a code", "application/commands/revoke_static_code.py",
        "        if code.merchant_id != self.merchant_id:\n", "        if False:\n",
        "tests/application/commands/test_revoke_static_code.py"),
    Bug("another merchant reads a code", "api/v1/access.py",
        'current.state.merchant_id != identity.holder:\n        raise NotFound(thing="static code")',
        'False:\n        raise NotFound(thing="static code")', "tests/api/test_static_codes.py"),
    Bug("a replay of a scan judges the signature again", ROUTES,
        "            read = refusal\n", "            raise\n", HTTP),
    Bug("refused scans are not counted", ROUTES,
        "            if cause := cause_of(refusal):\n", "            if cause := None:\n", HTTP),
    Bug("the amount of a session's code is not compared",
        "application/commands/scan_session.py",
        "        if self.amount is not None:\n", "        if False:\n",
        f"tests/application/commands/test_scan_session.py {HTTP}"),
    Bug("the check of static codes looks at no limit", "application/checks/static_codes.py",
        "        if not is_within or stated", "        if stated", CHECKS),
    Bug("the check of static codes counts no open session", "application/checks/static_codes.py",
        "            if session is None or session.status not in ENDED:\n",
        "            if session is None:\n", CHECKS),
    Bug("an EMVCo code names another merchant", "domain/static_codes/texts.py",
        "        name=settings.name,\n", "        name=merchant_id.hex[:25],\n",
        "tests/application/commands/test_issue_static_code.py"),
]  # fmt: skip
"""Each one is caught by the named tests."""
