"""What the benchmarks share: a baked project in an environment of its own, load, and medians."""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 4


def bake(into: Path, *answers: str) -> Path:
    """The all-on project, but for the answers."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(into)]
    subprocess.run([*command, *answers], check=True, stdout=subprocess.DEVNULL)
    return into / "my-service"


def install(project: Path, venv: Path, *more: str) -> Path:
    """Install the project with all that it needs; gives the environment's interpreter."""
    python = venv / "bin/python"
    pip = ["pip", "install", "--compile-bytecode", "--python", str(python), "-e", ".", *more]
    for command in (["venv", str(venv)], pip):
        subprocess.run(["uv", "-q", *command], cwd=project, check=True)
    return python


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(address: str | int, command: list[str], log: Path, **environment: str) -> Iterator[None]:
    """Run pinned to the first core, with its output in a file, from when it listens."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["taskset", "-c", "0", *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            cwd=log.parent,
        ) as process,
    ):
        try:
            while not _answers(address):
                if process.poll() is not None:
                    sys.exit(f"it ended with {process.returncode}:\n{log.read_text()[-500:]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _answers(address: str | int) -> bool:
    """Whether somebody listens on the port, or on the unix socket of this path."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        where = ("127.0.0.1", address) if isinstance(address, int) else address
        return probe.connect_ex(where) == 0


def production(port: int, redis: int) -> dict[str, str]:
    """The settings of a service in production on this port, with Redis on that one."""
    return {
        "ENVIRONMENT": "production",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": "k" * 40,
        "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
    }


def migrate(python: str, folder: Path, redis: int) -> None:
    """Make the database in the folder; in production the service waits for this to be done."""
    command, settings = [python, "-m", "app", "migrate"], production(0, redis)
    subprocess.run(
        command, cwd=folder, env=os.environ | settings, check=True, stdout=subprocess.DEVNULL
    )


def requests_per_second(url: str, *more: str, cores: str = "1") -> float:
    """What 25 connections of wrk on these cores, which are kept, get answered."""
    wrk = ["taskset", "-c", cores, "wrk", "-t1", "-c25", f"-d{SECONDS}s", *more, url]
    said = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        sys.exit(said)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def summary(name: str, ratios: Sequence[float]) -> str:
    """The median ratio, and how far the rounds were apart."""
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    return f"{name}: {middle:.2f} ({low:.2f} to {high:.2f}, {len(ratios)} rounds)"
