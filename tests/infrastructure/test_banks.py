"""The port of the bank: one contract for every adapter and the fake."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from application.ports.bank import Bank, NoAnswer, TransferOrder, TransferState
from domain.money.money import Money
from infrastructure.bank.sandbox import KEYS_MAX, SILENT_CALLS, SandboxBank
from infrastructure.bank.unconnected import UnconnectedBank
from infrastructure.settings import Settings
from infrastructure.workers.ports import make_bank
from tests.support.fake_bank import PENDING, REFUSED, RETURNED, SETTLED, FakeBank

BANKS: dict[str, Callable[[], dict[str, Bank]]] = {
    "sandbox": lambda: dict.fromkeys(
        ("settles", "returns", "returns later", "refuses", "twice"), SandboxBank()
    ),
    "fake": lambda: {
        "settles": FakeBank(),
        "returns": FakeBank(questions=[RETURNED]),
        "returns later": FakeBank(questions=[SETTLED, RETURNED]),
        "refuses": FakeBank(sends=[REFUSED], questions=[REFUSED]),
        "twice": FakeBank(sends=[SETTLED], questions=[SETTLED]),
    },
}
AMOUNTS = {"settles": 1000, "returns": 91, "returns later": 1092, "refuses": 193, "twice": 96}


def order(outcome: str, key: str = "pay_1") -> TransferOrder:
    return TransferOrder(key, Money(AMOUNTS[outcome], "USD"), "bank account 1")


@pytest.fixture(params=BANKS)
def banks(request: pytest.FixtureRequest) -> dict[str, Bank]:
    return BANKS[request.param]()


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        ("settles", ["pending", "settled", "settled"]),
        ("returns", ["pending", "returned", "returned"]),
        ("returns later", ["pending", "settled", "returned"]),
        ("refuses", ["refused", "refused", "refused"]),
        ("twice", ["settled", "settled", "settled"]),
    ],
)
def test_a_bank_accepts_an_order_and_says_what_becomes_of_it(
    banks: dict[str, Bank], outcome: str, states: list[str]
) -> None:
    bank, sent = banks[outcome], order(outcome)

    answers = [bank.send(sent), bank.status(sent), bank.status(sent)]

    assert [answer.state.value for answer in answers] == states
    for answer in answers:
        failed = answer.state in {TransferState.RETURNED, TransferState.REFUSED}
        assert bool(answer.reason) == failed
        assert bool(answer.reference) == (answer.state is not TransferState.REFUSED)


def test_the_same_key_is_the_same_transfer(banks: dict[str, Bank]) -> None:
    bank = banks["settles"]

    first, again = bank.send(order("settles")), bank.send(order("settles"))

    assert first.reference == again.reference
    assert bank.status(order("settles")).reference == first.reference


def test_the_sandbox_knows_a_transfer_after_a_restart_and_no_other_by_its_reference() -> None:
    first = SandboxBank().send(order("settles"))

    assert SandboxBank().send(order("settles")) == first
    assert SandboxBank().send(order("settles", "pay_2")).reference != first.reference


def test_the_sandbox_is_silent_for_some_calls_or_for_ever() -> None:
    bank = SandboxBank()
    silent, never = (TransferOrder(f"pay_{n}", Money(n, "USD"), "account") for n in (94, 95))

    for _ in range(SILENT_CALLS):
        with pytest.raises(NoAnswer):
            bank.send(silent)
    for _ in range(SILENT_CALLS + 1):
        with pytest.raises(NoAnswer):
            bank.send(never)

    assert bank.send(silent).state is TransferState.PENDING
    assert bank.status(silent).state is TransferState.SETTLED


def test_the_sandbox_remembers_a_bounded_number_of_keys() -> None:
    bank = SandboxBank()

    for number in range(KEYS_MAX + 10):
        bank.status(order("settles", f"pay_{number}"))

    assert len(bank._calls) == KEYS_MAX


def test_without_a_bank_nothing_is_answered() -> None:
    bank: Bank = UnconnectedBank()

    for call in (bank.send, bank.status):
        with pytest.raises(NoAnswer, match="no bank is connected"):
            call(order("settles"))


def test_the_fake_counts_a_transfer_whose_answer_was_lost() -> None:
    bank = FakeBank(sends=[None, PENDING])

    with pytest.raises(NoAnswer):
        bank.send(order("settles"))
    bank.send(order("settles"))

    assert list(bank.transfers) == ["pay_1"]


def test_only_a_test_ledger_has_the_sandbox_bank() -> None:
    assert isinstance(make_bank(Settings(mode="test")), SandboxBank)
    assert isinstance(make_bank(Settings(mode="live")), UnconnectedBank)
