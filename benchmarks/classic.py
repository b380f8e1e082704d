"""The table of Tornado's first overview (2009), on this machine: this project and today's peers.

Usage: python benchmarks/classic.py [rounds [requests]]; `1 2000` is a quick look. Needs uv, ab,
wrk, nginx, redis-server and openssl (Debian: apache2-utils wrk nginx-light redis-server openssl).
Everybody may use all cores, the client too. The requests of `ab -n 100000 -c 25` are spread over
the rounds, which are interleaved; only the ratios carry over. Writes docs/benchmarks.md and .svg.
"""

import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from common import bake, free_port, install, migrate, requests_per_second, server
from hello import BARE
from proxy import FILE, behind_nginx, one_process, with_tls
from report import Result, write

HERE = Path(__file__).parent
AFFINITY = sorted(os.sched_getaffinity(0))
CORES, N = ",".join(map(str, AFFINITY)), len(AFFINITY)
PEERS = ("django", "flask", "fastapi", "uvicorn[standard]", "gunicorn")
GUNICORN = ["gunicorn", "--chdir", str(HERE), "--worker-class", "gthread", "--threads", "4"]
UVICORN = ["uvicorn", "--app-dir", str(HERE), "--factory", "--no-access-log"]
"""With what uvicorn itself recommends, uvloop and httptools, and without a log, as gunicorn is."""
ONE = "this project, one process"


def commands(port: int, workers: int) -> dict[str, list[str]]:
    """How each peer's own documentation runs it in production."""
    gunicorn = [*GUNICORN, "--workers", str(workers), "--bind", f"127.0.0.1:{port}"]
    uvicorn = [*UVICORN, "--workers", str(workers), "--port", str(port)]
    return {
        "FastAPI on uvicorn": [*uvicorn, "frameworks:fastapi"],
        "Flask on gunicorn": [*gunicorn, "frameworks:flask()"],
        "Django on gunicorn": [*gunicorn, "frameworks:django()"],
    }


class Field:
    """All contestants, each running while the block lasts, with what they share."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.project, self._folder, self._stack = bake(folder), folder, stack
        self.python = str(install(self.project, folder / "venv", *PEERS))
        redis, python, project = free_port(), self.python, self.project
        self._run("redis", redis, ["redis-server", "--port", str(redis), "--save", ""])
        migrate(python, project, redis)
        enter = stack.enter_context
        fleet = enter(behind_nginx(python, project, redis, CORES, N))
        one = enter(one_process(python, project, redis, CORES))
        self.tls = enter(with_tls(folder, project, one, CORES))
        bare = free_port()
        self.urls = {
            f"this project, nginx + {N} processes": fleet,
            ONE: one,
            "bare Tornado, one process": self._run("bare", bare, [python, "-c", BARE, str(bare)]),
        }
        for workers in {1: "one worker", N: f"{N} workers"}.items():
            self._peers(*workers)

    def _peers(self, workers: int, how_many: str) -> None:
        for name in commands(0, 0):
            port = free_port()
            command = [self.python, "-m", *commands(port, workers)[name]]
            self.urls[f"{name}, {how_many}"] = self._run(f"{name} {workers}", port, command)

    def _run(self, name: str, port: int, command: list[str]) -> str:
        command = ["taskset", "-c", CORES, *command]
        self._stack.enter_context(server(port, command, self._folder / f"{name}.log"))
        return f"http://127.0.0.1:{port}"


def by_ab(url: str, requests: int) -> float:
    """Requests per second, each over a connection of its own, as the original has measured."""
    command = ["ab", "-q", "-n", str(requests), "-c", "25", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or not re.search(r"Failed requests:\s+0\n", said):
        sys.exit(said)
    return float(re.findall(r"Requests per second:\s+([\d.]+)", said)[0])


def one_round(field: Field, requests: int, result: Result) -> None:
    for name, url in field.urls.items():
        ab = by_ab(f"{url}/hello", requests)
        wrk = requests_per_second(f"{url}/hello", cores=CORES)
        result.hello.setdefault(name, []).append((ab, wrk))
        print(f"{name}: ab {ab:,.0f}/s, wrk {wrk:,.0f}/s", flush=True)
    urls = (field.urls[ONE] + FILE, field.tls + FILE)
    plain, tls = (requests_per_second(url, cores=CORES) for url in urls)
    result.files.append((plain, tls))
    print(f"a file: {plain:,.0f}/s, with TLS by nginx {tls:,.0f}/s", flush=True)


def main(rounds: int, requests: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        field = Field(Path(name), stack)
        result = Result(ONE, rounds, requests)
        for _ in range(rounds):
            one_round(field, requests // rounds, result)
        print(write(result, field.python, PEERS))


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(*given, *(5, 100_000)[len(given) :]))
