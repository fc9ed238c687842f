"""The policy file of `qrledger replay`: TOML, read strictly."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from application.what_if import RULES_MAX, FeeRule, Policy
from domain import ids
from domain.errors import InvalidRequest, LedgerError
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.currencies import CURRENCIES
from domain.money.fx import SPREAD_BASIS_POINTS_MAX

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
KEYS: Final = frozenset({"fees", "spread_basis_points"})
RULE_KEYS: Final = frozenset(
    {"merchant", "currency", "basis_points", "fixed_minor", "refund_policy"}
)


def read_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises (checked in this order):
        InvalidRequest: the file cannot be read or is no TOML; or a key is unknown or its value is
            not allowed. Names the key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise InvalidRequest.of("--policy", f"has more than {FILE_BYTES_MAX} bytes")
        content = tomllib.loads(data.decode())
    except OSError as error:
        raise InvalidRequest.of("--policy", f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.of("--policy", f"is not TOML: {str(error)[:200]}") from error
    return to_policy(content)


def to_policy(content: dict[str, Any]) -> Policy:
    """A policy from the tables of a file.

    Raises:
        InvalidRequest: see `read_policy`.
    """
    _check_keys(content, KEYS, "")
    spread = content.get("spread_basis_points")
    if spread is not None:
        spread = _whole(spread, "spread_basis_points", SPREAD_BASIS_POINTS_MAX)
    rules = content.get("fees", [])
    if not isinstance(rules, list) or len(rules) > RULES_MAX:
        raise InvalidRequest.of("fees", f"must be at most {RULES_MAX} tables: [[fees]]")
    fees = tuple(_rule(rule, f"fees[{number}]") for number, rule in enumerate(rules))
    return Policy(fees=fees, spread_basis_points=spread)


def _rule(rule: Any, name: str) -> FeeRule:
    if not isinstance(rule, dict):
        raise InvalidRequest.of(name, "must be a table: [[fees]]")
    _check_keys(rule, RULE_KEYS, f"{name}.")
    merchant, currency = rule.get("merchant", ""), rule.get("currency", "")
    if merchant and not _is_merchant(merchant):
        raise InvalidRequest.of(f"{name}.merchant", "is not the id of a merchant: mer_…")
    if currency and (not isinstance(currency, str) or currency not in CURRENCIES):
        raise InvalidRequest.of(f"{name}.currency", "is not an ISO 4217 code: USD")
    fixed = _whole(rule.get("fixed_minor", 0), f"{name}.fixed_minor", None)
    if fixed and not currency:
        reason = "needs a currency: it is in minor units"
        raise InvalidRequest.of(f"{name}.fixed_minor", reason)
    try:
        policy = FeeRefundPolicy(rule.get("refund_policy", FeeRefundPolicy.PROPORTIONAL))
    except ValueError:
        allowed = ", ".join(FeeRefundPolicy)
        raise InvalidRequest.of(f"{name}.refund_policy", f"must be one of {allowed}") from None
    points = _whole(rule.get("basis_points", 0), f"{name}.basis_points", None)
    plan = FeePlan(points, fixed, policy)
    try:
        plan.check()
    except LedgerError as error:
        raise InvalidRequest.of(name, error.detail) from error
    return FeeRule(plan=plan, merchant_id=merchant, currency=currency)


def _check_keys(table: dict[str, Any], known: frozenset[str], prefix: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        allowed = ", ".join(sorted(known))
        raise InvalidRequest.of(f"{prefix}{unknown[0]:.40}", f"is unknown; known are {allowed}")


def _whole(value: Any, name: str, maximum: int | None) -> int:
    if type(value) is not int or value < 0 or (maximum is not None and value > maximum):
        limit = "" if maximum is None else f" of at most {maximum}"
        raise InvalidRequest.of(name, f"must be a whole number{limit}")
    return value


def _is_merchant(value: Any) -> bool:
    try:
        ids.decode("mer", value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True
