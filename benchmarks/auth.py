"""Accounts: what knowing who asks costs, and what logins cost the others.

Usage: python benchmarks/auth.py [rounds]. Needs uv and wrk. `/auth/me` with a session against
`/hello`, interleaved, server and client each on a core; then, on all cores, the latency of others
while 10 people a second log in, and the memory that 200 logins at once take.
"""

import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from common import bake, free_port, install, requests_per_second, server, summary

PERSON = {"email": "ada@example.com", "password": "correct horse battery staple"}
LOGINS_PER_SECOND, AT_ONCE = 10, 200


@contextmanager
def service(python: str, project: Path, environment: str, pinned: bool = True) -> Iterator[str]:
    """The URL of the project in this environment; both use one database."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "ENVIRONMENT": environment,
        "PORT": str(port),
        "PUBLIC_URL": url,
        "SECRET_KEY": "k" * 40,
        "LOG_FORMAT": "json",
        "AUTH_ATTEMPTS_PER_ACCOUNT": "0",
        "AUTH_ATTEMPTS_PER_ADDRESS": "0",
    }
    cores = [] if pinned else ["taskset", "-c", "0,1"]
    command = [*cores, python, "-m", "app"]
    with server(port, command, project / f"{environment}.log", **settings):
        yield url


def register(url: str) -> None:
    httpx.post(f"{url}/auth/register", json=PERSON).raise_for_status()
    (token,) = re.findall(r"token=(\S+)", httpx.get(f"{url}/dev/mail").json()[0]["text"])
    httpx.post(f"{url}/auth/confirm", json={"token": token}).raise_for_status()


def who_asks(url: str, rounds: int) -> None:
    """`/auth/me` with a session x `/hello`."""
    session = httpx.post(f"{url}/auth/login", json=PERSON).raise_for_status().cookies["session"]
    ratios = []
    for _ in range(rounds):
        hello = requests_per_second(f"{url}/hello")
        me = requests_per_second(f"{url}/auth/me", "-H", f"Cookie: session={session}")
        ratios.append(me / hello)
        print(f"/hello {hello:.0f}/s, /auth/me {me:.0f}/s, ratio {me / hello:.2f}", flush=True)
    print(summary("/auth/me with a session x /hello", ratios))


async def while_others_log_in(url: str, logins_per_second: int) -> None:
    """Print the latency of `/hello` while so many log in."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        end, took, logins = time.perf_counter() + 10, list[float](), list[asyncio.Task[float]]()
        last = 0.0
        while (moment := time.perf_counter()) < end:
            if logins_per_second and moment - last > 1 / logins_per_second:
                last = moment
                logins.append(asyncio.create_task(log_in(url)))
            before = time.perf_counter()
            (await client.get("/hello")).raise_for_status()
            took.append(time.perf_counter() - before)
            await asyncio.sleep(0.005)
        each = await asyncio.gather(*logins)
    p50, p99 = (1000 * statistics.quantiles(took, n=100)[i] for i in (49, 98))
    text = f"{logins_per_second} logins a second: /hello p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    print(text + (f"; a login {1000 * statistics.median(each):.0f} ms" if each else ""))


async def log_in(url: str) -> float:
    """Log in by a process of its own, so that the client's work is not taken for the server's."""
    curl = ["curl", "-sf", "-o", "/dev/null", "-w", "%{time_total}", "-d"]
    body = "&".join(f"{key}={value.replace(' ', '+')}" for key, value in PERSON.items())
    process = await asyncio.create_subprocess_exec(
        *curl, body, f"{url}/auth/login", stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        sys.exit(f"curl ended with {process.returncode}")
    return float(said)


async def at_once(url: str) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as client:
        logins = (client.post("/auth/login", json=PERSON) for _ in range(AT_ONCE))
        for answer in await asyncio.gather(*logins):
            answer.raise_for_status()


def memory(url: str, kind: str) -> float:
    """MiB of the process that listens there: `VmRSS`, now, or `VmHWM`, at most."""
    port = url.rpartition(":")[2]
    said = subprocess.run(["ss", "-ltnpH", f"sport = :{port}"], capture_output=True, text=True)
    (pid,) = set(re.findall(r"pid=(\d+)", said.stdout))
    (kib,) = re.findall(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kib) / 1024


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = bake(folder, "use_redis=false")
        python = str(install(project, folder / "venv"))
        with service(python, project, "development") as url:
            register(url)
        with service(python, project, "production") as url:
            who_asks(url, rounds)
        with service(python, project, "production", pinned=False) as url:
            httpx.post(f"{url}/auth/login", json=PERSON).raise_for_status()
            for logins in (0, LOGINS_PER_SECOND):
                asyncio.run(while_others_log_in(url, logins))
            before = memory(url, "VmRSS")
            asyncio.run(at_once(url))
            more = memory(url, "VmHWM") - before
            print(f"{AT_ONCE} logins at once: {more:.0f} MiB more than {before:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
