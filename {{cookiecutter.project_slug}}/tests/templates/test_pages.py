"""Pages: that each renders, what they do with hostile input, and what happens when one fails."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from app import templates
from app.handlers import Handler
from app.problems import Problem
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page

HOSTILE = "<script>alert('\"&')</script>"


class Form(BaseModel):
    item: str


class Notes(Handler):
    """A form on a page that only this test has."""

    page = "notes.html"

    def get(self) -> None:
        raise Problem(401, "Not for you.")

    def post(self) -> None:
        if self.body(Form).item == HOSTILE:
            raise Problem(409, HOSTILE)
        self.done("/", data={"kept": True}, notice="Some fields are not valid.")


class Look(Handler):
    personal = True

    def get(self) -> None:
        raise Problem(401, "Not for you.")


@pytest.fixture
async def notes(start: Start, tmp_path: Path) -> AsyncIterator[Client]:
    """A service with one page more: the others are linked into a folder with it."""
    for path in Path(templates.__file__).parent.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "notes.html").symlink_to(Path(__file__).parent / "notes.html")
    async with start() as client:
        client.service.settings["template_path"] = str(tmp_path)
        client.service.add_handlers(".*", [("/notes", Notes), ("/look", Look)])
        client.headers.update(BROWSER)
        yield client


async def test_the_front_page_shows_each_feature(client: Client) -> None:
    page = Page(await client.get("/", headers=BROWSER))
    assert client.service.name in page.text
    assert all(name in page.text for name in client.service.feature_names)


async def test_head_is_the_page_without_its_body(client: Client) -> None:
    head = await client.head("/", headers=BROWSER)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/locale", 405)]
)
async def test_an_error_has_a_page_with_its_status_and_the_request_id(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers=BROWSER)
    assert answer.status_code == status
    assert answer.headers["X-Request-ID"] in Page(answer).text


async def test_a_path_is_shown_as_text(client: Client) -> None:
    target = f"/{HOSTILE}".encode()  # as it is, where browsers and httpx would escape it
    answer = await client.get("/", headers=BROWSER, extensions={"target": target})
    page = Page(answer)
    assert answer.status_code == 404
    assert HOSTILE in page.text
    assert page.field("next")["value"] == f"/{HOSTILE}"
    assert not page.all("script")


async def test_a_form_is_shown_again_with_what_was_sent_as_text(notes: Client) -> None:
    answer = await notes.post("/notes", data={"item": HOSTILE})
    page = Page(answer)
    assert answer.status_code == 409
    assert page.field("item")["value"] == HOSTILE
    assert HOSTILE in page.text
    assert not page.all("script")


async def test_a_form_that_cannot_be_read_is_shown_empty(notes: Client) -> None:
    answer = await notes.post(
        "/notes",
        content=b"item=%ff",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, Page(answer).field("item")["value"]) == (400, "")


async def test_a_notice_is_shown_once_in_the_readers_language(notes: Client) -> None:
    answer = await notes.post("/notes", data={"item": "x"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    pages = [await notes.get("/", headers={"Accept-Language": "zh-CN"}) for _ in range(2)]
    assert ["有些内容填写不正确。" in Page(page).text for page in pages] == [True, False]


async def test_a_forged_notice_is_not_shown(client: Client) -> None:
    client.cookies.set("notice", "forged")
    assert "forged" not in (await client.get("/", headers=BROWSER)).text


async def test_a_program_gets_the_data_and_no_notice(notes: Client) -> None:
    answer = await notes.post("/notes", data={"item": "x"}, headers={"Accept": "*/*"})
    assert answer.json() == {"kept": True}
    assert "Set-Cookie" not in answer.headers


async def test_who_may_not_look_is_sent_to_the_entrance_if_there_is_one(notes: Client) -> None:
    notes.service.settings["login_url"] = "/enter?a=b"
    answer = await notes.get("/look?c=d&e=é")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/enter?a=b&next=%2Flook%3Fc%3Dd%26e%3D%25C3%25A9"
    assert (await notes.get("/notes")).status_code == 401
    del notes.service.settings["login_url"]
    assert (await notes.get("/look")).status_code == 401


@pytest.mark.parametrize("broken", ["notes.html", "base.html"])
async def test_a_page_that_fails_is_answered_without_a_trace_of_why(
    notes: Client, tmp_path: Path, broken: str
) -> None:
    page = tmp_path / broken
    page.unlink()
    page.write_text("{{ 1 / 0 }} secret")
    with capture_logs() as logs:
        answer = await notes.post("/notes", data={"other": "x"})
    assert answer.status_code == 422
    assert {"event": "page failed", "page": "notes.html"}.items() <= logs[0].items()
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind == ("text/html" if broken == "notes.html" else "application/problem+json")
    assert not re.search("secret|Zero|Traceback", answer.text)
    assert answer.headers["X-Request-ID"] in answer.text
