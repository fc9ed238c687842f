"""Known bugs of what every answer says, of refused requests, and of lists of one's own."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

WALK, LIMIT = "api/http/validation.py", "api/http/rate_limit.py"
MISTAKES, ANSWERS = "tests/api/test_mistakes.py", "tests/api/test_answers.py"
SHARED, OWN = "tests/api/test_cross_origin.py", "tests/api/test_own_lists.py"

API_BUGS: Final = [
    Bug("a body's unknown fields hide its missing ones", WALK,
        "        elif field.required:\n", "        elif field.required and not value:\n", MISTAKES),
    Bug("every mistake of a body is named, however many", WALK,
        "in found[:MISTAKES_MAX]\n", "in found\n", MISTAKES),
    Bug("true is a whole number", WALK,
        "    if isinstance(number, bool) or not isinstance(number, int):\n",
        "    if not isinstance(number, int):\n", MISTAKES),
    Bug("any X-Request-Id is taken over", "api/http/request_ids.py",
        "if named and _SANE.fullmatch(named):", "if named and named.isascii():", ANSWERS),
    Bug("one of repeated ids counts", "api/http/request_ids.py",
        'b"" if name in found else value', "value", ANSWERS),
    Bug("a trace id of zeros is continued", "application/request_context.py",
        "(?!0{32})", "", ANSWERS),
    Bug("a problem's type is relative", "api/http/errors.py",
        "{context.origin if context else ''}/problems/", "/problems/", ANSWERS),
    Bug("what is left of the limit is stated before a token is taken", LIMIT,
        "% self._buckets[bucket][0]),\n", "% (self._buckets[bucket][0] + 1)),\n", ANSWERS),
    Bug("HEAD has a body", "api/http/messages.py",
        'body = b"" if head else self.body', "body = self.body", ANSWERS),
    Bug("lists have addresses with tokens", "api/views/sessions.py",
        "        return structs.replace(view, checkout_url=None, live_url=None)\n",
        "        return view\n", OWN),
    Bug("a page of another origin reads what an API key gets", "api/http/cross_origin.py",
        "origin in self._origins and not _has_key(request)", "origin in self._origins", SHARED),
    Bug("every origin may ask", "api/http/cross_origin.py",
        'known = call.request.header(b"origin") in self._origins', "known = True", SHARED),
    Bug("a merchant's page of events has those of others", "projections/merchant_events.py",
        "where e.merchant_id = %(merchant_id)s and", "where", OWN),
    Bug("a merchant learns who caused an event", "api/views/events.py",
        "        del document[name]\n", "        pass\n", OWN),
    Bug("one of several statuses counts", "projections/sessions.py",
        '    return f"({\' or \'.join(special)})"\n', "    return special[0]\n", OWN),
    Bug("any of the metadata is enough", "projections/sessions.py",
        "metadata @> %(metadata)s and", "metadata is not null and", OWN),
    Bug("an app lists everybody's wallets", "projections/wallets.py",
        '            "wallet_app_id = %s": wallet_app_id,\n', "", OWN),
    Bug("a browser is shown a document instead of a page", "api/http/router.py",
        "if operation.shows_pages and wants_html(request):", "if False:",
        "tests/api/test_refusal_pages.py"),
    Bug("a browser is shown pages where programs are served", "api/http/router.py",
        "if operation.shows_pages and wants_html(request):", "if wants_html(request):",
        "tests/api/test_refusal_pages.py"),
    Bug("a page of refusal does not say when to try again", "api/pages/refusals.py",
        "    response.headers = {**response.headers, **problem.headers}\n", "",
        "tests/api/test_refusal_pages.py"),
    Bug("a name among the commands leads to another", "infrastructure/cli/audit.py",
        '"sample": "audit_sample:sample"', '"sample": "audit_bundles:receipt"',
        "tests/infrastructure/test_lazy_commands.py"),
]  # fmt: skip
