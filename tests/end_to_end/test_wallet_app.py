"""The wallet's page as an app: its manifest, and a service worker that never gets in the way."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from api.pages import static_files, wallet
from tests.end_to_end.browsing import Visit, check_page, make_token, until
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

CONTROLLED = "navigator.serviceWorker.controller !== null"
KEPT = """async () => {
    const kept = {};
    for (const name of await caches.keys()) {
        const requests = await (await caches.open(name)).keys();
        kept[name] = requests.map((one) => new URL(one.url).pathname).sort();
    }
    return kept;
}"""


def installed(visit: Visit, api: ApiFixture) -> Page:
    page = visit(service_workers="allow").open(f"{api.settings.public_origin}/wallet")
    until(page, CONTROLLED)
    return page


def shell(edition: str) -> dict[str, list[str]]:
    files = [f"/static/{edition}/{name}" for name in wallet.SHELL]
    return {f"qrledger-shell-{edition}": sorted([*files, "/wallet/offline"])}


def test_the_worker_keeps_the_shell_and_nothing_else(api: ApiFixture, visit: Visit) -> None:
    page = installed(visit, api)
    session = api.create_session()
    page.goto(session["qr"]["payload"].lower())
    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Pay $10.00").click()
    expect(page.get_by_role("heading", name="Paid")).to_be_visible()

    assert page.evaluate(KEPT) == shell(static_files.edition())


def test_without_a_connection_the_app_says_so(api: ApiFixture, visit: Visit) -> None:
    visitor = visit(service_workers="allow")
    page = visitor.open(f"{api.settings.public_origin}/wallet")
    until(page, CONTROLLED)

    visitor.context.set_offline(True)
    page.reload()

    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    check_page(page, "wallet-offline")
    visitor.context.set_offline(False)
    page.reload()
    expect(page.get_by_role("heading", name="Scan to pay")).to_be_visible()


def test_a_new_edition_works_under_the_old_worker_and_replaces_it(
    api: ApiFixture, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older_release:
        for module in (static_files, wallet):
            older_release.setattr(module, "edition", lambda: "0123456789abcdef")
        page = installed(visit, api)
        assert page.evaluate(KEPT) == shell("0123456789abcdef")

    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{api.settings.public_origin}/wallet")

    expect(page.get_by_label("Wallet token")).to_be_visible()
    assert any(f"/static/{static_files.edition()}/home.js" in url for url in requests)
    until(page, f"(await caches.keys()).join() === 'qrledger-shell-{static_files.edition()}'")
    page.reload()
    expect(page.get_by_label("Wallet token")).to_be_visible()


def test_the_browser_finds_an_app_that_it_can_install(api: ApiFixture, visit: Visit) -> None:
    page = installed(visit, api)
    session = page.context.new_cdp_session(page)

    manifest = session.send("Page.getAppManifest")
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]

    assert manifest["errors"] == []
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []
