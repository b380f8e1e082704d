"""One room with 1,000 clients: the project's sockets against the usual ways of Tornado and peers.

Usage: python benchmarks/fanout.py [rounds]. Needs uv and redis-server. Every server takes JSON,
gives each message an id and a time, and sends it to all, by TCP and, as behind nginx, by unix
sockets; it has the first core, and the crowd (`crowd.py`) the second, with Redis. The rounds are
interleaved; only the ratios carry over.
"""

import json
import resource
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from typing import Any

from common import bake, free_port, install, server, summary

HERE = Path(__file__).parent
CLIENTS, SECONDS = 1000, 4
TRANSPORTS, IN_FLIGHT = ("tcp", "unix"), (8, 1)
PEERS = ("naive", "aiohttp", "websockets")
OURS = {"project": "use_redis=false", "project with redis": "use_redis=true"}
Figures = dict[tuple[str, str, int], float]
"""Deliveries per second by contestant, transport and messages in flight."""


def run(
    name: str, address: str | int, python: str, folder: Path, redis: int
) -> AbstractContextManager[None]:
    """What runs this contestant."""
    if name in PEERS:
        command = [python, str(HERE / "peers.py"), name, str(address)]
        return server(address, command, folder / f"{name}.log")
    environment = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": "k" * 40,
        "PORT" if isinstance(address, int) else "UNIX_SOCKET": str(address),
        "PUBLIC_URL": "http://127.0.0.1",
        "LOG_FORMAT": "json",
        "JOBS": "off",
        "WEBSOCKET_MESSAGES_PER_MINUTE": "0",
        "WEBSOCKET_SOCKETS_PER_ADDRESS": "0",
        "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
    }
    log = folder / name / "my-service" / "log"
    return server(address, [python, "-m", "app"], log, **environment)


def crowd(address: str | int, in_flight: int) -> dict[str, Any]:
    """What the crowd has seen."""
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "crowd.py"), str(address)]
    counts = [str(CLIENTS), str(in_flight), str(SECONDS)]
    said = subprocess.run([*command, *counts], check=True, capture_output=True, text=True).stdout
    return dict(json.loads(said))


def one_round(number: int, python: str, folder: Path, redis: int) -> Figures:
    figures = {}
    for transport, name in product(TRANSPORTS, (*PEERS, *OURS)):
        path = folder / f"{number} {name}.sock"
        address = free_port() if transport == "tcp" else str(path)
        with run(name, address, python, folder, redis):
            for in_flight in IN_FLIGHT:
                seen = crowd(address, in_flight)
                figures[name, transport, in_flight] = seen["per_second"]
                print(
                    f"{transport}, {name}, {in_flight} in flight: {seen['per_second']:,.0f}/s, "
                    f"median {seen['median_ms']:.0f} ms, p99 {seen['p99_ms']:.0f} ms, "
                    f"crowd idle {seen['waited']:.0%}",
                    flush=True,
                )
    return figures


def report(rounds: list[Figures]) -> None:
    for transport, in_flight, ours, peer in product(TRANSPORTS, IN_FLIGHT, OURS, PEERS):
        ratios = [f[ours, transport, in_flight] / f[peer, transport, in_flight] for f in rounds]
        print(summary(f"{transport}, {in_flight} in flight, {ours} x {peer}", ratios))


def main(rounds: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with tempfile.TemporaryDirectory() as name:
        folder, redis = Path(name), free_port()
        projects = [bake(folder / name, "use_auth=false", answer) for name, answer in OURS.items()]
        python = str(install(projects[-1], folder / "venv", "aiohttp", "websockets"))
        command = ["redis-server", "--port", str(redis), "--save", ""]
        with subprocess.Popen(["taskset", "-c", "1", *command], stdout=subprocess.DEVNULL) as store:
            report([one_round(number, python, folder, redis) for number in range(rounds)])
            store.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 3)
