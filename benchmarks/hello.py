"""`/hello` of the all-on project in production against a bare Tornado handler, by wrk.

Usage: python benchmarks/hello.py [rounds]. Needs uv, wrk and redis-server. The rounds are
interleaved, server and client each have a core, and only the ratio carries over to another machine.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common import bake, install, summary

SECONDS = 4
BARE = """
import asyncio, sys, tornado.web
class Hello(tornado.web.RequestHandler):
    def get(self):
        self.write({"message": "Hello, " + self.get_query_argument("name", "World") + "!"})
async def main():
    app = tornado.web.Application([("/hello", Hello)], log_function=lambda handler: None)
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()
asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(port: int, command: list[str], log: Path, **environment: str) -> Iterator[str]:
    """Run pinned to the first core, with its output in a file; gives the URL to ask."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["taskset", "-c", "0", *command],
            stdout=output,
            env=os.environ | environment,
            cwd=log.parent,
        ) as process,
    ):
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended with {process.returncode}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/hello"
        process.terminate()


def requests_per_second(url: str) -> float:
    wrk = ["taskset", "-c", "1", "wrk", "-t1", "-c25", f"-d{SECONDS}s", url]
    said = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        sys.exit(said)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        python = str(install(bake(folder, *sys.argv[2:]), folder / "venv"))
        redis, bare, full = free_port(), free_port(), free_port()
        redis_server = ["redis-server", "--port", str(redis), "--save", ""]
        stack.enter_context(server(redis, redis_server, folder / "redis.log"))
        bare_url = stack.enter_context(
            server(bare, [python, "-c", BARE, str(bare)], folder / "bare.log")
        )
        full_url = stack.enter_context(
            server(
                full,
                [python, "-m", "app"],
                folder / "full.log",
                ENVIRONMENT="production",
                PORT=str(full),
                PUBLIC_URL=f"http://127.0.0.1:{full}",
                SECRET_KEY="k" * 40,
                REDIS_URL=f"redis://127.0.0.1:{redis}/0",
            )
        )
        ratios = []
        for _ in range(rounds):
            low, high = requests_per_second(bare_url), requests_per_second(full_url)
            ratios.append(high / low)
            print(f"bare {low:.0f}/s, all on {high:.0f}/s, ratio {high / low:.2f}", flush=True)
        print(summary("/hello, all features on, x bare Tornado", ratios))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
