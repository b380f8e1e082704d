"""Logging in with a provider that we have not written, in a browser that heeds our CSP."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import servers
from tests.browsing import People
from tests.conftest import clean_environment
from tests.processes import started
from tests.rooms import server

EMAIL = "ada@example.com"
ADA = {"sub": "ada", "email": EMAIL, "email_verified": True}
EVE = {"sub": "eve", "email": "eve@example.com", "email_verified": False}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The provider's URL; it lets in whomever one says one is."""
    port = servers.free_port()
    users = [part for user in (ADA, EVE) for part in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "-n", "true", *users]
    folder = tmp_path_factory.mktemp("provider")
    with started(command, folder, clean_environment(), says="running on"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def service(provider: str, tmp_path_factory: pytest.TempPathFactory, python: Path) -> Iterator[str]:
    """The URL of a service that knows the provider."""
    known = {"issuer": provider, "client_id": "us", "client_secret": "s", "title": "The Provider"}
    folder = tmp_path_factory.mktemp("service")
    serve = server(frozenset({"auth", "templates"}), folder / "baked", python)
    with serve(OIDC_PROVIDERS=json.dumps({"mock": known})) as process:
        yield process.url


def go_there(people: People, url: str, **options: str) -> Page:
    """Press the button; the page of the provider."""
    page = people.page(**options)
    page.goto(url)
    page.get_by_role("button", name="The Provider").click()
    expect(page.get_by_role("heading", name="Authorize Client")).to_be_visible()
    return page


def test_a_click_leads_there_and_back(service: str, people: People) -> None:
    page = go_there(people, f"{service}/auth/me")
    page.get_by_role("button", name="ada").click()
    expect(page).to_have_url(f"{service}/auth/me")
    expect(page.locator("main")).to_contain_text(EMAIL)


def test_whose_address_is_not_confirmed_is_told_so(service: str, people: People) -> None:
    page = go_there(people, f"{service}/auth/register", locale="zh-CN")
    page.get_by_role("button", name="eve").click()
    expect(page.get_by_role("alert")).to_contain_text("登录服务商没有确认您的邮箱")
    page.goto(f"{service}/auth/me")
    expect(page).to_have_url(f"{service}/auth/login?next=%2Fauth%2Fme")
