"""The all-on project as people meet it: PostgreSQL, Redis, nginx, mail and a browser, all real."""

import email
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from playwright.sync_api import Browser, Page, expect

from tests import servers
from tests.browsing import picture
from tests.combinations import ALL_ON, bake
from tests.conftest import clean_environment
from tests.processes import Started, started

PASSWORD = "a long enough pass phrase"


class Post(Message):
    """Keeps the mails that arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []

    def handle_message(self, message: object) -> None:
        self.mails.append(email.message_from_string(str(message), policy=default))

    def link_for(self, address: str) -> str:
        """The link in the newest mail to the address, once it has come."""
        servers.await_(lambda: any(address in str(m["To"]) for m in self.mails), "the mail")
        newest = [mail for mail in self.mails if address in str(mail["To"])][-1]
        body = newest.get_body(("plain",))
        assert body
        return str(re.findall(r"http\S+", body.get_content())[0])


@dataclass
class Site:
    """The running deployment: its public address, its processes and its post."""

    url: str
    up: Started
    post: Post


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Iterator[Site]:
    """nginx in front of two processes, on PostgreSQL and Redis, sending mail by SMTP."""
    servers.needed("nginx")
    folder = tmp_path_factory.mktemp("site")
    root = bake(ALL_ON, folder)
    smtp, post, port = servers.free_port(), Post(), servers.free_port()
    (folder / "redis").mkdir()
    controller = Controller(post, hostname="127.0.0.1", port=smtp)
    controller.start()
    with (
        servers.redis(folder / "redis") as redis,
        servers.postgres() as database,
    ):
        environment = clean_environment(
            PATH=f"{python.parent}:{os.environ['PATH']}:/usr/sbin",
            ENVIRONMENT="production",
            PUBLIC_URL=f"http://127.0.0.1:{port}",
            PORT=str(port),
            SECRET_KEY="k" * 40,
            REDIS_URL=redis,
            DATABASE_URL=database,
            MAIL_URL=f"smtp://127.0.0.1:{smtp}",
        )
        migrate = [str(python), "-m", "app", "migrate"]
        subprocess.run(migrate, cwd=root, env=environment, check=True)
        url = environment["PUBLIC_URL"]
        with started([str(python), "nginx/up"], root, environment, says=url) as up:
            servers.await_(lambda: healthy(url), "nginx")
            yield Site(url, up, post)
            up.process.send_signal(signal.SIGTERM)
            assert up.process.wait(30) == 0, "".join(up.log[-50:])
    controller.stop()


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def log_in_anew(page: Page, site: Site, address: str) -> None:
    """Register, follow the link in the mail, and log in: as a person does."""
    page.goto(f"{site.url}/auth/register")
    picture(page, "register")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("We have sent you a mail")
    page.goto(site.post.link_for(address))
    picture(page, "confirm")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("confirmed")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    picture(page, "login")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("navigation").first).to_contain_text(address)


@pytest.mark.xdist_group("site")
def test_a_person_registers_speaks_and_changes_the_language(site: Site, browser: Browser) -> None:
    faults: list[str] = []
    ada, bob = (browser.new_context(locale="en").new_page() for _ in range(2))
    for page in (ada, bob):
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
    ada.goto(site.url)
    picture(ada, "home")
    log_in_anew(ada, site, "ada@example.com")
    log_in_anew(bob, site, "bob@example.com")
    for page in (ada, bob):
        page.goto(f"{site.url}/rooms/lobby")
    say(ada, "Hello, Bob. <b>Is this bold?</b>")
    for page in (ada, bob):
        expect(page.get_by_role("log")).to_contain_text("Hello, Bob. <b>Is this bold?</b>")
    say(bob, "No.")
    for page in (ada, bob):
        expect(page.get_by_role("log")).to_contain_text("No.")
        expect(page.get_by_text("ada@example.com").first).to_be_visible()
        expect(page.get_by_text("bob@example.com").first).to_be_visible()
    picture(ada, "room")
    switch_language(ada)
    ada.goto(f"{site.url}/auth/me")
    picture(ada, "account-zh")
    ada.goto(f"{site.url}/nowhere")
    picture(ada, "not-found-zh")
    assert [fault for fault in faults if "404" not in fault] == []


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox").fill(text)
    page.get_by_role("textbox").press("Enter")


def switch_language(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", re.compile("zh"))


@pytest.mark.xdist_group("site")
def test_the_dependencies_are_those_that_were_given(site: Site) -> None:
    """Through nginx readiness is hidden, so a process is asked on its own socket."""
    (socket, *_) = sockets(site)
    transport = httpx.HTTPTransport(uds=str(socket))
    with httpx.Client(transport=transport, base_url="http://127.0.0.1") as client:
        ready = client.get("/health/ready")
    assert ready.json()["checks"] == {"database": "ok", "redis": "ok"}
    assert httpx.get(f"{site.url}/health/ready").status_code == 404
    assert httpx.get(f"{site.url}/metrics").status_code == 404


def sockets(site: Site) -> list[Path]:
    """The socket files that the children of this `nginx/up` listen on."""
    pid = site.up.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    listing = subprocess.run(["ss", "-xlpH"], capture_output=True, text=True, check=True).stdout
    listening = re.findall(r"(/\S+\.sock)\b.*\bpid=(\d+)", listing)
    return [Path(path) for path, by in listening if by in children]
