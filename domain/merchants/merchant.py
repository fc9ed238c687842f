"""The merchant: who is paid, and the hosts its payers may return to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.merchants.branding import Branding
from domain.merchants.fee_plan import NO_PLAN, Fee, FeePlan, FeeRefundPolicy
from domain.merchants.logo import Logo
from domain.merchants.payout_terms import PayoutTerms
from domain.merchants.qr_settings import QrSettings
from domain.money.money import Money, currency_in_use
from domain.names import check_name
from domain.processors.names import check_processors

RETURN_HOSTS_MAX: Final = 20
HOST_CHARS_MAX: Final = 253
"""DNS (RFC 1035, 2.3.4)."""
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class Merchant(LedgerAggregate):
    """A payee. Payers see its name before they pay."""

    TOPIC = "merchant"

    class Event(Aggregate.Event):
        """The base of a merchant's events."""

        TOPIC = "merchant.event"

    class Registered(Event, Aggregate.Created):
        """The operator registered the merchant."""

        TOPIC = "merchant.registered"
        name: str
        return_hosts: list[str]

    class PlanChanged(Event):
        """The operator set the fees of new sessions in one currency."""

        TOPIC = "merchant.plan_changed"
        currency: str
        basis_points: int
        fixed_minor: int
        fee_refund_policy: str

        def apply(self, aggregate: Merchant) -> None:
            """Replace the plan of the currency."""
            policy = FeeRefundPolicy(self.fee_refund_policy)
            plan = FeePlan(self.basis_points, self.fixed_minor, policy)
            aggregate.plans = {**aggregate.plans, self.currency: plan}

    class PayoutsChanged(Event):
        """The operator set where, and when, payouts in one currency go."""

        TOPIC = "merchant.payouts_changed"
        currency: str
        destination: str
        """The operator's reference of a bank account, never its number."""
        daily_at: str | None
        """`HH:MM` in the zone; None: only when the merchant asks."""
        zone: str

        def apply(self, aggregate: Merchant) -> None:
            """Replace the terms of the currency."""
            terms = PayoutTerms(self.destination, self.daily_at, self.zone)
            aggregate.payout_terms = {**aggregate.payout_terms, self.currency: terms}

    class QrChanged(Event):
        """The operator set what EMVCo codes say about the merchant."""

        TOPIC = "merchant.qr_changed"
        country: str
        city: str
        category: str
        name: str
        postal_code: str
        """Empty: none; so are the following."""
        language: str
        local_name: str
        local_city: str

        def apply(self, aggregate: Merchant) -> None:
            """Replace the settings."""
            aggregate.qr = QrSettings(
                country=self.country,
                city=self.city,
                category=self.category,
                name=self.name,
                postal_code=self.postal_code,
                language=self.language,
                local_name=self.local_name,
                local_city=self.local_city,
            )

    class ProcessorsChanged(Event):
        """The operator set the processors through which payers may pay the merchant."""

        TOPIC = "merchant.processors_changed"
        processors: list[str]

        def apply(self, aggregate: Merchant) -> None:
            """Replace them."""
            aggregate.processors = tuple(self.processors)

    class BrandingChanged(Event):
        """The operator set the logo and the colour that payers see."""

        TOPIC = "merchant.branding_changed"
        logo_sha256: str
        """Of the file, in hexadecimal; empty: no logo, and no type and sides either."""
        logo_media_type: str
        logo_width: int
        """In pixels, as the height."""
        logo_height: int
        accent: str
        """`#rrggbb`; empty: the house's."""

        def apply(self, aggregate: Merchant) -> None:
            """Replace both."""
            logo = Logo(
                sha256=self.logo_sha256,
                media_type=self.logo_media_type,
                width=self.logo_width,
                height=self.logo_height,
            )
            aggregate.branding = Branding(
                logo=logo if self.logo_sha256 else None, accent=self.accent
            )

    @event(Registered)
    def __init__(self, name: str, return_hosts: list[str]) -> None:
        self.name = name
        self.return_hosts = tuple(return_hosts)
        self.plans: Mapping[str, FeePlan] = {}
        self.payout_terms: Mapping[str, PayoutTerms] = {}
        self.qr: QrSettings | None = None
        self.processors: tuple[str, ...] = ()
        self.branding = Branding()

    @classmethod
    def register(
        cls, *, merchant_id: UUID, name: str, return_hosts: tuple[str, ...], at: datetime
    ) -> Merchant:
        """Register a merchant.

        Args:
            merchant_id: a new id.
            name: shown to payers, 1 to 80 characters.
            return_hosts: the hosts that a `return_url` may have, at most 20.
            at: the ledger's time, UTC.

        Raises (checked in this order):
            InvalidRequest: the name is empty, too long or not acceptable text.
            InvalidRequest: too many hosts, or one is not a plain host name.
        """
        check_name(name)
        if len(return_hosts) > RETURN_HOSTS_MAX:
            raise InvalidRequest.of("return_hosts", f"may have at most {RETURN_HOSTS_MAX} entries")
        for host in return_hosts:
            if not _HOST.fullmatch(host) or len(host) > HOST_CHARS_MAX:
                raise InvalidRequest.of("return_hosts", f"{host!r} is not a host name")
        return cls._create(
            cls.Registered,
            id=merchant_id,
            timestamp=at,
            name=name,
            return_hosts=[host.lower() for host in return_hosts],
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("mer", self.id)

    def fee(self, amount: Money) -> Fee:
        """The fee of a new session of this amount."""
        return self.plans.get(amount.currency, NO_PLAN).fee(amount)

    def set_plan(self, currency: str, plan: FeePlan, *, at: datetime) -> None:
        """Set the fees of new sessions in a currency; existing sessions keep theirs.

        Records nothing if they are these already.

        Raises (checked in this order):
            InvalidRequest: the currency is not in use, or a part of the plan is out of range.
        """
        currency_in_use(currency)
        plan.check()
        if self.plans.get(currency) == plan:
            return
        self.trigger_event(
            self.PlanChanged,
            currency=currency,
            basis_points=plan.basis_points,
            fixed_minor=plan.fixed_minor,
            fee_refund_policy=plan.refund_policy.value,
            timestamp=at,
        )

    def set_payouts(self, currency: str, terms: PayoutTerms, *, at: datetime) -> None:
        """Set where payouts in a currency go, and whether one is made every day.

        Records nothing if the terms are these already.

        Raises (checked in this order):
            InvalidRequest: the currency is not in use, or a part of the terms is out of range.
        """
        currency_in_use(currency)
        terms.check()
        if self.payout_terms.get(currency) == terms:
            return
        self.trigger_event(
            self.PayoutsChanged,
            currency=currency,
            destination=terms.destination,
            daily_at=terms.daily_at,
            zone=terms.zone,
            timestamp=at,
        )

    def set_qr(self, settings: QrSettings, *, at: datetime) -> None:
        """Set what new EMVCo codes say about the merchant; printed codes stay as they are.

        Records nothing if the settings are these already.

        Raises:
            InvalidRequest: a part of the settings is out of range.
        """
        settings.check()
        if self.qr != settings:
            self.trigger_event(self.QrChanged, timestamp=at, **asdict(settings))

    def set_processors(self, names: Sequence[str], *, at: datetime) -> None:
        """Set the processors through which payers may pay, in the order in which they are offered.

        Records nothing if they are these already. Attempts under way go on.

        Raises (checked in this order):
            InvalidRequest: more than 10, one twice, or one that is not a name.
        """
        check_processors(names)
        if self.processors != tuple(names):
            self.trigger_event(self.ProcessorsChanged, processors=list(names), timestamp=at)

    def set_branding(self, branding: Branding, *, at: datetime) -> None:
        """Set the logo and the colour that payers see. Records nothing if they are these already.

        Raises:
            InvalidRequest: see `Branding.check`.
        """
        branding.check()
        if self.branding != branding:
            logo = branding.logo
            self.trigger_event(
                self.BrandingChanged,
                logo_sha256=logo.sha256 if logo else "",
                logo_media_type=logo.media_type if logo else "",
                logo_width=logo.width if logo else 0,
                logo_height=logo.height if logo else 0,
                accent=branding.accent,
                timestamp=at,
            )

    def check_urls(self, urls: Mapping[str, str | None]) -> None:
        """Check that payers may be redirected to, and be reported to, the URLs of a session.

        Args:
            urls: by the name of the field; None: not given.

        Raises:
            InvalidRequest: names every URL that `check_return_url` refuses.
        """
        refused: list[dict[str, str]] = []
        for name, url in urls.items():
            if url is not None:
                try:
                    self.check_return_url(url, name=name)
                except InvalidRequest as refusal:
                    refused.append({"name": name, "reason": refusal.reason})
        if refused:
            raise InvalidRequest.of_all(refused)

    def check_return_url(self, url: str, *, name: str = "return_url") -> None:
        """Check that payers may be redirected to a URL, or notices of a session sent to it.

        Raises:
            InvalidRequest: not https, with user information, or not on a registered host.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise InvalidRequest.of(name, "is not a URL") from None
        if parts.scheme != "https" or not host:
            raise InvalidRequest.of(name, "must be an https URL")
        if "@" in parts.netloc or port not in {None, 443} or "\\" in url:
            raise InvalidRequest.of(name, "must have no user information and no other port")
        if host not in self.return_hosts:
            raise InvalidRequest.of(name, f"{host} is not a registered return host")
