"""Static files, which nginx serves itself."""

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from app.handlers import HEADERS
from tests.nginx.fixtures import ROOT, Up
from tests.nginx.site import NAME, Installed
from tests.nginx.test_proxy import logged

OUTSIDE = [
    ".env", "%2eenv", "folder/.env", "folder/secret.txt", "link.txt", "link.txt/", "../secret.txt",
    "..%2f..%2f..%2fsecret.txt", "%252e%252e/%252e%252e/secret.txt", "%c0%ae%c0%ae/secret.txt",
    "..%5c..%5csecret.txt", "/../../../secret.txt", "style.css%00.txt",
]  # fmt: skip
PREPARED = b"/* Not what the file beside it holds. */"


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


@pytest.mark.parametrize("path", ["", "none.css", "..%2fbase.html", "../base.html"])
def test_nothing_else_is_a_file(up: Up, path: str) -> None:
    with httpx.Client() as client:
        url = httpx.URL(up.url, raw_path=f"/static/{path}".encode())
        answer = client.send(client.build_request("GET", url))
    assert answer.status_code in (403, 404)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.headers.get("Cache-Control") in (None, "no-store")


@pytest.fixture(scope="module")
def prepared(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Files as on a server, compressed beforehand, beside some that are nobody's business."""
    root = tmp_path_factory.mktemp("prepared")
    static = root / "app/templates/static"
    shutil.copytree(ROOT / "app/templates/static", static)
    (static / "old.css.gz").touch()
    subprocess.run([ROOT / "nginx/templates/prepare.sh", root], check=True)
    (static / "style.css.gz").write_bytes(gzip.compress(PREPARED))
    for outside in ("secret.txt", ".env", "app/templates/static/.env"):
        (root / outside).write_text("a secret")
    (static / "link.txt").symlink_to(root / "secret.txt")
    (static / "folder").symlink_to(root)
    with Installed("site", tmp_path_factory.mktemp("nginx"), root).running() as site:
        url = f"https://127.0.0.1:{site.ports['443']}"
        with httpx.Client(base_url=url, verify=site.trust, headers={"Host": NAME}) as client:
            yield client


def get(client: httpx.Client, path: str, **headers: str) -> httpx.Response:
    request = client.build_request("GET", "/", headers=headers, extensions={"sni_hostname": NAME})
    request.url = request.url.copy_with(raw_path=path.encode())
    return client.send(request)


def test_what_was_compressed_beforehand_is_sent_as_it_is(prepared: httpx.Client) -> None:
    answer = get(prepared, "/static/style.css?v=1")
    assert answer.content == PREPARED
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = get(prepared, "/static/style.css", **{"Accept-Encoding": "identity"})
    assert plain.content == (ROOT / "app/templates/static/style.css").read_bytes()
    assert answer.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert get(prepared, "/static/old.css.gz").status_code == 404


def test_a_file_that_is_known_is_not_sent_again(prepared: httpx.Client) -> None:
    tag = get(prepared, "/static/mark.svg?v=1").headers["ETag"]
    again = get(prepared, "/static/mark.svg?v=1", **{"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for name, value in HEADERS.items():
        assert again.headers.get_list(name) == [value if name != "Server" else "nginx"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_leads_out_of_the_folder(prepared: httpx.Client, path: str) -> None:
    answer = get(prepared, f"/static/{path}")
    assert answer.status_code in (400, 403, 404, 502)  # or for the service, which is not there
    assert "secret" not in answer.text


def test_an_error_of_nginx_is_a_page_for_a_browser(prepared: httpx.Client) -> None:
    answer = get(prepared, "/hello", Accept="text/html,application/xml;q=0.9,*/*;q=0.8")
    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "We will be back in a moment" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    for name in ("Content-Security-Policy", "Strict-Transport-Security", "Server"):
        assert len(answer.headers.get_list(name)) == 1
    for file in re.findall(r'"(/static/[^"]+)"', answer.text):
        assert get(prepared, file).status_code == 200
    for accept in ("*/*", "application/json, text/html"):
        assert get(prepared, "/hello", Accept=accept).json()["status"] == 502
