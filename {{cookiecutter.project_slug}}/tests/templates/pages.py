"""What the tests of pages have in common: a browser's headers, and reading a page."""

import re
from html.parser import HTMLParser

import httpx

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Page(HTMLParser):
    """A page's tags in order, each with its attributes and the text right after it."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [a for t, a in self.tags if t == tag and attributes.items() <= a.items()]

    def field(self, name: str) -> dict[str, str]:
        """The attributes of the input of this name; the last, as every page's top has a form."""
        return self.all("input", name=name)[-1]


def nonce_of(answer: httpx.Response) -> str:
    found = re.search(r"script-src 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
    assert found
    return found[1]
