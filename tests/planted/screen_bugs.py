"""Known bugs of the checkout screen."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

TESTS = "tests/api/test_checkout_page.py"
PAGE, VIEW = "api/pages/checkout.py", "api/views/sessions.py"

SCREEN_BUGS: Final = [
    Bug("whoever has the code sees until when it is claimed", VIEW,
        "if status is Status.SCANNED and with_token else None\n",
        "if status is Status.SCANNED else None\n", TESTS),
    Bug("a paid session still shows the lease of its claim", VIEW,
        "    claim = session.claim if status is Status.SCANNED and with_token else None\n",
        "    claim = session.claim if with_token else None\n", TESTS),
    Bug("the code stays covered after the lease has lapsed", PAGE,
        "held = claim is not None and now < claim.lease_until", "held = claim is not None", TESTS),
    Bug("a form of the checkout screen forgets the language", PAGE,
        'cancel_url=in_language(f"/checkout/{session.public_id}/cancel?token={token}", lang)',
        'cancel_url=f"/checkout/{session.public_id}/cancel?token={token}"', TESTS),
    Bug("the redirect after a form forgets the language", "api/pages/checkout_attempts.py",
        "checkout_url(session_id, token, chosen_language(call.request))",
        "checkout_url(session_id, token)", TESTS),
    Bug("a live ledger's screen says that no money moves", PAGE,
        'test=call.services.config.mode == "test"', "test=True", TESTS),
    Bug("links repeat what an address says of the language", "api/pages/rendering.py",
        '    return language_for(request).tag if _lang(request) else ""\n',
        "    return _lang(request)\n", TESTS),
]  # fmt: skip
