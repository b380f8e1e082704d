"""Passkeys in a real browser, with an authenticator of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import servers
from tests.browsing import People, picture
from tests.rooms import server

pytestmark = pytest.mark.xdist_group("passkeys")

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Iterator[str]:
    """The address of a service of accounts and pages, by a name as passkeys need it."""
    port, folder = servers.free_port(), tmp_path_factory.mktemp("passkeys")
    url = f"http://localhost:{port}"
    with server(frozenset({"auth", "templates"}), folder, python)(port, PUBLIC_URL=url):
        yield url


@pytest.fixture
def visit(service: str, people: People) -> Visit:
    """Opens a window on one of the pages, with a device that says yes to all it is asked."""

    def visited(path: str, knows_its_owner: bool = True, **options: Any) -> Page:
        page = people.page(**{"base_url": service} | options)
        device = DEVICE | {"isUserVerified": knows_its_owner}
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})
        page.goto(path)
        return page

    return visited


def join(url: str, email: str) -> None:
    with httpx.Client(base_url=url) as client:
        client.post("/auth/register", json={"email": email, "password": PASSWORD})
        text = client.get("/dev/mail").json()[0]["text"]
        token = text.partition("token=")[2].split()[0]
        assert client.post("/auth/confirm", json={"token": token}).status_code == 204


def log_in(page: Page, email: str) -> None:
    page.locator("[name=email]").fill(email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")


def session_of(page: Page) -> Any:
    (session,) = [c for c in page.context.cookies() if c["name"] == "session"]
    return session


def faultless(page: Page, name: str) -> None:
    picture(page, f"passkeys-{name}")
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_from_adding_one_to_logging_in_with_it(service: str, visit: Visit) -> None:
    join(service, EMAIL)
    page = visit("/auth/login?next=/auth/passkeys")
    log_in(page, EMAIL)
    expect(page.get_by_text("You have no passkey yet.")).to_be_visible()
    page.get_by_label("Name of the new passkey").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status")).to_have_text("Your passkey is added.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("My phone")
    faultless(page, "one")

    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("This device has a passkey of yours already.")

    before = session_of(page)
    page.goto("/auth/again?next=/auth/passkeys")
    faultless(page, "again")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
    assert session_of(page)["value"] != before["value"]

    page.get_by_role("button", name="Log out").first.click()
    page.goto("/auth/login?next=/auth/passkeys")
    page.locator("[name=remember]").check()
    faultless(page, "login")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("My phone")
    assert session_of(page)["expires"] > 0
    page.goto("/auth/again?next=/auth/passkeys")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
    assert session_of(page)["expires"] > 0, "who is remembered stays so"
    page.get_by_label("Name", exact=True).fill("Old phone")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("button", name="Remove Old phone")).to_be_visible()
    page.get_by_role("button", name="Remove Old phone").click()
    expect(page.get_by_role("status")).to_have_text("The passkey is removed.")

    page.get_by_role("button", name="Log out").first.click()
    page.goto("/auth/login")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("alert").first).to_have_text("This passkey does not work here.")
    faultless(page, "refused")


@pytest.mark.parametrize(
    ("locale", "scheme", "width"),
    [("en", "dark", 360), ("zh-CN", "light", 360), ("zh-CN", "dark", 1280)],
)
def test_the_pages_are_for_everybody(
    service: str, visit: Visit, locale: str, scheme: str, width: int
) -> None:
    email = f"{locale}{scheme}{width}@example.com".lower()
    join(service, email)
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    page = visit("/auth/login?next=/auth/passkeys", locale=locale, **look)
    expect(page.locator("[data-passkey]")).to_be_visible()
    faultless(page, f"login-{locale}-{scheme}-{width}")
    log_in(page, email)
    page.locator("[name=name]").last.fill("W" * 100)
    page.locator("[data-passkey]").click()
    page.locator(".notice.good").wait_for()
    page.locator("[data-passkey]").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    faultless(page, f"{locale}-{scheme}-{width}")


def test_who_is_not_verified_is_told_so_and_may_try_again(service: str, visit: Visit) -> None:
    join(service, "bob@example.com")
    page = visit("/auth/login?next=/auth/passkeys", knows_its_owner=False)
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used.")
    log_in(page, "bob@example.com")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used.")
    expect(page.get_by_role("button", name="Add a passkey")).to_be_enabled()


def test_who_logged_in_long_ago_is_asked_for_the_password(service: str, visit: Visit) -> None:
    join(service, "eve@example.com")
    page = visit("/auth/login?next=/auth/passkeys")
    log_in(page, "eve@example.com")
    page.route("**/options", lambda route: route.fulfill(status=403))
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url("**/auth/again?next=/auth/passkeys")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/auth/passkeys")


def test_nobody_sees_a_button_that_cannot_work(service: str, visit: Visit) -> None:
    join(service, "kay@example.com")
    by_number = {"base_url": service.replace("localhost", "127.0.0.1")}
    for options in ({"java_script_enabled": False}, by_number):
        page = visit("/auth/login?next=/auth/passkeys", **options)
        expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
        expect(page.locator("[data-passkey]")).to_be_hidden()
        log_in(page, "kay@example.com")
        page.wait_for_url("**/auth/passkeys")
        expect(page.locator("[data-passkey]")).to_be_hidden()
        expect(page.locator(".unable")).to_be_visible(visible=options is by_number)
        assert "To add a passkey, allow JavaScript" in page.content()
