"""Accounts by forms, as a person with a browser walks through them."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from structlog.testing import capture_logs

from app import templates
from app.auth.handlers.me import DELETED
from app.auth.handlers.password import CHANGED
from app.auth.handlers.registration import MOVED
from app.auth.letters import MAILS, letter
from app.mail import Letter
from app.mail.mailer import Mail, Mailer
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page
from tests.templates.test_languages import translated

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
OTHER = "another good password"
SENT = "We have sent you a mail. Follow the link in it."


@pytest.fixture
async def browser(start: Start) -> AsyncIterator[Client]:
    async with start() as client:
        client.headers.update(BROWSER)
        yield client


async def submit(browser: Client, path: str, **fields: str) -> httpx.Response:
    """Send the form of the page, with what is hidden in it, and follow where it leads."""
    form = Page(await browser.get(path))
    hidden = {field["name"]: field["value"] for field in form.all("input", type="hidden")}
    action = path.partition("?")[0]
    assert form.all("form", method="post", action=action)
    return await browser.post(action, data=hidden | fields, follow_redirects=True)


async def confirmation(browser: Client) -> str:
    """The link in the newest mail, once it is there."""
    async with asyncio.timeout(5):
        while True:
            links = [a["href"] for a in Page(await browser.get("/dev/mail")).all("a")]
            found = [re.sub(r"https?://[^/]+", "", link) for link in links if "token=" in link]
            if found:
                return found[0]
            await asyncio.sleep(0.01)


async def register(browser: Client) -> None:
    await submit(browser, "/auth/register", email=EMAIL, password=PASSWORD)
    await submit(browser, await confirmation(browser))


async def log_in(browser: Client, path: str = "/auth/login", **more: str) -> httpx.Response:
    return await submit(browser, path, email=EMAIL, password=PASSWORD, **more)


async def test_from_registration_to_logout(browser: Client) -> None:
    answer = await submit(browser, "/auth/register", email=EMAIL, password=PASSWORD)
    assert SENT in Page(answer).text
    answer = await submit(browser, await confirmation(browser))
    assert "Your address is confirmed." in Page(answer).text
    answer = await log_in(browser, "/auth/login?next=/auth/me")
    assert (answer.url.path, answer.headers["Cache-Control"]) == ("/auth/me", "no-store")
    assert Page(answer).text.count(EMAIL) == 2  # in the navigation and on the page
    answer = await browser.post("/auth/logout", follow_redirects=True)
    assert "You are logged out." in Page(answer).text
    assert Page(await browser.get("/")).all("a", href="/auth/login")


async def test_who_is_not_known_is_asked_to_log_in_and_then_led_on(browser: Client) -> None:
    await register(browser)
    answer = await browser.get("/auth/me", follow_redirects=True)
    assert answer.url.path == "/auth/login"
    assert (await log_in(browser, str(answer.url.raw_path, "ascii"))).url.path == "/auth/me"


async def test_what_is_wrong_stands_beside_its_field(browser: Client) -> None:
    answer = await browser.post("/auth/register", data={"email": '"><b>', "password": "short"})
    page = Page(answer)
    assert answer.status_code == 422
    for name in ("email", "password"):
        field = page.field(name)
        assert field["aria-invalid"] == "true"
        described = field["aria-describedby"].split()
        assert f"{name}-error" in described
        assert all(page.all("p", id=part) for part in described)
    assert page.field("email")["value"] == '"><b>'
    assert "value" not in page.field("password")


async def test_a_wrong_password_keeps_the_address_and_the_tick(browser: Client) -> None:
    fields = {"email": EMAIL, "password": "not this one", "remember": "true", "next": "/auth/me"}
    answer = await browser.post("/auth/login", data=fields)
    page = Page(answer)
    assert answer.status_code == 401
    assert (page.field("email")["value"], page.field("next")["value"]) == (EMAIL, "/auth/me")
    assert "checked" in page.field("remember")
    assert "not this one" not in answer.text


async def test_password_managers_are_told_what_is_what(browser: Client) -> None:
    login, register = [Page(await browser.get(f"/auth/{p}")) for p in ("login", "register")]
    assert login.field("password")["autocomplete"] == "current-password"
    assert register.field("password")["autocomplete"] == "new-password"
    assert login.field("email")["autocomplete"] == "username"


async def test_a_notice_of_accounts_is_translated(browser: Client) -> None:
    browser.headers["Accept-Language"] = "zh-CN"
    answer = await submit(browser, "/auth/register", email=EMAIL, password=PASSWORD)
    assert "我们给您发了一封邮件" in Page(answer).text
    assert SENT not in Page(answer).text


async def test_the_link_of_a_mail_changes_nothing_until_its_button_is_pressed(
    browser: Client,
) -> None:
    await submit(browser, "/auth/register", email=EMAIL, password=PASSWORD)
    link = await confirmation(browser)
    for _ in range(2):
        assert Page(await browser.get(link)).field("token")["value"] == link.partition("=")[2]
    assert (await submit(browser, link)).url.path == "/auth/login"
    assert (await submit(browser, link)).status_code == 400


async def test_a_forgotten_password_is_chosen_anew(browser: Client) -> None:
    await register(browser)
    assert Page(await browser.get("/auth/login")).all("a", href="/auth/forgot")
    assert SENT in Page(await submit(browser, "/auth/forgot", email=EMAIL)).text
    link = await confirmation(browser)
    page = Page(await browser.post("/auth/reset", data={"token": "x", "password": "short"}))
    assert page.field("password")["aria-invalid"] == "true"
    assert page.field("token")["value"] == "x"
    assert (await submit(browser, link, password=OTHER)).url.path == "/auth/login"
    again = await submit(browser, link, password=OTHER)
    assert again.status_code == 400
    assert "This link was used before or is too old." in Page(again).text
    form = {"email": EMAIL, "password": OTHER}
    assert (await browser.post("/auth/login", data=form)).status_code == 303


async def test_changes_of_an_account_are_for_those_who_are_logged_in(browser: Client) -> None:
    for path in ("/auth/password", "/auth/email", "/auth/me/delete"):
        answer = await browser.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/auth/login?{urlencode({'next': path})}"


async def test_a_password_is_changed(browser: Client) -> None:
    await register(browser)
    await log_in(browser)
    answer = await submit(browser, "/auth/password", current="not this one", new=OTHER)
    assert (answer.status_code, "The password is wrong." in Page(answer).text) == (401, True)
    answer = await submit(browser, "/auth/password", current=PASSWORD, new="short")
    assert Page(answer).field("new")["aria-invalid"] == "true"
    answer = await submit(browser, "/auth/password", current=PASSWORD, new=OTHER)
    assert (answer.url.path, "Your password is changed." in Page(answer).text) == ("/auth/me", True)


async def test_an_address_is_changed_after_a_proof_that_leads_back(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(browser)
    await log_in(browser)
    monkeypatch.setattr("app.auth.handlers.base.RECENT", timedelta(0))
    answer = await submit(browser, "/auth/email", email="new@example.com")
    assert answer.status_code == 403
    monkeypatch.undo()
    again = {"password": PASSWORD, "next": Page(answer).field("next")["value"]}
    answer = await browser.post("/auth/again", data=again, follow_redirects=True)
    assert answer.url.path == "/auth/email"
    await submit(browser, "/auth/email", email="new@example.com")
    answer = await submit(browser, await confirmation(browser))
    assert "Your address is changed." in Page(answer).text


async def test_an_account_is_deleted(browser: Client) -> None:
    await register(browser)
    await log_in(browser)
    answer = await submit(browser, "/auth/me/delete")
    assert (answer.url.path, "Your account is deleted." in Page(answer).text) == ("/", True)
    assert (await log_in(browser)).status_code == 401


async def test_a_mail_is_in_the_language_of_who_asks(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = list[Mail]()
    monkeypatch.setattr(browser.service.get(Mailer), "send", sent.append)
    browser.headers["Accept-Language"] = "zh-CN"
    await browser.post("/auth/forgot", data={"email": EMAIL})
    assert sent[0].subject == "此邮箱没有账号"
    assert '<html lang="zh-CN">' in str(sent[0].html)
    assert "打开页面" in str(sent[0].html)


def test_every_letter_is_translated() -> None:
    letters = [letter(path.stem) for path in MAILS.glob("*.txt")]
    letters += [CHANGED, MOVED, DELETED]
    assert len(letters) > 8
    texts = {text for subject, parts in letters for text in (subject, *parts)}
    texts = {text for text in texts if not text.startswith("{origin}")}
    assert texts | {"en", "Open the page"} <= translated(Path(templates.__file__).parent / "auth")


def test_a_letter_is_text_whatever_is_in_it() -> None:
    sent = Letter("<b>", ("{x}", "{origin}/?a=b&c={x}")).to(
        EMAIL, {"x": '"><script>{x}', "origin": "https://x.org"}, str
    )
    assert "<script" not in str(sent.html)
    assert "&lt;script&gt;{x}" in str(sent.html)
    assert sent.text == '"><script>{x}\n\nhttps://x.org/?a=b&c="><script>{x}\n'


async def test_a_query_that_cannot_be_read_is_no_fault_of_the_page(browser: Client) -> None:
    with capture_logs() as logs:
        assert (await browser.get("/auth/login?next=%ff")).status_code == 400
    assert not [entry for entry in logs if entry["log_level"] == "error"]
