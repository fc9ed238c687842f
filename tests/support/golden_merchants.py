"""One event of each class: merchants, their keys, codes and webhooks, and the ledger itself."""

from __future__ import annotations

from domain.clock import Clock
from domain.merchants.api_key import ApiKey
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.sealing.sealed_log import SealedLog
from domain.static_codes.static_code import StaticCode
from domain.wallets.wallet_app import WalletApp
from tests.support.golden_facts import ENDPOINT, LOG_KEY, LOG_ORIGIN, UNTIL, event

MERCHANTS = [
    event(Merchant.Registered, 1, name="Corner Café", return_hosts=["shop.example"]),
    event(
        Merchant.PlanChanged,
        2,
        currency="USD",
        basis_points=75,
        fixed_minor=30,
        fee_refund_policy="proportional",
    ),
    event(
        Merchant.PayoutsChanged,
        3,
        currency="USD",
        destination="bank account 1",
        daily_at="06:00",
        zone="America/Sao_Paulo",
    ),
    event(
        Merchant.QrChanged,
        4,
        country="US",
        city="Springfield",
        category="5812",
        name="Corner Cafe",
        postal_code="62701",
        language="ZH",
        local_name="街角咖啡",
        local_city="",
    ),
    event(
        StaticCode.Issued,
        1,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        merchant_name="Corner Café",
        currency="USD",
        exponent=2,
        amount_minor=None,
        min_minor=100,
        max_minor=None,
        label="Till 3",
        key_id="K1",
        payloads={"url": "HTTPS://PAY.EXAMPLE/S/01H455VB4PEX5VSKNK084SN02Q/K1/AAAA"},
    ),
    event(StaticCode.Revoked, 2),
    event(Merchant.ProcessorsChanged, 4, processors=["sandbox", "stripe"]),
    event(
        Merchant.BrandingChanged,
        5,
        logo_sha256="0" * 64,
        logo_media_type="image/png",
        logo_width=320,
        logo_height=80,
        accent="#0b6b3f",
    ),
    event(WalletApp.Registered, 1, name="Wallet"),
    event(
        ApiKey.Issued,
        1,
        role="merchant",
        holder_id="mer_01h455vb4pex5vsknk084sn02q",
        mode="test",
        secret_hash="0" * 64,
    ),
    event(ApiKey.Revoked, 2),
    event(WebhookEndpoints.Opened, 1, merchant_id="mer_01h455vb4pex5vsknk084sn02q"),
    event(
        WebhookEndpoints.Added,
        2,
        url="https://shop.example/hooks",
        types=["payment_session.paid"],
        **ENDPOINT,
    ),
    event(WebhookEndpoints.Changed, 3, url="https://shop.example/hooks", types=["*"], **ENDPOINT),
    event(WebhookEndpoints.Paused, 4, **ENDPOINT),
    event(WebhookEndpoints.Disabled, 4, reason="failing", **ENDPOINT),
    event(WebhookEndpoints.Enabled, 5, **ENDPOINT),
    event(WebhookEndpoints.SecretRotated, 6, secret_number=2, previous_until=UNTIL, **ENDPOINT),
    event(WebhookEndpoints.CallbackSecretRotated, 7, secret_number=1, previous_until=None),
    event(
        WebhookEndpoints.TestRequested,
        8,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        test_id="evt_01h455vb4pex5vsknk084sn02q",
        **ENDPOINT,
    ),
    event(
        WebhookEndpoints.ReplayRequested,
        9,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        after=17,
        up_to=812,
        **ENDPOINT,
    ),
    event(
        WebhookEndpoints.RedeliveryRequested,
        10,
        merchant_id="mer_01h455vb4pex5vsknk084sn02q",
        target="callback",
        subject_id="ps_01h455vb4pex5vsknk084sn02q",
        event_version=3,
    ),
    event(WebhookEndpoints.ReplayFinished, 11, requested_version=9, **ENDPOINT),
    event(WebhookEndpoints.Removed, 11, **ENDPOINT),
    event(Clock.Accepted, 1, offset_microseconds=34_560_000_000_000),
    event(Clock.Advanced, 1, seconds=86_400),
    event(
        KeyRing.KeyAdded,
        1,
        role="merchant",
        holder_id="mer_01h455vb4pex5vsknk084sn02q",
        key_id="key_01h455vb4pex5vsknk084sn02q",
        living=["key_01h455vb4pex5vsknk084sn02q"],
    ),
    event(SealedLog.Opened, 1, origin=LOG_ORIGIN, leaf_format=1),
    event(SealedLog.KeyAdded, 2, origin=LOG_ORIGIN, **LOG_KEY),
    event(
        SealedLog.KeyRetired,
        3,
        origin=LOG_ORIGIN,
        **LOG_KEY,
        size=812,
        reason="the machine was stolen",
    ),
    event(
        SealedLog.Restarted,
        4,
        origin="pay.example/live/01890a5d-ac96-774b-bcce-b302099a8058",
        old_origin=LOG_ORIGIN,
        old_size=812,
        old_root="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        common_size=790,
        reason="restored the backup of 2 May",
    ),
]
