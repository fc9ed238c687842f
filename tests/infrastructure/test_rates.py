"""Exchange rates: the files of the ECB, the live source, the store, and looking rates up."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import product

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.errors import LogUnavailable
from application.ports.rates import DailyRates, RateProvider, Rates, RatesNotFetched, RateStore
from domain.money.currencies import CURRENCIES
from infrastructure.fx import ecb_files
from infrastructure.fx.ecb_live import URL, EcbLive, NoProvider
from infrastructure.fx.fixed import FixedRates
from infrastructure.fx.rate_table import RateTable, StoredRates
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.rates import PostgresRates
from tests.support.memory_rates import MemoryRates

NOW = datetime(2026, 11, 2, 17, tzinfo=UTC)
DAY = date(2026, 10, 30)
XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='2026-10-30'>
\t\t\t<Cube currency='USD' rate='1.1172'/>
\t\t\t<Cube currency='JPY' rate='175.68'/>
\t\t\t<Cube currency='ISK' rate='136.00'/>
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>
"""
"""The ECB's daily file of that day, of its currencies three."""
RATES = {"USD": "1.1172", "JPY": "175.68", "ISK": "136.00"}
BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "a"><!ENTITY b "&a;&a;&a;&a;">]>
<Cube time='2026-10-30'><Cube currency='USD' rate='&b;'/></Cube>"""
ENTITY = XML.replace(b"\n<", b'\n<!DOCTYPE x [<!ENTITY usd "1.2">]>\n<', 1).replace(
    b"1.1172", b"&usd;"
)
FILE = b"""<!DOCTYPE x [<!ENTITY p SYSTEM "file:///etc/passwd">]><x>&p;</x>"""


def day(as_of: date, **per_euro: str) -> DailyRates:
    return DailyRates(source="ecb", as_of=as_of, per_euro=per_euro)


# The files.


def test_the_shipped_history_has_a_quarter_of_a_year_of_currencies_in_use() -> None:
    days = ecb_files.shipped()

    assert days[0].as_of == DAY
    assert 60 <= len(days) <= ecb_files.DAYS_MAX
    assert [one.as_of for one in days] == sorted((one.as_of for one in days), reverse=True)
    assert all(one.as_of.weekday() < 5 for one in days)
    for one in days:
        assert len(one.per_euro) == 29
        assert not any(CURRENCIES[code].withdrawn for code in one.per_euro)
    assert days[0].per_euro["USD"] == "1.1172"
    assert days[0].per_euro["IDR"] == "20275.17"


def test_the_daily_file_is_read_as_it_is_written() -> None:
    assert ecb_files.read_xml(XML) == [day(DAY, **RATES)]


@pytest.mark.parametrize("read", [ecb_files.read_csv, ecb_files.read_xml])
@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\0", b"\xff\xfe", b"Date", b"Date,USD\n", b"Date,USD\n2026-10-30,N/A\n",
        b"day,USD\n2026-10-30,1.1\n", b"Date,USD\n2026-02-30,1.1\n", b"Date,USD\n9999-01-01,1.1\n",
        b"Date,USD\n2026-10-30,\xd9\xa1\n", b"<html><body>maintenance</body></html>", b"<Cube",
        XML + XML, XML.replace(b"2026", b"2O26"), b" " * 70_000, XML.replace(b"USD", b"\xd0\x90SD"),
        BOMB, FILE, ENTITY, b"<a>" * 20_000,
    ],
)  # fmt: skip
def test_what_is_not_rates_is_refused(read: Callable[[bytes], object], raw: bytes) -> None:
    with pytest.raises(RatesNotFetched):
        read(raw)


@pytest.mark.parametrize("read", [ecb_files.read_csv, ecb_files.read_xml])
@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_rates_or_refused(read: Callable[[bytes], object], raw: bytes) -> None:
    with suppress(RatesNotFetched):
        assert read(raw)


@pytest.mark.parametrize(
    "bad",
    ["0", "0.000", "-1", "+1", "1e5", "1,5", "1.", ".5", "NaN", "Infinity", "", "N/A", "1_0",
     "1" * 10, "1." + "1" * 10, " 1", "1\t"],
)  # fmt: skip
def test_a_rate_that_is_none_stops_no_other(bad: str) -> None:
    xml = XML.replace(b"1.1172", bad.encode())
    table = f'Date,USD,JPY,ISK\n2026-10-30,"{bad}",175.68,136.00\n'.encode()

    expected = [day(DAY, JPY="175.68", ISK="136.00")]

    assert ecb_files.read_xml(xml) == expected
    assert ecb_files.read_csv(table) == expected


@pytest.mark.parametrize("code", ["XAU", "XXX", "HRK", "BGN", "EUR", "usd", "US", "ABC", "__a"])
def test_a_currency_that_is_not_in_use_stops_no_other(code: str) -> None:
    xml = XML.replace(b"USD", code.encode())

    assert ecb_files.read_xml(xml) == [day(DAY, JPY="175.68", ISK="136.00")]


def test_a_day_that_is_none_stops_no_other() -> None:
    table = b"Date,USD\n2026-10-31T00:00,2\n2026-10-30,1.1172\n20261029,3\n\n2026-10-28,1.2,9,9\n"

    days = ecb_files.read_csv(table)

    assert days == [day(DAY, USD="1.1172"), day(date(2026, 10, 28), USD="1.2")]


# The live source.


def live(handler: Callable[[httpx2.Request], httpx2.Response]) -> RateProvider:
    return EcbLive(httpx2.MockTransport(handler))


def test_the_live_source_reads_one_file() -> None:
    requests: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        requests.append(str(request.url))
        return httpx2.Response(200, content=XML)

    assert live(respond).fetch() == [day(DAY, **RATES)]
    assert requests == [URL]


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(503), httpx2.Response(404, content=XML),
        httpx2.Response(302, headers={"Location": "http://169.254.169.254/"}),
        httpx2.Response(200, content=b"<html/>"), httpx2.Response(200, content=BOMB),
        httpx2.Response(200, content=XML + b" " * 70_000),
        httpx2.Response(200, content=b""),
        httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(XML)),
    ],
)  # fmt: skip
def test_any_other_answer_is_no_rates(answer: httpx2.Response) -> None:
    calls: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        calls.append(str(request.url))
        return answer

    with pytest.raises(RatesNotFetched):
        live(respond).fetch()
    assert calls == [URL]  # no redirect is followed


def test_an_endless_answer_is_read_no_further_than_the_limit() -> None:
    parts = 0

    def endless() -> Iterator[bytes]:
        nonlocal parts
        while True:
            parts += 1
            yield b" " * 4096

    with pytest.raises(RatesNotFetched):
        live(lambda _: httpx2.Response(200, content=endless())).fetch()
    assert parts < 20


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.ReadError])
def test_a_connection_that_fails_is_no_rates(error: type[httpx2.TransportError]) -> None:
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise error("secret-proxy.example")

    with pytest.raises(RatesNotFetched, match=error.__name__) as caught:
        live(fail).fetch()
    assert "secret" not in str(caught.value)


def test_a_source_that_is_switched_off_has_no_rates() -> None:
    assert list(NoProvider().fetch()) == []


# The store.


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Iterator[RateStore]:
    if request.param == "memory":
        yield MemoryRates(lambda: datetime.now(UTC))
        return
    url = request.getfixturevalue("database_url")
    pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=2)
    yield PostgresRates(pool.connection)
    pool.close()


@pytest.mark.contract
def test_a_store_returns_what_was_saved_newest_first(store: RateStore) -> None:
    older, newer = day(date(2026, 10, 29), JPY="175.92", USD="1.113"), day(DAY, USD="1.1172")

    now = store.save([older, newer])
    store.save([])

    assert list(store.load()) == [newer, older]
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.contract
def test_a_correction_replaces_the_rate_of_its_day_and_currency(store: RateStore) -> None:
    store.save([day(DAY, JPY="175.68", USD="1.1")])
    store.save([day(DAY, USD="1.1172")])
    store.save([DailyRates(source="other", as_of=DAY, per_euro={"USD": "9"})])

    assert list(store.load()) == [
        day(DAY, JPY="175.68", USD="1.1172"),
        DailyRates(source="other", as_of=DAY, per_euro={"USD": "9"}),
    ]


@pytest.mark.postgres
def test_days_beyond_the_limit_are_deleted(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=1)
    store = PostgresRates(pool.connection)

    store.save([day(DAY - timedelta(days=n), USD="1", JPY="2") for n in range(130)])
    days = store.load()
    pool.close()

    assert [one.as_of for one in days] == [DAY - timedelta(days=n) for n in range(120)]


@pytest.mark.postgres
def test_the_roles_of_the_api_may_only_read_rates(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)
    store = PostgresRates(pool.connection)

    assert list(store.load()) == []
    with pytest.raises(Exception, match="permission denied"):
        store.save([day(DAY, USD="1.1172")])
    pool.close()


# Looking up.

HISTORY = [day(date(2026, 10, 29), JPY="175.92", USD="1.113"), day(DAY, **RATES)]
LOOKUPS: list[Callable[[], Rates]] = [
    lambda: FixedRates(RATES, as_of=DAY, source="ecb"),
    lambda: RateTable(HISTORY),
    lambda: StoredRates(MemoryRates(lambda: NOW), HISTORY),
]


@pytest.mark.contract
@pytest.mark.parametrize("make", LOOKUPS)
def test_a_rate_is_looked_up_through_the_euro(make: Callable[[], Rates]) -> None:
    rates = make()

    assert rates.between("EUR", "USD", NOW.date()) == ("1.1172", "ecb", DAY)
    assert rates.between("USD", "EUR", NOW.date()) == ("0.8950948801", "ecb", DAY)
    assert rates.between("USD", "JPY", NOW.date()) == ("157.2502685", "ecb", DAY)
    assert rates.between("USD", "THB", NOW.date()) is None
    assert rates.between("XXX", "USD", NOW.date()) is None


def test_the_latest_day_up_to_today_that_has_both_currencies_counts() -> None:
    table = RateTable([*HISTORY, day(date(2026, 11, 3), USD="9"), day(date(2026, 10, 1), THB="37")])

    assert table.between("EUR", "USD", NOW.date()) == ("1.1172", "ecb", DAY)
    assert table.between("EUR", "USD", date(2026, 10, 29)) == ("1.113", "ecb", date(2026, 10, 29))
    assert table.between("EUR", "THB", NOW.date()) == ("37", "ecb", date(2026, 10, 1))
    assert table.between("USD", "THB", NOW.date()) is None
    assert table.between("EUR", "USD", date(2026, 9, 30)) is None


def test_currencies_too_far_apart_have_no_rate() -> None:
    table = RateTable([day(DAY, USD="700000001.1", JPY="0.000000001")])

    assert table.between("USD", "JPY", DAY) is None
    assert table.between("EUR", "JPY", DAY) == ("0.000000001", "ecb", DAY)


def test_every_shipped_cross_rate_is_exact_to_ten_digits() -> None:
    table = RateTable(ecb_files.shipped())
    [newest] = [one for one in ecb_files.shipped() if one.as_of == DAY]

    for payer, payee in product(newest.per_euro, repeat=2):
        rate = table.between(payer, payee, DAY)
        assert rate is not None
        exact = Fraction(newest.per_euro[payee]) / Fraction(newest.per_euro[payer])
        assert abs(Fraction(rate.text) / exact - 1) < Fraction(1, 10**9)


def test_stored_rates_are_read_again_after_a_minute_and_go_before_the_shipped_ones() -> None:
    seconds = 0.0
    store = MemoryRates(lambda: NOW)
    rates = StoredRates(store, HISTORY, monotonic=lambda: seconds)
    assert rates.between("EUR", "USD", NOW.date()) == ("1.1172", "ecb", DAY)

    store.save([day(DAY, USD="1.2"), day(date(2026, 11, 2), USD="1.3")])
    seconds = 59.9
    before = rates.between("EUR", "USD", NOW.date())
    seconds = 60.0
    after = rates.between("EUR", "USD", NOW.date())

    assert before == ("1.1172", "ecb", DAY)
    assert after == ("1.3", "ecb", date(2026, 11, 2))
    assert rates.between("EUR", "USD", DAY) == ("1.2", "ecb", DAY)


def test_while_the_store_is_away_the_rates_remain_and_it_is_asked_once_a_minute() -> None:
    class Away(MemoryRates):
        calls = 0

        def load(self) -> list[DailyRates]:
            self.calls += 1
            raise LogUnavailable(reason="the database is away")

    seconds = 0.0
    store = Away(lambda: NOW)
    rates = StoredRates(store, HISTORY, monotonic=lambda: seconds)

    for _ in range(5):
        assert rates.between("EUR", "USD", NOW.date()) == ("1.1172", "ecb", DAY)
    seconds = 61.0
    rates.between("EUR", "USD", NOW.date())

    assert store.calls == 2
