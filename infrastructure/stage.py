"""The stage of stories: the commands of merchants, payers and operators on one test ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from application.command import Command, Outcome
from application.commands.register_wallet_app import RegisterWalletApp
from application.errors import NotCaughtUp, NotFound
from application.event_log import Recorded, history
from application.ports.credits import AccountCredits
from application.reader import Reader
from application.stories.stage import Story, StoryStuck
from domain import ids
from domain.accounting import chart
from domain.merchants.merchant import Merchant
from domain.payouts.debits import Credits
from domain.wallets.wallet_app import WalletApp
from infrastructure.accounts import AccountAdmin
from infrastructure.event_store.postgres_log import PostgresLog

WAIT_SECONDS: Final = 30.0
"""How long a step waits for the workers."""
POLL_SECONDS: Final = 0.05
_POLLS_MAX: Final = round(WAIT_SECONDS / POLL_SECONDS)

Show = Callable[[str], None]
"""Shows one line."""


class LedgerStage:
    """`application.stories.stage.Stage` on a log whose workers run elsewhere."""

    def __init__(
        self,
        log: PostgresLog,
        admin: AccountAdmin,
        credits: AccountCredits,
        merchant_id: UUID,
        *,
        show: Show,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set the stage.

        Args:
            log: the event log of a test ledger.
            admin: sends the commands.
            credits: counts what the merchant has earned.
            merchant_id: whom the story is about.
            show: shows each step.
            wait: waits so many seconds.
        """
        self._event_log = log
        self._admin = admin
        self._credits = credits
        self.merchant_id = merchant_id
        self._show = show
        self._wait = wait
        self._reader = Reader(log)
        self.wallet_app_id = self._wallet_app()

    def play(self, topic: str, story: Story) -> Recorded:
        """Play a story; returns the first event of its topic in the stream that it names.

        Raises (checked in this order):
            LedgerError: a command was refused.
            StoryStuck: see `Stage.until`.
        """
        stream_id = story.play(self)
        self.until(stream_id, topic)
        return next(one for one in self._events(stream_id) if one.topic == topic)

    def new_id(self) -> UUID:
        """See the port."""
        return uuid7()

    def merchant(self) -> Merchant:
        """See the port."""
        return self._admin.merchant(self.merchant_id)

    def send(self, step: str, command: Command) -> Outcome:
        """See the port."""
        outcome = self._admin.send(command)
        subject = ids.subject(outcome.subject.TOPIC, outcome.subject.id)
        self._show(f"{step}: {subject}, position {outcome.position}")
        return outcome

    def send_debit(self, step: str, currency: str, make: Callable[[Credits], Command]) -> Outcome:
        """See the port."""
        account = chart.PAYABLE.of(ids.encode("mer", self.merchant_id))
        head = self._event_log.head()
        for _ in range(_POLLS_MAX):
            earned = self._credits.credits(account, currency)
            if earned.position >= head:
                return self.send(step, make(earned))
            self._wait(POLL_SECONDS)
        raise NotCaughtUp(position=earned.position, at_least=head)

    def advance(self, seconds: int) -> None:
        """See the port."""
        self._admin.advance_clock(seconds)
        self._show(f"{seconds} s pass")

    def until(self, stream_id: UUID, topic: str, times: int = 1) -> None:
        """See the port."""
        for _ in range(_POLLS_MAX):
            found = [one for one in self._events(stream_id) if one.topic == topic]
            if len(found) >= times:
                self._show(f"{topic}: recorded at position {found[times - 1].position}")
                return
            self._wait(POLL_SECONDS)
        msg = f"{topic} was not recorded within {WAIT_SECONDS:.0f} s: is `qrledger work` running?"
        raise StoryStuck(msg)

    def _events(self, stream_id: UUID) -> list[Recorded]:
        return history(self._event_log, stream_id)

    def _wallet_app(self) -> str:
        """The app of the stories' wallets, which is registered once."""
        app_id = ids.derive("trigger", "wallet app")
        try:
            app = self._reader.get(WalletApp, app_id, "wallet app").state
        except NotFound:
            command = RegisterWalletApp(wallet_app_id=app_id, name="Trigger")
            app = self._admin.send(command).subject
        return ids.encode("app", app.id)
