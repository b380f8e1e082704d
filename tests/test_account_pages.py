"""The pages of accounts in a browser: for everybody, in both languages, without a script."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsing import picture
from tests.conftest import clean_environment
from tests.probing import PASSWORD, PLAIN, log_in
from tests.processes import Started, started

pytestmark = pytest.mark.xdist_group("account pages")

STRANGER = [
    "login",
    "register",
    "forgot",
    "reset?token=x",
    "confirm?token=x",
    "email/confirm?token=x",
]
OWNER = ["me", "password", "email", "totp", "passkeys", "tokens", "again", "me/delete"]


@pytest.fixture(scope="module")
def service(home: Path, python: Path) -> Iterator[Started]:
    variables = {
        "PORT": "0",
        "LOG_FORMAT": "json",
        "AUTH_ATTEMPTS_PER_ADDRESS": "0",
    }
    with started([str(python), "-m", "app"], home, clean_environment(**variables)) as service:
        yield service


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    yield context
    context.close()


def faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_axe_finds_nothing(service: Started, browser: Browser, locale: str) -> None:
    owner = log_in(service, f"{locale.lower()}@example.com")
    owner.post("/auth/tokens", json={"name": "backup"}).raise_for_status()
    context = browser.new_context(locale=locale)
    page = context.new_page()
    for path in STRANGER:
        check(page, service, path, locale)
    page.goto(f"{service.url}/dev/mail")
    assert faults(page) == []
    lend(context, service, owner)
    for path in OWNER:
        check(page, service, path, locale)
    context.close()


def check(page: Page, service: Started, path: str, locale: str) -> None:
    answer = page.goto(f"{service.url}/auth/{path}")
    assert answer
    assert (answer.status, page.locator("html").get_attribute("lang")) == (
        200,
        locale[:2] if locale == "en-GB" else locale,
    )
    assert faults(page) == [], path
    picture(page, f"account-{re.sub('[^a-z]+', '-', path.partition('?')[0])}-{locale[:2]}")


def lend(context: BrowserContext, service: Started, owner: httpx.Client) -> None:
    """Log the browser in as this owner."""
    token = owner.cookies["session"]
    context.add_cookies([{"name": "session", "value": token, "url": service.url}])


def mailed_link(service: Started) -> str:
    mail = httpx.get(f"{service.url}/dev/mail", verify=PLAIN).json()[0]["text"]
    return service.url + str(re.findall(r"/auth/\S+token=\S+", mail)[0])


def press(page: Page, button: str) -> None:
    page.get_by_role("main").get_by_role("button", name=button, exact=True).click()


def test_a_life_of_an_account_without_a_script(service: Started, context: BrowserContext) -> None:
    page, url = context.new_page(), service.url
    page.goto(f"{url}/auth/register")
    page.get_by_label("Email address").fill("life@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Register")
    page.goto(mailed_link(service))
    press(page, "Confirm")
    page.get_by_label("Email address").fill("life@example.com")
    page.get_by_label("Password").fill("not the password")
    press(page, "Log in")
    expect(page.get_by_role("alert").first).to_contain_text("wrong")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    page.goto(f"{url}/auth/tokens")
    page.get_by_label("What it is for").fill("backup")
    press(page, "Make a token")
    token = page.locator(".secret code").inner_text()
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/auth/me", headers=bearer, verify=PLAIN).status_code == 200
    page.get_by_role("link", name="Back to your account").click()
    press(page, "Revoke")
    assert httpx.get(f"{url}/auth/me", headers=bearer, verify=PLAIN).status_code == 401
    secret = turn_on_a_second_factor(page, url)
    page.goto(f"{url}/auth/password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("another good password")
    press(page, "Change the password")
    expect(page.get_by_role("status")).to_contain_text("Your password is changed.")
    press(page, "Log out")
    forget_the_password(page, service)
    page.get_by_label("Email address").fill("life@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).generate_otp(1))
    press(page, "Log in")
    expect(page.get_by_role("alert").first).to_contain_text("The code is wrong.")


def turn_on_a_second_factor(page: Page, url: str) -> str:
    """Set it up by the key that the page shows; the secret."""
    page.goto(f"{url}/auth/totp")
    press(page, "Set up")
    secret = page.locator("input[name=secret]").input_value()
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    press(page, "Turn on")
    expect(page.get_by_text("They are shown only now.")).to_be_visible()
    picture(page, "account-recovery-codes")
    return secret


def forget_the_password(page: Page, service: Started) -> None:
    page.goto(f"{service.url}/auth/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email address").fill("life@example.com")
    press(page, "Send me a link")
    page.goto(mailed_link(service))
    page.get_by_label("New password").fill(PASSWORD)
    press(page, "Change the password")
    expect(page.get_by_role("status")).to_contain_text("You can log in now.")
