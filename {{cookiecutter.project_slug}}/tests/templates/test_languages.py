"""Languages: by the browser, by the switch, and that nothing is left untranslated."""

import csv
import re
from pathlib import Path

import pytest

from app import templates
from tests.conftest import Client
from tests.templates.pages import BROWSER, Page

FOLDER = Path(templates.__file__).parent
ASKED = {
    "zh-CN,zh;q=0.9,en;q=0.8": "zh-CN",
    "en-GB,zh-CN;q=0.5": "en",
    "fr, zh-CN;q=0.5": "zh-CN",
    "zh-CN;q=0": "en",
    "x;q=;;,": "en",
    "": "en",
}
ELSEWHERE = (
    "//evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/ok\r\nX-Evil: 1",
    "evil.example",
    "",
)
TEXT = re.compile(r"""\b_\("((?:[^"\\]|\\.)*)"\)""")


async def test_the_browser_says_which_language(client: Client) -> None:
    for asked, language in ASKED.items():
        answer = await client.get("/", headers=BROWSER | {"Accept-Language": asked})
        assert (asked, Page(answer).all("html")) == (asked, [{"lang": language}])
        assert "Accept-Language" in ",".join(answer.headers.get_list("Vary"))


async def test_the_switch_goes_before_the_browser_and_leads_back(client: Client) -> None:
    client.headers.update(BROWSER | {"Accept-Language": "en"})
    form = Page(await client.get("/nowhere?a=b"))
    assert form.field("next")["value"] == "/nowhere?a=b"
    assert [b["value"] for b in form.all("button", name="locale")] == ["en", "zh_CN"]
    answer = await client.post("/locale", data={"locale": "zh_CN", "next": "/nowhere?a=b"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/nowhere?a=b")
    assert Page(await client.get("/")).all("html") == [{"lang": "zh-CN"}]
    await client.post("/locale", data={"locale": "en"})
    assert Page(await client.get("/")).all("html") == [{"lang": "en"}]


async def test_the_switch_never_leads_to_another_place(client: Client) -> None:
    for place in ELSEWHERE:
        choice = {"locale": "en", "next": place}
        answer = await client.post("/locale", data=choice, headers=BROWSER)
        assert (place, answer.headers["Location"]) == (place, "/")


async def test_a_language_that_is_not_there_is_refused(client: Client) -> None:
    for code in ("fr", "", "../en", "zh_CN; a=b"):
        answer = await client.post("/locale", json={"locale": code})
        assert (answer.status_code, set(answer.json()["errors"])) == (422, {"locale"})
    client.cookies.set("locale", "fr")
    answer = await client.get("/", headers=BROWSER | {"Accept-Language": "zh-CN"})
    assert Page(answer).all("html") == [{"lang": "zh-CN"}]


def translated(folder: Path) -> set[str]:
    """What the folder's own translations know."""
    with (folder / "locale/zh_CN.csv").open(encoding="utf-8", newline="") as file:
        return {row[0] for row in csv.reader(file) if row[1]}


@pytest.mark.parametrize("page", sorted(FOLDER.rglob("*.html")), ids=lambda page: page.stem)
def test_every_text_of_a_page_is_translated_in_its_own_folder(page: Path) -> None:
    texts = set(TEXT.findall(page.read_text("utf-8")))
    assert texts <= (translated(page.parent) if texts else set())


def test_nothing_is_translated_twice_in_a_folder() -> None:
    for path in FOLDER.rglob("locale/*.csv"):
        rows = [row[0] for row in csv.reader(path.read_text("utf-8").splitlines())]
        assert len(rows) == len(set(rows))
