"""Several operators issue keys of one holder concurrently: two are active in the end."""

from __future__ import annotations

from collections import Counter
from threading import Barrier, Thread

import pytest

from application.bus import Bus
from domain.errors import LedgerError
from domain.merchants.api_key import BearerKey, Role
from infrastructure.accounts import AccountAdmin
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
OPERATORS = 8


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.OPERATOR])
def test_eight_concurrent_key_issues_leave_two_active_keys(database_url: str, role: Role) -> None:
    logs = [make_log(database_url, DatabaseRole.WRITER, size_max=1) for _ in range(OPERATORS)]
    admins = [AccountAdmin(log, Bus(log), "test") for log in logs]
    holder = admins[0].register_merchant("Cafe", ())
    start = Barrier(OPERATORS)
    results: list[BearerKey | str] = []

    def issue(admin: AccountAdmin) -> None:
        start.wait()
        try:
            results.append(admin.issue_key(role, holder))
        except LedgerError as refusal:
            results.append(refusal.code)

    threads = [Thread(target=issue, args=(admin,)) for admin in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    issued = [result for result in results if isinstance(result, BearerKey)]
    assert Counter(result for result in results if isinstance(result, str)) == {
        "key-limit": OPERATORS - 2
    }
    active = {key.id for key in admins[0].all_keys() if not key.revoked}
    assert active == {key.key_id for key in issued}
    assert len(active) == 2
    for log in logs:
        log.close()
