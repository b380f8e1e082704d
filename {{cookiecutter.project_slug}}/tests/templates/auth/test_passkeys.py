"""The pages of passkeys: what their forms do, and what their script has to go by."""

import json

from tests.auth.device import add, enter, options, sql, with_a_passkey
from tests.auth.people import is_logged_in
from tests.conftest import Client
from tests.templates.pages import BROWSER, Page, nonce_of

HOSTILE = "\"><script>alert('&')</script>"


async def test_a_browser_is_led_from_adding_one_to_logging_in_with_it(client: Client) -> None:
    device = await with_a_passkey(client)
    client.cookies.clear()
    answer = json.dumps(device.sign(await options(client, "/login")))
    sent = {"credential": answer, "next": "/auth/passkeys"}
    page = await client.post("/auth/passkeys/login", data=sent, headers=BROWSER)
    assert (page.status_code, page.headers["Location"]) == (303, "/auth/passkeys")
    page = await client.post("/auth/passkeys/login", data=sent, headers=BROWSER)
    assert (page.status_code, Page(page).field("next")["value"]) == (401, "/auth/passkeys")
    assert "This passkey does not work here." in Page(page).text
    page = await client.get("/auth/passkeys/login", headers=BROWSER)
    assert page.headers["Location"] == "/auth/login"


async def test_each_can_be_renamed_and_removed_without_a_script(client: Client) -> None:
    device = await with_a_passkey(client)
    client.headers.update(BROWSER)
    rename, remove = Page(await client.get("/auth/passkeys")).all("form", method="post")[2:4]
    assert remove["action"] == f"{rename['action']}/delete"
    await client.post(rename["action"], data={"name": HOSTILE})
    page = await client.get("/auth/passkeys")
    assert Page(page).all("input", name="name", value=HOSTILE)
    assert "<script>alert" not in page.text
    answer = await client.post(remove["action"], follow_redirects=True)
    assert "The passkey is removed." in Page(answer).text
    assert (await add(client, device, name="New")).headers["Location"] == "/auth/passkeys"


async def test_who_logged_in_long_ago_is_led_back_here(client: Client) -> None:
    await enter(client)
    await sql(client, "UPDATE sessions SET created_at = '2020-01-01'")
    sent = {"next": "/auth/passkeys"}
    answer = await client.post("/auth/passkeys/x/delete", data=sent, headers=BROWSER)
    assert (answer.status_code, Page(answer).field("next")["value"]) == (403, "/auth/passkeys")
    assert await is_logged_in(client)


async def test_the_script_may_run_and_finds_its_words(client: Client) -> None:
    await enter(client)
    for path in ("/auth/passkeys", "/auth/login", "/auth/again"):
        answer = await client.get(path, headers=BROWSER)
        (script,) = Page(answer).all("script")
        assert script["nonce"] == nonce_of(answer)
        code = (await client.get(script["src"])).text
        (alert,) = Page(answer).all("p", role="alert")
        assert {"data-notallowederror", "data-409", "data-429", "data-other"} <= set(alert)
        assert "innerHTML" not in code
        (button,) = [b for b in Page(answer).all("button") if "data-passkey" in b]
        leads_to = path if path == "/auth/passkeys" else "/auth/passkeys/login"
        assert button["data-passkey"] == leads_to
