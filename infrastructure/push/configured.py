"""Push notifications as the settings describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.push import FCM, WEB_PUSH, PushDesk, PushTransport
from infrastructure.postgres.push import PostgresPushSubscriptions
from infrastructure.push.fcm import Fcm
from infrastructure.push.keys import PushKeys, read_file
from infrastructure.push.service_account import BadServiceAccount, read_service_account
from infrastructure.push.vapid import Vapid
from infrastructure.push.web_push import WebPush
from infrastructure.settings import Settings, SettingsError
from infrastructure.webhooks.sender import GuardedSender

WALL_CLOCK: Final = partial(datetime.now, UTC)


@contextmanager
def push_transports(settings: Settings, keys: PushKeys) -> Iterator[Mapping[str, PushTransport]]:
    """The transports by name; FCM only with a service account.

    Raises:
        SettingsError: the file of the service account cannot be used.
    """
    sender = GuardedSender(loopback=settings.webhook_loopback)
    origin = settings.public_origin
    contact = origin if origin.startswith("https:") else ""
    transports: dict[str, PushTransport] = {
        WEB_PUSH: WebPush(sender, Vapid(keys, contact, WALL_CLOCK))
    }
    fcm = make_fcm(settings)
    if fcm is not None:
        transports[FCM] = fcm
    try:
        yield transports
    finally:
        sender.close()
        if fcm is not None:
            fcm.close()


def make_fcm(settings: Settings) -> Fcm | None:
    """The transport for native apps, if there is a service account.

    Raises:
        SettingsError: its file cannot be used.
    """
    if settings.fcm_account_file is None:
        return None
    try:
        account = read_service_account(settings.fcm_account_file)
    except BadServiceAccount as error:
        msg = f"setting fcm_service_account: {error}"
        raise SettingsError(msg) from None
    return Fcm(account, WALL_CLOCK)


def make_push_desk(
    settings: Settings, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]
) -> PushDesk:
    """What the API needs to take subscriptions."""
    keys = PushKeys(read_file(settings.home_folder))
    return PushDesk(
        subscriptions=PostgresPushSubscriptions(connect, keys),
        public_key=keys.public_key,
        transports=frozenset({WEB_PUSH} | ({FCM} if settings.fcm_service_account else set())),
    )
