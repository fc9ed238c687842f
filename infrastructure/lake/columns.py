"""The columns of an exported event: a promise to everybody who queries the files.

Columns are only added, and `FORMAT` raised, so that the next export writes every month anew.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from application.event_log import Recorded, UnknownEvent
from domain import ids, personal_data, text

FORMAT: Final = 1
COLUMNS: Final = (
    "position", "event_id", "type", "subject", "version", "recorded_at", "actor", "command_id",
    "schema_version", "data",
)  # fmt: skip
"""What every event has; `data` is its payload as stored."""
OWNER: Final = "merchant_id"
CURRENCIES: Final = ("currency", "payer_currency", "from_currency", "to_currency")
AMOUNTS: Final = (
    "amount_minor", "fee_minor", "payer_amount_minor", "spread_minor", "fee_returned_minor",
    "credited_minor", "spread_returned_minor", "refunded_minor", "captured_minor",
    "merchant_minor", "disputed_minor", "min_minor", "max_minor", "fixed_minor", "credits_minor",
    "gross_minor", "received_minor", "difference_minor", "from_minor", "to_minor",
)  # fmt: skip
"""The amounts of events in minor units, each null where an event has no such member."""
TYPED: Final = (OWNER, *CURRENCIES, *AMOUNTS)
"""Members of the payload with a column of their own, upcast to the newest version of the event."""
INT64_MAX: Final = 2**63 - 1
_ENVELOPE: Final = ("originator_topic", "class_version")
"""Members of a stored payload that say how to read it."""


def row(
    recorded: Recorded, *, without_text: bool = False, restricted: bool = False
) -> tuple[Any, ...]:
    """The event as `COLUMNS` and `TYPED`.

    Args:
        recorded: the event; one that this program does not know has no typed columns.
        without_text: leave out free text (see `domain/personal_data.py`), and of an event that this
            program does not know the whole payload.
        restricted: leave out the texts of this event, whose session or wallet is restricted.
    """
    try:
        members = vars(recorded.event)
    except UnknownEvent:
        members = {}
    return (
        recorded.position,
        ids.encode("evt", recorded.event_id),
        recorded.topic,
        ids.subject(recorded.topic, recorded.stream_id),
        recorded.version,
        recorded.recorded_at,
        personal_data.blanked_actor(recorded.actor) if without_text else recorded.actor,
        str(recorded.command_id),
        recorded.schema_version,
        _data(recorded, without_text=without_text, restricted=restricted, known=bool(members)),
        *(_text(members.get(name)) for name in (OWNER, *CURRENCIES)),
        *(_number(members.get(name)) for name in AMOUNTS),
    )


def _data(recorded: Recorded, *, without_text: bool, restricted: bool, known: bool) -> str:
    data = msgspec.json.decode(text.replace_lone_surrogates(recorded.state))
    for name in _ENVELOPE:
        data.pop(name, None)
    if without_text:
        data = personal_data.blanked(recorded.topic, data) if known else {}
    elif restricted:
        data = personal_data.restricted(recorded.topic, data)
    return msgspec.json.encode(data).decode()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) <= INT64_MAX else None
