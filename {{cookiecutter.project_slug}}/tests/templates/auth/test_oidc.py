"""Logging in with a provider by the pages' buttons, as a person without JavaScript does it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.auth.oidc.provider import Provider, Running, settings
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    running = Running()
    yield running.provider
    await running.stop()


@pytest.fixture
async def browser(start: Start, provider: Provider) -> AsyncIterator[Client]:
    async with start(**settings(provider, title="Big & Co")) as client:
        client.headers.update(BROWSER)
        yield client


async def press(browser: Client, page: Page) -> httpx.Response:
    """Press the provider's button on the page, and be let in there; the answer that leads back."""
    (form,) = page.all("form", action="/auth/oidc/one")
    leaving = Page(await browser.post(form["action"], data={"next": page.field("next")["value"]}))
    (refresh,) = leaving.all("meta", **{"http-equiv": "refresh"})
    url = refresh["content"].removeprefix("0; url=")
    assert leaving.all("a", href=url)
    return await browser.get(url)


async def test_the_button_leads_there_and_back_to_where_one_was(browser: Client) -> None:
    login = await browser.get("/auth/me", follow_redirects=True)
    assert "Log in with Big & Co" in Page(login).text
    back = await press(browser, Page(login))
    answer = await browser.get(back.headers["Location"], follow_redirects=True)
    assert (answer.url.path, answer.status_code) == ("/auth/me", 200)


async def test_who_is_refused_sees_why_beside_the_buttons(
    browser: Client, provider: Provider
) -> None:
    provider.returned = {"error": "access_denied"}
    browser.headers["Accept-Language"] = "zh-CN"
    back = await press(browser, Page(await browser.get("/auth/register")))
    answer = await browser.get(back.headers["Location"])
    assert (answer.status_code, "登录服务商没有让您通过" in answer.text) == (403, True)
    assert Page(answer).all("form", action="/auth/oidc/one")


async def test_without_providers_there_is_no_button(client: Client) -> None:
    assert b"/auth/oidc" not in (await client.get("/auth/login", headers=BROWSER)).content
