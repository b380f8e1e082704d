"""Who gets a page and who gets JSON, and what every page says in its headers."""

import pytest

from app.handlers import HEADERS
from app.service import Identity
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page, nonce_of

PAGE_WANTED = {
    BROWSER["Accept"]: True,
    "text/html": True,
    "TEXT/HTML": True,
    "text/*, application/json;q=0.5": True,
    "text/html, application/json": True,
    "application/json;q=0.4, text/html;q=0.5": True,
    "text/html;q=0.5, */*;q=0.1": True,
    "*/*": False,
    "": False,
    "application/json": False,
    "text/html;q=0.4, application/json;q=0.5": False,
    "text/html;q=0, */*": False,
    "text/html;q=much": False,
    "text/html;q=nan": False,
    "text/plain": False,
    ";,;q=": False,
}


async def test_a_page_is_for_those_who_like_it_no_less_than_json(client: Client) -> None:
    for path in ("/", "/nowhere"):
        answers = {a: await client.get(path, headers={"Accept": a}) for a in PAGE_WANTED}
        kinds = {a: answer.headers["Content-Type"] for a, answer in answers.items()}
        assert {a: kind.startswith("text/html") for a, kind in kinds.items()} == PAGE_WANTED
        assert all(answer.headers.get_list("Vary")[0] == "Accept" for answer in answers.values())


async def test_what_has_no_page_is_json_for_everybody(client: Client) -> None:
    answer = await client.get("/hello", headers=BROWSER)
    assert answer.json() == {"message": "Hello, World!"}


@pytest.mark.parametrize("path", ["/", "/nowhere", "/locale"])
async def test_scripts_run_by_the_nonce_of_their_answer_alone(client: Client, path: str) -> None:
    answers = [await client.get(path, headers=BROWSER) for _ in range(2)]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        scripts = Page(answer).all("script")
        assert all(script["nonce"] == nonce_of(answer) for script in scripts)
        assert len(nonce_of(answer)) * 6 >= 128
    assert nonce_of(answers[0]) != nonce_of(answers[1])


async def test_a_page_has_every_security_header_once(client: Client) -> None:
    headers = (await client.get("/", headers=BROWSER)).headers
    assert all(len(headers.get_list(name)) == 1 for name in HEADERS)


async def test_a_page_tells_browsers_to_send_an_origin_with_its_forms(client: Client) -> None:
    answer = await client.get("/", headers=BROWSER)
    assert answer.headers["Referrer-Policy"] == "strict-origin"


async def test_what_somebody_known_sees_is_kept_by_no_cache(start: Start) -> None:
    async def ada(handler: object) -> Identity:
        return Identity("1", "Ada")

    async with start() as client:
        client.service.identify = ada
        assert (await client.get("/", headers=BROWSER)).headers["Cache-Control"] == "no-store"
