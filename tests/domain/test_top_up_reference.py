"""Top-up references: one stream per wallet and reference."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from domain import ids
from domain.wallets.top_up_reference import TopUpReference
from tests.support.aggregates import fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
WALLET, OTHER = UUID(int=1), UUID(int=2)


def test_using_a_reference_records_it_in_its_own_stream() -> None:
    used = fact(TopUpReference.Used, NOW, wallet_id=ids.encode("wal", WALLET), reference="A")

    scenario = (
        given()
        .when(lambda _: TopUpReference.use(wallet_id=WALLET, reference="A", at=NOW))
        .then(used)
    )

    assert scenario.aggregate.id == TopUpReference.stream_id(WALLET, "A")


def test_the_stream_of_a_reference_never_changes_and_is_the_wallets_own() -> None:
    assert TopUpReference.stream_id(WALLET, "A") == UUID("834437be-dc97-8ccf-8491-08e25867aaed")
    assert len({TopUpReference.stream_id(w, r) for w in (WALLET, OTHER) for r in ("A", "B")}) == 4
