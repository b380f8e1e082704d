"""Static files, which nginx serves itself."""

import re

import httpx
import pytest

from app.handlers import HEADERS
from tests.nginx.fixtures import Up
from tests.nginx.test_proxy import logged


@pytest.fixture
def style(proxied: httpx.Client) -> str:
    """The address of a stylesheet, with its version, as the page says it."""
    page = proxied.get("/", headers={"Accept": "text/html"}).text
    found = re.search(r"/static/[^\"']+\.css\?v=[0-9a-f]+", page)
    assert found, page
    return found[0]


def test_a_versioned_file_never_changes_and_nginx_serves_it(
    up: Up, proxied: httpx.Client, style: str
) -> None:
    answer = proxied.get(style)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert logged(up, "proxied", answer.headers["X-Request-ID"])["upstream"] == ""


def test_a_file_without_its_version_is_asked_for_again(proxied: httpx.Client, style: str) -> None:
    caching = proxied.get(style.partition("?")[0]).headers["Cache-Control"]
    assert "immutable" not in caching


def test_a_file_has_the_security_headers_once(proxied: httpx.Client, style: str) -> None:
    headers = proxied.get(style).headers
    for name, value in (HEADERS | {"Server": "nginx"}).items():
        assert headers.get_list(name) == [value]


def test_pages_are_not_compressed(proxied: httpx.Client) -> None:
    answer = proxied.get("/", headers={"Accept": "text/html"})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("path", ["", "none.css", "..%2fbase.html", "../base.html", ".hidden"])
def test_nothing_else_is_a_file(up: Up, path: str) -> None:
    with httpx.Client() as client:
        url = httpx.URL(up.url, raw_path=f"/static/{path}".encode())
        answer = client.send(client.build_request("GET", url))
    assert answer.status_code in (403, 404)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert "Cache-Control" not in answer.headers
