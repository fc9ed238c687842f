"""Settings: `QRLEDGER_*` variables, then `qrledger.toml`, then defaults; validated strictly."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from application.clock_guard import AHEAD_SECONDS, BEHIND_SECONDS
from domain.money.fx import SPREAD_BASIS_POINTS_MAX
from infrastructure import setting_checks
from infrastructure.setting_checks import SettingsError as SettingsError  # noqa: PLC0414 - of `load`

PREFIX: Final = "QRLEDGER_"
FILE: Final = "qrledger.toml"
DATABASE_URLS: Final = ("database_url", "migrate_url", "seal_database_url")
SECRETS: Final = (*DATABASE_URLS, "stripe_api_key", "stripe_webhook_secret", "psp_secret")
"""Never shown."""
LISTS: Final = ("trusted_proxies", "cors_origins")
"""Separated by commas in a variable."""
Port = Annotated[int, Meta(ge=1, le=65_535)]


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
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins whose pages may use page tokens and the public part of sessions "
            "(CORS), separated by commas; https unless loopback. Default: none."
        ),
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
    log_origin: Annotated[
        str,
        Meta(
            description="Host in the name under which the log is sealed, fixed for ever by the "
            "first `migrate`. Default: the host of `public_url`, or in a test ledger this machine."
        ),
    ] = ""
    seal_home: Annotated[
        str,
        Meta(
            description="Folder of the sealer's key and notes; not on the database's disk. "
            "Default: `seal` in `home`."
        ),
    ] = ""
    seal_database_url: Annotated[
        str,
        Meta(
            description="The same database with a login of the sealer's own (`migrate --sealer`); "
            "used by `seal` only."
        ),
    ] = ""
    witness_home: Annotated[
        str,
        Meta(
            description="Folder of the witness: its key, the logs it knows, its memory. "
            "Default: `witness` in `home`."
        ),
    ] = ""
    witness_port: Annotated[Port, Meta(description="Port of the witness.")] = 8082
    witness_policy: Annotated[
        str,
        Meta(
            description="File with the witnesses whose cosignatures are collected before a "
            "checkpoint is published (C2SP tlog-policy). Default: none."
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
        return self._in_home(self.qr_keys, "qr-keys.json")

    @property
    def fcm_account_file(self) -> Path | None:
        """The file of the service account of FCM, if there is one."""
        path = self.fcm_service_account
        return Path(path).expanduser().absolute() if path else None

    @property
    def seal_folder(self) -> Path:
        """The folder of the sealer's key and notes."""
        return self._in_home(self.seal_home, "seal")

    @property
    def log_host(self) -> str:
        """The host in the log's name; empty if a live ledger has been given none."""
        if self.log_origin:
            return self.log_origin
        address = self.public_url or (self.public_origin if self.mode == "test" else "")
        return urlsplit(address).netloc

    @property
    def witness_folder(self) -> Path:
        """The folder of the witness."""
        return self._in_home(self.witness_home, "witness")

    def _in_home(self, path: str, name: str) -> Path:
        return Path(path).expanduser().absolute() if path else self.home_folder / name

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
            values[name] = _split(text) if name in LISTS else text
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        name = path.rstrip("`")
        msg = f"setting {name}: {_expected(name) or reason}" if name else f"settings: {reason}"
        raise SettingsError(msg) from None
    for name in DATABASE_URLS:
        setting_checks.check_database_url(name, getattr(settings, name))
    settings = msgspec.structs.replace(
        settings,
        host=setting_checks.listen_host(settings.host),
        public_url=setting_checks.public_origin(
            "public_url", settings.public_url, ("http", "https")
        ),
        live_public_url=setting_checks.public_origin(
            "live_public_url", settings.live_public_url, ("ws", "wss")
        ),
        cors_origins=tuple(
            setting_checks.public_origin("cors_origins", origin, ("http", "https"))
            for origin in settings.cors_origins
        ),
    )
    setting_checks.check_log_origin(settings.log_origin)
    setting_checks.check_processors(settings.mode, msgspec.structs.asdict(settings))
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


def _expected(name: str) -> str:
    """What a setting must be, in words; empty if there is no more to say than its type does."""
    types = {one.name: one.type for one in msgspec.structs.fields(Settings)}
    kind = msgspec.inspect.type_info(types.get(name, str))
    while isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    match kind:
        case msgspec.inspect.LiteralType(values):
            return f"must be {' or '.join(str(value) for value in values)}"
        case msgspec.inspect.IntType(ge=int(least), le=int(most)):
            return f"must be a whole number from {least} to {most}"
        case msgspec.inspect.BoolType():
            return "must be true or false"
        case _:
            return ""


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _reachable(host: str) -> str:
    """An address to connect to, for an address to listen on."""
    if host in {"0.0.0.0", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
