"""Static files: how long they are kept, by which headers, and what is not one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tornado.web import RequestHandler

from app.handlers import HEADERS
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page

HIDDEN = (
    "../secret",
    "%2e%2e/secret",
    "..%2fsecret",
    "%252e%252e/secret",
    "..\\secret",
    "/etc/passwd",
    "link",
    ".env",
    "%2eenv",
    ".git/config",
    "ok.txt%00",
    "",
    ".",
)


@pytest.fixture
async def style(client: Client) -> str:
    """The address of the stylesheet, as pages say it."""
    links = Page(await client.get("/", headers=BROWSER)).all("link", rel="stylesheet")
    return links[0]["href"]


@pytest.fixture
async def planted(start: Start, tmp_path: Path) -> AsyncIterator[Client]:
    """A service whose folder of files has things that are nobody's business beside and in it."""
    static = tmp_path / "static"
    (static / ".git").mkdir(parents=True)
    for path in (tmp_path / "secret", static / ".env", static / ".git/config", static / "ok.txt"):
        path.write_text("secret")
    (static / "link").symlink_to(tmp_path / "secret")
    async with start() as client:
        rules = client.service.wildcard_router.rules
        for rule in rules:
            if "path" in rule.target_kwargs:
                rule.target_kwargs["path"] = str(static)
        yield client


async def test_a_file_is_kept_for_ever_by_the_address_with_its_hash(
    client: Client, style: str
) -> None:
    answer = await client.get(style)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


async def test_a_file_is_kept_shortly_by_any_other_address(client: Client) -> None:
    for query in ("", "?v=", "?v=0123"):
        answer = await client.get(f"/static/style.css{query}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=300"


async def test_a_file_that_is_known_is_not_sent_again(client: Client, style: str) -> None:
    tag = (await client.get(style)).headers["ETag"]
    answer = await client.get(style, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert "immutable" in answer.headers["Cache-Control"]


async def test_files_have_the_security_headers_and_a_request_id(client: Client, style: str) -> None:
    for answer in (await client.get(style), await client.get("/static/nothing.css")):
        assert all(answer.headers.get_list(name) == [value] for name, value in HEADERS.items())
        assert answer.headers["X-Request-ID"]


async def test_who_asks_for_a_file_does_not_matter(client: Client, style: str) -> None:
    async def away(handler: RequestHandler) -> None:
        raise OSError("where that is kept")

    client.service.identify = away
    assert (await client.get(style, headers=BROWSER)).status_code == 200


async def test_only_files_of_the_folder_are_served(planted: Client) -> None:
    assert (await planted.get("/static/ok.txt")).status_code == 200
    for path in HIDDEN:
        answer = await planted.get(f"/static/{path}")
        assert (path, answer.status_code) in ((path, 403), (path, 404))
        assert "secret" not in answer.text
