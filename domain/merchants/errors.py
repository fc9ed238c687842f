"""Refusals of merchants and API keys."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class KeyLimit(LedgerError):
    """The holder has two active API keys, which is the limit."""

    code = "key-limit"
    kind = ErrorKind.CONFLICT
    title = "Too many active API keys"
    sentence = "{holder_id} already has {keys_max} active {role} keys; revoke one first."


class EndpointLimit(LedgerError):
    """The merchant has 20 webhook endpoints, which is the limit."""

    code = "endpoint-limit"
    kind = ErrorKind.CONFLICT
    title = "Too many webhook endpoints"
    sentence = "A merchant may have {endpoints_max} webhook endpoints; delete one first."


class SecretRotating(LedgerError):
    """The secret was rotated a short time ago and the one before it still signs."""

    code = "secret-rotating"
    kind = ErrorKind.CONFLICT
    title = "Two secrets are live"
    sentence = "The previous secret signs until {previous_until}; end it with an overlap of 0."


class ReplayLimit(LedgerError):
    """Five replays of the merchant run already, which is the limit."""

    code = "replay-limit"
    kind = ErrorKind.BUSY
    title = "Too many replays are running"
    sentence = (
        "At most {replays_max} replays of a merchant run at a time; wait until one has ended."
    )


class EndpointNotEnabled(LedgerError):
    """The webhook endpoint is paused or disabled, so nothing is sent to it."""

    code = "endpoint-not-enabled"
    kind = ErrorKind.CONFLICT
    title = "Webhook endpoint is not enabled"
    sentence = "The endpoint {endpoint_id} is {endpoint_status}; enable it first."
