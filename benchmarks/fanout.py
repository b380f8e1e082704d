"""One room with 1,000 clients: the project's sockets against the usual ways of Tornado and peers.

Usage: python benchmarks/fanout.py [rounds]. Needs uv and redis-server. Every server takes JSON,
gives each message an id and a time, and sends it to all; it has the first core, and the crowd
(`crowd.py`) the second, with Redis. The rounds are interleaved; only the ratios carry over.
"""

import json
import resource
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from common import bake, free_port, install, server, summary

HERE = Path(__file__).parent
CLIENTS, SECONDS, IN_FLIGHT = 1000, 4, (8, 1)
PEERS = ("naive", "aiohttp", "websockets")
OURS = {"project": "use_redis=false", "project with redis": "use_redis=true"}


def run(
    name: str, python: str, folder: Path, redis: int
) -> tuple[int, AbstractContextManager[None]]:
    """The port of this contestant, and what runs it."""
    port = free_port()
    if name in PEERS:
        command = [python, str(HERE / "peers.py"), name, str(port)]
        return port, server(port, command, folder / f"{name}.log")
    environment = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": "k" * 40,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "LOG_FORMAT": "json",
        "JOBS": "off",
        "WEBSOCKET_MESSAGES_PER_MINUTE": "0",
        "WEBSOCKET_SOCKETS_PER_ADDRESS": "0",
        "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
    }
    log = folder / name / "my-service" / "log"
    return port, server(port, [python, "-m", "app"], log, **environment)


def crowd(port: int, in_flight: int) -> dict[str, Any]:
    """What the crowd has seen."""
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "crowd.py")]
    counts = [str(port), str(CLIENTS), str(in_flight), str(SECONDS)]
    said = subprocess.run([*command, *counts], check=True, capture_output=True, text=True).stdout
    return dict(json.loads(said))


def one_round(python: str, folder: Path, redis: int) -> dict[tuple[str, int], float]:
    """Deliveries per second of each contestant, by messages in flight."""
    figures = {}
    for name in (*PEERS, *OURS):
        port, running = run(name, python, folder, redis)
        with running:
            for in_flight in IN_FLIGHT:
                seen = crowd(port, in_flight)
                figures[name, in_flight] = seen["per_second"]
                print(
                    f"{name}, {in_flight} in flight: {seen['per_second']:,.0f}/s, "
                    f"median {seen['median_ms']:.0f} ms, p99 {seen['p99_ms']:.0f} ms, "
                    f"crowd idle {seen['waited']:.0%}",
                    flush=True,
                )
    return figures


def report(rounds: list[dict[tuple[str, int], float]]) -> None:
    for in_flight in IN_FLIGHT:
        for ours in OURS:
            for peer in PEERS:
                ratios = [figures[ours, in_flight] / figures[peer, in_flight] for figures in rounds]
                print(summary(f"{ours} x {peer}, {in_flight} in flight", ratios))


def main(rounds: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with tempfile.TemporaryDirectory() as name:
        folder, redis = Path(name), free_port()
        projects = [bake(folder / name, "use_auth=false", answer) for name, answer in OURS.items()]
        python = str(install(projects[-1], folder / "venv", "aiohttp", "websockets"))
        command = ["redis-server", "--port", str(redis), "--save", ""]
        with subprocess.Popen(["taskset", "-c", "1", *command], stdout=subprocess.DEVNULL) as store:
            report([one_round(python, folder, redis) for _ in range(rounds)])
            store.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 3)
