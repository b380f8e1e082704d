"""Services with a handler of the tests' own, which shows what their cache and signals do."""

import re
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import clean_environment
from tests.processes import Started, started
from tests.servers import await_

PLAIN = ssl.create_default_context()
"""Given, as loading authorities anew for each request is slow."""
PASSWORD = "a long enough pass phrase"
PROBE = """
import asyncio
import os
from contextlib import asynccontextmanager

from app.handlers import Handler
from app.redis.cache import Cache

ENDED, UNSURE = [], []


class Remember(Handler):
    async def get(self):
        async def compute():
            with open("computed", "a") as file:
                file.write(f"{os.getpid()}\\n")
            await asyncio.sleep(float(self.get_query_argument("seconds", "0")))
            return os.getpid()

        key = self.get_query_argument("key")
        self.json({"by": await self.application.get(Cache).remember(key, 60, compute)})


class Heard(Handler):
    def get(self):
        self.json({"ended": ENDED, "unsure": len(UNSURE)})


@asynccontextmanager
async def lifespan(service):
    service.session_ended.connect(ENDED.append)
    service.sessions_unsure.connect(UNSURE.append)
    yield


ROUTES = [("/probe/remember", Remember), ("/probe/heard", Heard)]
"""
JOB = '''
from app.jobs import every


@every(seconds=1)
def tick(service):
    """Runs often."""
'''


def add_probe(root: Path) -> Path:
    """Write the handler, and a job that runs each second, into the project."""
    (root / "app/jobs/tasks/ticking.py").write_text(JOB)
    return add_feature(root, PROBE)


def add_feature(root: Path, source: str) -> Path:
    """Write a feature of the test's own, `app/probe.py`, into the project, before all others."""
    (root / "app/probe.py").write_text(source)
    main = root / "app/main.py"
    text = main.read_text().replace(
        "\nfrom app import", "\nfrom app import probe\nfrom app import", 1
    )
    main.write_text(re.sub(r"(FEATURES: .*= )\[", r"\1[probe, ", text))
    return root


@contextmanager
def serving(python: Path, root: Path, redis_url: str) -> Iterator[Started]:
    variables = {"PORT": "0", "LOG_FORMAT": "json", "DRAIN_SECONDS": "0", "REDIS_URL": redis_url}
    command = [str(python), "-m", "app"]
    with started(command, root, clean_environment(**variables)) as service:
        yield service


def get(service: Started, path: str, **more: Any) -> tuple[httpx.Response, float]:
    """The answer and the seconds that it took."""
    began = time.monotonic()
    answer = httpx.get(f"{service.url}{path}", timeout=15, verify=PLAIN, **more)
    return answer, time.monotonic() - began


def is_ready(service: Started) -> bool:
    """What the service says of itself; it says so in a second, and here the machine is loaded."""
    answer, seconds = get(service, "/health/ready")
    assert seconds < 1.5
    return answer.status_code == 200


def await_ready(service: Started) -> None:
    await_(lambda: is_ready(service), "readiness", 5)


def remember(service: Started, *keys: str, seconds: float = 0) -> list[tuple[int, float]]:
    """Ask for all the keys at once: which process computed each, and the seconds that it took."""

    def one(key: str) -> tuple[int, float]:
        answer, took = get(service, f"/probe/remember?key={key}&seconds={seconds}")
        return answer.raise_for_status().json()["by"], took

    with ThreadPoolExecutor(len(keys)) as threads:
        return list(threads.map(one, keys))


def heard(service: Started) -> dict[str, Any]:
    answer: dict[str, Any] = get(service, "/probe/heard")[0].json()
    return answer


def log_in(service: Started, email: str) -> httpx.Client:
    """Register, confirm and log in; the client holds the cookie."""
    client = httpx.Client(base_url=service.url, timeout=15, verify=PLAIN)
    given = {"email": email, "password": PASSWORD}
    client.post("/auth/register", json=given).raise_for_status()
    mail = client.get("/dev/mail").json()[0]["text"]
    (token,) = re.findall(r"token=(\S+)", mail)
    client.post("/auth/confirm", json={"token": token}).raise_for_status()
    client.post("/auth/login", json=given).raise_for_status()
    return client
