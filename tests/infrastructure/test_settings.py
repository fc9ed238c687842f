"""Settings: invalid ones are refused by name with status 2."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.context import ApiConfig
from api.pages.rendering import policy
from infrastructure import origins
from infrastructure.postgres import urls
from infrastructure.settings import Settings, SettingsError, load

NOWHERE = Path("/nonexistent")
SECRET = "s3cret-pa55word"


def test_variables_override_the_file_and_the_file_overrides_defaults(tmp_path: Path) -> None:
    (tmp_path / "qrledger.toml").write_text('port = 9000\nclaim_seconds = 30\nmode = "live"\n')

    settings = load({"QRLEDGER_PORT": "9100", "OTHER": "x"}, tmp_path)

    assert (settings.port, settings.claim_seconds, settings.mode) == (9100, 30, "live")
    assert settings.live_port == 8081
    assert settings.public_origin == "http://127.0.0.1:9100"


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"QRLEDGER_PROT": "1"}, "QRLEDGER_PROT"),
        ({"QRLEDGER_PORT": "x"}, "port"),
        ({"QRLEDGER_PORT": "0"}, "port"),
        ({"QRLEDGER_PORT": "65536"}, "port"),
        ({"QRLEDGER_CLAIM_SECONDS": "0"}, "claim_seconds"),
        ({"QRLEDGER_MODE": "prod"}, "mode"),
        ({"QRLEDGER_PUBLIC_URL": "http://pay.example"}, "public_url"),
        ({"QRLEDGER_PUBLIC_URL": "https://pay.example/x"}, "public_url"),
        ({"QRLEDGER_PUBLIC_URL": "pay.example"}, "public_url"),
        ({"QRLEDGER_LIVE_PUBLIC_URL": "ws://pay.example"}, "live_public_url"),
        ({"QRLEDGER_LIVE_PUBLIC_URL": "https://pay.example"}, "live_public_url"),
        ({"QRLEDGER_TRUSTED_PROXIES": "10.0.0.1, proxy"}, "trusted_proxies"),
        ({"QRLEDGER_PORT": "8081"}, "live_port"),
    ],
)
def test_an_invalid_variable_is_named(environ: dict[str, str], word: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=word):
        load(environ, tmp_path)


@pytest.mark.parametrize(
    ("text", "word"),
    [("prot = 1", "prot"), ("port = 'x'", "port"), ("port = ", "TOML"), ("port = 1.5", "port")],
)
def test_an_invalid_file_is_reported(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "qrledger.toml").write_text(text)

    with pytest.raises(SettingsError, match=word):
        load({}, tmp_path)


def test_a_file_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    (tmp_path / "qrledger.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match="cannot be read"):
        load({}, tmp_path)


LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
ORIGIN = re.compile(
    rf"(https?|wss?)://({LABEL}(\.{LABEL})*|\[[0-9a-f:.]+\])(:[1-9][0-9]{{0,4}})?", re.ASCII
)
HOSTILE = [
    "@", "/", "?", "#", ";", " ", "'", '"', "\\", ",", "\t", "\n", "\r", "\x00", "\x7f", "\x85", "%",
    "%00", "*", "<", "/x", "?x", "#x", "@x", "user@", "u:p@", ";script-src *", " 'unsafe-inline'",
    "\u2024", "\uff0e", "\u3002", "\u2044", "\uff1a", "\u0430", "\u212a", "\ufeff", "\u200b", "\uff10",
]  # fmt: skip


def with_public(text: str) -> Settings:
    live = re.sub("^http", "ws", text)
    facts = {"QRLEDGER_PUBLIC_URL": text, "QRLEDGER_LIVE_PUBLIC_URL": live}
    return load(facts, NOWHERE)


def policy_of(settings: Settings) -> str:
    return policy(
        ApiConfig(
            public_url=settings.public_origin,
            live_public_url=settings.live_origin,
            mode="test",
            claim_seconds=90,
            rate_limit=0,
            trusted_proxies=(),
        )
    )


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://pay.example", "https://pay.example"),
        ("https://Pay.EXAMPLE:8443", "https://pay.example:8443"),
        ("https://pay.example:443", "https://pay.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://192.0.2.1:1", "https://192.0.2.1:1"),
        ("https://[2001:DB8::0:1]:65535", "https://[2001:db8::1]:65535"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://[::1]", "http://[::1]"),
    ],
)
def test_an_origin_is_normalized_as_browsers_write_it(text: str, origin: str) -> None:
    settings = with_public(text)

    assert settings.public_origin == origin
    assert settings.live_origin == re.sub("^http", "ws", origin)
    assert f" {settings.live_origin}; base-uri" in policy_of(settings)


@pytest.mark.parametrize(
    "text",
    [
        "https://user@pay.example", "https://user:secret@pay.example", "https://@pay.example",
        "https://pay.example/", "https://pay.example?", "https://pay.example#", "https://pay.example:",
        "https://pay.example;script-src", "https://pay.example;script-src:1", "https://pay.example,x",
        "https://pay.example *", " https://pay.example", "https://pay.example\n", "https:pay.example",
        "https:///pay.example", "https://", "//pay.example", "https://pay..example", "https://.example",
        "https://pay.example.", "https://-pay.example", "https://pay-.example", "https://pay_x.example",
        "https://" + "a" * 64 + ".example", "https://" + "a." * 127 + "a", "https://pay.example:0",
        "https://pay.example:00443", "https://pay.example:65536", "https://pay.example:4 43",
        "https://1.2.3", "https://1.2.3.4.5", "https://256.1.1.1", "https://0x7f.0.0.0x1", "https://2130706433",
        "https://01.2.3.4", "https://[::1", "https://::1", "https://[fe80::1%25eth0]", "https://[1.2.3.4]",
        "https://[::1]x", "https://p\u0430y.example", "https://pay\u3002example", "https://pay.example\u200b",
        "https://pay.example:\uff11", "javascript://pay.example", "ftp://pay.example", "http://pay.example",
        "http://localhost.example", "http://127.0.0.1.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["public_url", "live_public_url"])
def test_anything_but_an_origin_is_refused(text: str, name: str) -> None:
    if name == "live_public_url":
        text = re.sub("^http", "ws", text)

    with pytest.raises(SettingsError, match=name):
        load({f"QRLEDGER_{name.upper()}": text}, NOWHERE)


@given(st.text(max_size=60) | st.from_regex(r"https?://.{0,40}"))
def test_an_accepted_origin_is_exactly_one_source_in_the_policy(text: str) -> None:
    try:
        settings = with_public(text)
    except SettingsError:
        return
    assert ORIGIN.fullmatch(settings.public_origin)
    assert ORIGIN.fullmatch(settings.live_origin)
    assert policy_of(settings).count(";") == policy_of(load({}, NOWHERE)).count(";")


@given(st.data())
def test_one_hostile_character_anywhere_is_refused(data: st.DataObject) -> None:
    origin = data.draw(st.sampled_from(["https://pay.example:8443", "https://[2001:db8::1]"]))
    place = data.draw(st.integers(0, len(origin)))
    hostile = data.draw(st.sampled_from(HOSTILE))

    with pytest.raises(ValueError):
        origins.parse(origin[:place] + hostile + origin[place:], ("https",))


@pytest.mark.parametrize(
    "host",
    ["evil;script-src *", "a b", "1.2.3.4:80", "u@h", "h/x", "fe80::1%eth0", "h\u0430", "[::1]"],
)
def test_a_host_with_a_meaning_in_a_header_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="host"):
        load({"QRLEDGER_HOST": host}, NOWHERE)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # noqa: S104 - read, not bound
        ("localhost", "http://localhost:8080"),
    ],
)
def test_the_default_origin_can_be_reached(host: str, origin: str) -> None:
    assert load({"QRLEDGER_HOST": host}, NOWHERE).public_origin == origin


BAD_URLS = [
    f"postgresql//me:{SECRET}@db/x", f"postgresql:/me:{SECRET}@db/x", f"mysql://me:{SECRET}@db/x",
    f"http://me:{SECRET}@db/x", f"me:{SECRET}@db/x", f"password={SECRET} port", SECRET,
    f"postgresql://me:{SECRET}%@db/x", f"postgresql://me:{SECRET}%zz@db/x",
    f"postgresql://me:{SECRET}%00@db/x", f"postgresql://me:{SECRET}\x00@db/x",
    f"postgresql://me:@{SECRET}@db/x", f"postgresql://me:/{SECRET}@db/x",
    f"postgresql://me:1/{SECRET}@db/x", f"postgresql://me:?{SECRET}@db/x",
    f"postgresql://me:#{SECRET}@db/x", f"postgresql://me:{SECRET}@db:port/x",
    f"postgresql://me:{SECRET}@db:0/x", f"postgresql://me:{SECRET}@db:99999/x",
    f"postgresql://me:{SECRET}@[::1/x", f"postgresql://me:{SECRET}@db/x?nonsense=1",
    f"postgresql://me:{SECRET}@db/x?sslmode", f"postgresql://me:{SECRET} @db/x",
    f"postgresql://me:{SECRET}\n@db/x", f"postgresql://me:{SECRET}\u00e9@db/x",
    f"postgresql://me:{SECRET}\udcff@db/x", f"postgresql://me:{SECRET * 400}@db/x",
]  # fmt: skip


@pytest.mark.parametrize("name", ["database_url", "migrate_url"])
@pytest.mark.parametrize("url", BAD_URLS)
def test_a_malformed_database_url_is_reported_without_its_password(url: str, name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({f"QRLEDGER_{name.upper()}": url}, NOWHERE)

    text = str(raised.value)
    assert text.startswith(f"setting {name}: must be postgresql://")
    assert SECRET not in text
    assert "\n" not in text
    assert raised.value.__suppress_context__


@given(st.text(max_size=60))
def test_no_part_of_a_database_url_is_quoted_or_breaks_the_parser(text: str) -> None:
    message = ""
    try:
        urls.check(f"postgresql://me:{SECRET}{text}@db/x")
    except urls.BadDatabaseUrl as error:
        message = str(error)
    assert SECRET not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example/x", "postgres://me:p%40ss%2F@db.example:5432/x?sslmode=require",
        "postgresql://me@/x?host=%2Fvar%2Frun", "postgresql://me:a:b@h1:5432,h2:5433/x",
        "postgresql://me:p@[::1]:5432/x", "postgresql:///x",
    ],
)  # fmt: skip
def test_a_valid_database_url_is_accepted_and_never_shown(url: str) -> None:
    settings = load({"QRLEDGER_DATABASE_URL": url, "QRLEDGER_MIGRATE_URL": url}, NOWHERE)

    assert settings.database_url == settings.migrate_url == url
    assert url not in repr(settings)
    assert url not in repr(list(settings.__rich_repr__()))
    assert "port=8080" in repr(settings)


def test_a_message_of_libpq_is_shown_without_secrets() -> None:
    for url in (f"postgresql//me:{SECRET}@db/x", f"host=db password={SECRET} nonsense=1"):
        with pytest.raises(psycopg.Error) as raised:
            psycopg.connect(url)
        assert SECRET in str(raised.value) + url
        assert SECRET not in urls.without_secrets(str(raised.value))
    assert SECRET not in urls.without_secrets(f"x postgresql://me:{SECRET}@db/x y")
    assert SECRET not in urls.without_secrets(f"host=db PASSWORD = '{SECRET} x' port=1")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"STRIPE_API_KEY": "sk_live_secretsecret", "STRIPE_WEBHOOK_SECRET": "whsec_secretsecret"}, "stripe_api_key"),
        ({"STRIPE_API_KEY": "pk_test_secretsecret", "STRIPE_WEBHOOK_SECRET": "whsec_secretsecret"}, "stripe_api_key"),
        ({"STRIPE_API_KEY": "sk_test_secretsecret"}, "stripe_webhook_secret"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_secretsecret"}, "stripe_api_key"),
        ({"STRIPE_API_KEY": "sk_test_secretsecret", "STRIPE_WEBHOOK_SECRET": "secret"}, "stripe_webhook_secret"),
        ({"PSP_BASE_URL": "http://psp.example", "PSP_SECRET": "secret" * 6}, "psp_base_url"),
        ({"PSP_BASE_URL": "https://u:secret@psp.example", "PSP_SECRET": "secret" * 6}, "psp_base_url"),
        ({"PSP_BASE_URL": "https://psp.example", "PSP_SECRET": "secret"}, "psp_secret"),
        ({"PSP_BASE_URL": "https://psp.example"}, "psp_secret"),
        ({"PSP_SECRET": "secret" * 6}, "psp_base_url"),
        ({"STRIPE_REDIRECT_METHOD": "secret!"}, "stripe_redirect_method"),
    ],
)  # fmt: skip
def test_a_processor_with_a_bad_setting_is_refused_by_name_and_its_secret_is_not_quoted(
    environ: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=f"^setting {named}: ") as refused:
        load({f"QRLEDGER_{name}": value for name, value in environ.items()}, NOWHERE)

    assert "secret" not in str(refused.value).replace(named, "").replace("psp_secret", "").replace(
        "stripe_webhook_secret", ""
    ).replace("signing secret of Stripe", "").replace("a secret (sk_", "")


def test_the_secrets_of_processors_are_never_shown() -> None:
    secrets = {
        "QRLEDGER_STRIPE_API_KEY": "sk_test_0123456789",
        "QRLEDGER_STRIPE_WEBHOOK_SECRET": "whsec_0123456789",
        "QRLEDGER_PSP_SECRET": "0123456789" * 3,
    }

    settings = load({**secrets, "QRLEDGER_PSP_BASE_URL": "https://psp.example"}, NOWHERE)

    assert settings.stripe_api_key == "sk_test_0123456789"
    assert "0123456789" not in repr(settings)
