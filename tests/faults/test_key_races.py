"""Many operators give out keys of one holder at the same moment: two live, whoever was first."""

from __future__ import annotations

from collections import Counter
from threading import Barrier, Thread

import pytest

from domain.errors import LedgerError
from domain.merchants.api_key import BearerKey, Role
from infrastructure import bootstrap
from infrastructure.accounts import AccountAdmin
from infrastructure.postgres.connections import DatabaseRole

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
OPERATORS = 8


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.OPERATOR])
def test_eight_who_give_out_keys_at_once_leave_two_living(database_url: str, role: Role) -> None:
    logs = [
        bootstrap.make_log(database_url, DatabaseRole.WRITER, size_max=1) for _ in range(OPERATORS)
    ]
    desks = [AccountAdmin(log, bootstrap.make_bus(log), "test") for log in logs]
    holder = desks[0].register_merchant("Cafe", ())
    start = Barrier(OPERATORS)
    ends: list[BearerKey | str] = []

    def give_out(admin: AccountAdmin) -> None:
        start.wait()
        try:
            ends.append(admin.issue_key(role, holder))
        except LedgerError as refusal:
            ends.append(refusal.code)

    threads = [Thread(target=give_out, args=(admin,)) for admin in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    given = [one for one in ends if isinstance(one, BearerKey)]
    assert Counter(one for one in ends if isinstance(one, str)) == {"key-limit": OPERATORS - 2}
    living = {key.id for key in desks[0].all_keys() if not key.revoked}
    assert living == {one.key_id for one in given}
    assert len(living) == 2
    for log in logs:
        log.close()
