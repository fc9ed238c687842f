"""Settings: `QRLEDGER_*` variables, then `qrledger.toml`, then defaults; validated strictly."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from application.clock_guard import AHEAD_SECONDS, BEHIND_SECONDS
from domain.money.fx import SPREAD_BASIS_POINTS_MAX
from infrastructure import origins
from infrastructure.postgres import urls
from infrastructure.processors import checks

PREFIX: Final = "QRLEDGER_"
FILE: Final = "qrledger.toml"
DATABASE_URLS: Final = ("database_url", "migrate_url")
SECRETS: Final = (*DATABASE_URLS, "stripe_api_key", "stripe_webhook_secret", "psp_secret")
"""Never shown."""
Port = Annotated[int, Meta(ge=1, le=65_535)]


class SettingsError(Exception):
    """A setting is unknown or invalid; the message names it and says what is expected."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting by its name in the file; a variable is QRLEDGER_ and the upper-case name."""

    home: Annotated[
        str, Meta(description="Folder for local state. Default: in the XDG data folder.")
    ] = ""
    database_url: Annotated[
        str, Meta(description="PostgreSQL 15 or newer. If not set, the embedded server is used.")
    ] = ""
    migrate_url: Annotated[
        str,
        Meta(description="The same database with its owner's login; used by `migrate` only."),
    ] = ""
    host: Annotated[str, Meta(description="Address that the servers listen on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of the API and its pages.")] = 8080
    live_port: Annotated[Port, Meta(description="Port of the live socket.")] = 8081
    public_url: Annotated[
        str,
        Meta(description="Public origin of the API; https unless loopback."),
    ] = ""
    live_public_url: Annotated[
        str,
        Meta(description="Public origin of the live socket; wss unless loopback."),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses whose X-Forwarded-For is trusted, separated by commas."),
    ] = ()
    mode: Annotated[
        Literal["live", "test"],
        Meta(description="The ledger's mode, fixed by the first `migrate`."),
    ] = "test"
    claim_seconds: Annotated[
        int, Meta(ge=1, le=600, description="How long a scan claims a session, in seconds.")
    ] = 90
    qr_keys: Annotated[
        str,
        Meta(
            description="File of the keys that sign static codes and offers. Default: "
            "`qr-keys.json` in `home`. Every machine that runs the API needs the same file."
        ),
    ] = ""
    rate_limit: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Requests per second and caller; 0 for no limit.")
    ] = 100
    live_per_address: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Live sockets per address; 0 for no limit.")
    ] = 64
    live_max: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Live sockets in total; 0 for no limit.")
    ] = 20_000
    stream_per_address: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Event streams per address; 0 for no limit.")
    ] = 64
    stream_max: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Event streams of one API process; 0 for half of its connections, which "
            "is the most in any case.",
        ),
    ] = 1000

    clock_ahead_seconds: Annotated[
        int,
        Meta(
            ge=60,
            le=86_400,
            description="How far the database's clock may jump ahead, in seconds.",
        ),
    ] = AHEAD_SECONDS
    clock_behind_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=300,
            description="How far the database's clock may fall back, in seconds.",
        ),
    ] = BEHIND_SECONDS

    webhook_loopback: Annotated[
        bool,
        Meta(
            description="Whether webhooks may go to this machine, by http as well; for "
            "development. `qrledger demo` sets it."
        ),
    ] = False

    fcm_service_account: Annotated[
        str,
        Meta(
            description="File of the Google service account that sends push notifications to "
            "native apps. If not set, only browsers can subscribe."
        ),
    ] = ""

    fx_live: Annotated[
        bool,
        Meta(
            description="Whether `work` fetches the ECB's reference rates once an hour. Otherwise "
            "only the shipped history is used."
        ),
    ] = False
    late_money_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description=(
                "How long a merchant may accept money that arrived late; 0: it is returned at once."
            ),
        ),
    ] = 86_400
    fx_rate_days_max: Annotated[
        int,
        Meta(
            ge=0,
            le=365,
            description="How old an exchange rate may be, in days; a test ledger accepts any age.",
        ),
    ] = 7
    fx_spread_basis_points: Annotated[
        int,
        Meta(
            ge=0,
            le=SPREAD_BASIS_POINTS_MAX,
            description="The house's part of what a payer in another currency pays, in hundredths "
            "of a percent of the converted amount. It covers the risk of a reference rate.",
        ),
    ] = 50

    stripe_api_key: Annotated[
        str,
        Meta(
            description="Secret or restricted key of Stripe, of the ledger's mode. Extra: stripe."
        ),
    ] = ""
    stripe_webhook_secret: Annotated[
        str,
        Meta(description="Signing secret (whsec_…) of the endpoint of Stripe's callbacks."),
    ] = ""
    stripe_manual_confirmation: Annotated[
        bool,
        Meta(description="Whether a payment is confirmed again when the payer has come back."),
    ] = False
    stripe_redirect_method: Annotated[
        str,
        Meta(
            pattern=r"^[a-z_]{0,40}$",
            description="Type of payment method, such as `ideal`, for payers on the checkout page.",
        ),
    ] = ""
    psp_base_url: Annotated[
        str,
        Meta(description="Where the methods of a PSP are; https unless loopback."),
    ] = ""
    psp_secret: Annotated[
        str, Meta(description="Secret shared with the PSP, at least 24 characters.")
    ] = ""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The settings without the URLs of databases, which contain passwords, and the secrets."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return [(k, "…" if k in SECRETS and v else v) for k, v in values.items()]

    def __repr__(self) -> str:
        """The settings as text, without what is secret."""
        return f"Settings({', '.join(f'{k}={v!r}' for k, v in self.__rich_repr__())})"

    @property
    def home_folder(self) -> Path:
        """The folder for local state."""
        if self.home:
            return Path(self.home).expanduser().absolute()
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return Path(base).expanduser().absolute() / "qrledger"

    @property
    def qr_keys_file(self) -> Path:
        """The file of the keys that sign static codes and offers."""
        if self.qr_keys:
            return Path(self.qr_keys).expanduser().absolute()
        return self.home_folder / "qr-keys.json"

    @property
    def fcm_account_file(self) -> Path | None:
        """The file of the service account of FCM, if there is one."""
        path = self.fcm_service_account
        return Path(path).expanduser().absolute() if path else None

    @property
    def public_origin(self) -> str:
        """The public origin of the API."""
        return self.public_url or f"http://{_reachable(self.host)}:{self.port}"

    @property
    def live_origin(self) -> str:
        """The public origin of the live socket."""
        return self.live_public_url or f"ws://{_reachable(self.host)}:{self.live_port}"


def load(environ: Mapping[str, str], folder: Path) -> Settings:
    """Read the settings.

    Args:
        environ: the environment variables.
        folder: the folder of `qrledger.toml`.

    Raises:
        SettingsError: an unknown name, an invalid value, or a file that is not TOML.
    """
    values = _from_file(folder / FILE)
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            msg = f"{variable} is not a setting; `docs/reference/settings.md` lists them"
            raise SettingsError(msg)
        if text:
            values[name] = _split(text) if name == "trusted_proxies" else text
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        name = path.rstrip("`")
        msg = f"setting {name}: {reason}" if name else f"settings: {reason}"
        raise SettingsError(msg) from None
    for name in DATABASE_URLS:
        _check_database_url(name, getattr(settings, name))
    settings = msgspec.structs.replace(
        settings,
        host=_listen_host(settings.host),
        public_url=_origin("public_url", settings.public_url, ("http", "https")),
        live_public_url=_origin("live_public_url", settings.live_public_url, ("ws", "wss")),
    )
    _check_processors(settings)
    for proxy in settings.trusted_proxies:
        try:
            ipaddress.ip_address(proxy)
        except ValueError:
            msg = f"setting trusted_proxies: {proxy!r} is not an IP address"
            raise SettingsError(msg) from None
    if settings.port == settings.live_port:
        msg = "setting live_port: must differ from port"
        raise SettingsError(msg)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise SettingsError(msg) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is not TOML: {error}"
        raise SettingsError(msg) from None


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _check_database_url(name: str, url: str) -> None:
    if not url:
        return
    try:
        urls.check(url)
    except urls.BadDatabaseUrl as error:
        msg = f"setting {name}: {error}"
        raise SettingsError(msg) from None


def _listen_host(host: str) -> str:
    try:
        return origins.listen_host(host)
    except ValueError:
        msg = "setting host: must be an IP address or a host name, without a port"
        raise SettingsError(msg) from None


def _origin(name: str, url: str, schemes: tuple[str, str]) -> str:
    """The origin as browsers write it, or empty."""
    if not url:
        return url
    try:
        scheme, host, port = origins.parse(url, schemes)
    except ValueError:
        msg = (
            f"setting {name}: must be an origin such as {schemes[1]}://pay.example, without a path "
            "or a trailing slash"
        )
        raise SettingsError(msg) from None
    if scheme == schemes[0] and not origins.is_loopback(host):
        msg = f"setting {name}: must be {schemes[1]} unless the host is loopback"
        raise SettingsError(msg)
    return origins.write(scheme, host, port)


def _check_processors(settings: Settings) -> None:
    """Each processor has all of its settings or none; messages quote no secret."""
    for name, other in (
        ("stripe_api_key", "stripe_webhook_secret"),
        ("stripe_webhook_secret", "stripe_api_key"),
        ("psp_base_url", "psp_secret"),
        ("psp_secret", "psp_base_url"),
    ):
        if getattr(settings, name) and not getattr(settings, other):
            msg = f"setting {other}: is missing, and {name} is set"
            raise SettingsError(msg)
    checked = {
        "stripe_api_key": lambda key: checks.check_api_key(key, settings.mode),
        "stripe_webhook_secret": checks.check_webhook_secret,
        "psp_base_url": checks.check_base_url,
        "psp_secret": checks.check_shared_secret,
    }
    for name, check in checked.items():
        if value := getattr(settings, name):
            try:
                check(value)
            except ValueError as error:
                msg = f"setting {name}: {error}"
                raise SettingsError(msg) from None


def _reachable(host: str) -> str:
    """An address to connect to, for an address to listen on."""
    if host in {"0.0.0.0", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
