"""Who may top up a wallet: in a live ledger only the operator, whose money it is not."""

from __future__ import annotations

import pytest

from tests.support.memory_client import memory_client

TOP_UP = {"amount": {"minor": 1000, "currency": "USD"}, "reference": "x"}


@pytest.mark.parametrize("mode", ["live", "test"])
@pytest.mark.parametrize("who", ["wallet", "page"])
def test_payers_top_up_their_wallets_in_a_test_ledger_only(mode: str, who: str) -> None:
    with memory_client(mode=mode) as client:
        path = f"/v1/wallets/{client.api.wallet_id}"
        minted = client.call("wallet", "POST", f"{path}/tokens").body["token"]
        head = client.head

        reply = client.call(
            minted if who == "page" else who, "POST", f"{path}/top-ups", TOP_UP, key="k"
        )

        assert reply.status == (201 if mode == "test" else 403), reply.body
        assert (client.head > head) is (mode == "test")
