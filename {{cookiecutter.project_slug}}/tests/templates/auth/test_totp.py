"""The second factor by pages and forms."""

from collections.abc import AsyncIterator

import httpx
import pytest
import segno

from tests.auth.authenticator import App, change, enrol, owner
from tests.auth.people import EMAIL, PASSWORD
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page


@pytest.fixture
async def browser(start: Start) -> AsyncIterator[Client]:
    async with start() as client:
        client.headers.update(BROWSER)
        yield client


async def press(browser: Client, page: Page, action: str, **fields: str) -> httpx.Response:
    """Send the page's form of this action, with all that is hidden in the page."""
    assert page.all("form", method="post", action=action)
    hidden = {field["name"]: field["value"] for field in page.all("input", type="hidden")}
    return await browser.post(action, data=hidden | fields, follow_redirects=True)


async def set_up(browser: Client, app: App) -> Page:
    """The page with the secret, which the app has then."""
    answer = await press(browser, Page(await browser.get("/auth/totp")), "/auth/totp")
    assert answer.headers["Cache-Control"] == "no-store"
    app.secret = Page(answer).field("secret")["value"]
    return Page(answer)


async def log_in(browser: Client, **more: str) -> httpx.Response:
    page = Page(await browser.get("/auth/login?next=/auth/totp"))
    return await press(browser, page, "/auth/login", email=EMAIL, password=PASSWORD, **more)


async def test_the_secret_is_shown_to_scan_to_open_and_to_type(browser: Client, app: App) -> None:
    await owner(browser)
    page = await set_up(browser, app)
    uri = page.field("uri")["value"]
    assert page.all("a", href=uri)
    assert " ".join(app.secret[at : at + 4] for at in range(0, 32, 4)) in page.text
    (image,) = page.all("img", **{"class": "qr"})
    assert image["src"] == segno.make_qr(uri).svg_data_uri(scale=4, light="#fff")
    assert app.secret in uri


async def test_after_a_wrong_code_the_same_secret_is_shown_again(browser: Client, app: App) -> None:
    await owner(browser)
    first = await set_up(browser, app)
    answer = await press(browser, first, "/auth/totp/confirm", code=app.wrong())
    page = Page(answer)
    assert answer.status_code == 422
    assert page.field("code")["aria-invalid"] == "true"
    assert page.all("img", **{"class": "qr"}) == first.all("img", **{"class": "qr"})
    answer = await press(browser, page, "/auth/totp/confirm", code=app.code())
    assert "Recovery codes" in Page(answer).text


async def test_recovery_codes_are_shown_once_and_can_be_saved(browser: Client, app: App) -> None:
    await owner(browser)
    answer = await press(browser, await set_up(browser, app), "/auth/totp/confirm", code=app.code())
    (link,) = Page(answer).all("a", download="recovery-codes.txt")
    codes = link["href"].removeprefix("data:text/plain,").removesuffix("%0A").split("%0A")
    assert (answer.headers["Cache-Control"], len(codes)) == ("no-store", 10)
    assert all(code in Page(answer).text for code in codes)
    assert "They are shown only now." in Page(answer).text
    for path in ("confirm", "recovery"):
        answer = await browser.get(f"/auth/totp/{path}", follow_redirects=True)
        assert (answer.status_code, answer.url.path) == (200, "/auth/totp")
        assert "Recovery codes left: 10" in Page(answer).text
        assert codes[0] not in answer.text


async def test_a_login_goes_on_with_a_page_that_holds_no_password(
    browser: Client, app: App
) -> None:
    await enrol(browser, app)
    answer = await log_in(browser, remember="true")
    page = Page(answer)
    assert answer.status_code == 401
    assert page.field("code")["autocomplete"] == "one-time-code"
    assert not page.all("div", role="alert")
    assert PASSWORD not in answer.text
    answer = await press(browser, page, "/auth/login/code", code=app.wrong())
    assert (answer.status_code, "The code is wrong." in Page(answer).text) == (401, True)
    answer = await press(browser, Page(answer), "/auth/login/code", code=app.code())
    assert (answer.status_code, answer.url.path) == (200, "/auth/totp")
    assert "Max-Age=2592000" in answer.history[0].headers["Set-Cookie"]
    assert (await browser.get("/auth/login/code")).headers["Location"] == "/auth/login"


async def test_too_late_a_code_leads_back_to_the_login(browser: Client, app: App) -> None:
    await enrol(browser, app)
    page = Page(await log_in(browser))
    await change(browser, "DELETE FROM tickets")
    answer = await press(browser, page, "/auth/login/code", code=app.code())
    assert "That took too long." in Page(answer).text
    assert Page(answer).all("a", href="/auth/login")


async def test_it_is_turned_off_with_the_password(browser: Client, app: App) -> None:
    await enrol(browser, app)
    page = Page(await log_in(browser))
    page = Page(await press(browser, page, "/auth/login/code", code=app.code()))
    answer = await press(browser, page, "/auth/totp/delete", password="not the password")
    assert (answer.status_code, "The password is wrong." in answer.text) == (401, True)
    answer = await press(browser, Page(answer), "/auth/totp/delete", password=PASSWORD)
    assert "Your second factor is off." in Page(answer).text
    assert Page(answer).all("form", action="/auth/totp")


async def test_to_enter_the_password_again_leads_back_here(browser: Client, app: App) -> None:
    await owner(browser)
    page = Page(await browser.get("/auth/totp"))
    await change(browser, "UPDATE sessions SET created_at = '2020-01-01 00:00:00'")
    browser.service.sessions_unsure.send(None)
    answer = await press(browser, page, "/auth/totp")
    assert answer.status_code == 403
    answer = await press(browser, Page(answer), "/auth/again", password=PASSWORD)
    assert (answer.status_code, answer.url.path) == (200, "/auth/totp")


async def test_who_is_not_known_is_asked_to_log_in(browser: Client) -> None:
    answer = await browser.get("/auth/totp")
    assert (answer.status_code, answer.headers["Location"][:12]) == (302, "/auth/login?")


async def test_what_is_said_and_mailed_is_in_the_readers_language(
    browser: Client, app: App
) -> None:
    browser.headers["Accept-Language"] = "zh-CN"
    recovery, *_ = await enrol(browser, app)
    page = Page(await log_in(browser))
    assert "还请输入验证器应用中的验证码。" in page.text
    page = Page(await press(browser, page, "/auth/login/code", code=recovery))
    assert "剩余恢复码： 9" in page.text  # noqa: RUF001
    mail = (await browser.get("/dev/mail", headers={"Accept": "application/json"})).json()[0]
    assert "还剩 9 个" in mail["subject"]
