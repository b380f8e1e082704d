"""Real servers for the tests, each on a free port of the loopback and in a folder of its own."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest


def free_port() -> int:
    """One that no outgoing connection has meanwhile: those get higher ones by themselves."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def needed(program: str, *places: str) -> str:
    """The program's path; without it the test is skipped, and fails where CI=true."""
    found = shutil.which(program, path=":".join([os.environ["PATH"], "/usr/sbin", *places]))
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{program} is needed")
    return str(found)


def await_(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.05)


def answers_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


KEEPING = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")


class RedisServer:
    """A Redis server that can be killed, stopped and started again on its port.

    What it was told is on disk before it answers; `start(lose=True)` begins empty.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.port, self._options = folder, free_port(), options
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._program = needed("redis-server")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, lose: bool = False) -> None:
        """Start, and wait until it answers."""
        if lose:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        command = [
            self._program, *self._options, "--port", str(self.port), "--dir", str(self.folder),
            *(KEEPING if "--sentinel" not in self._options else ()),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        await_(lambda: self.cli("PING") == "PONG", "redis-server")

    def kill(self) -> None:
        """End it as `kill -9` does, also while it is stopped; nothing if it does not run."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Let it hang: the kernel takes what it is sent, and nothing answers."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def cli(self, *command: str) -> str:
        """What redis-cli prints for this command; an error is printed, too."""
        cli = [needed("redis-cli"), "-p", str(self.port), *command]
        return subprocess.run(cli, capture_output=True, text=True, timeout=10).stdout.strip()


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A running Redis server for what the test does to it; `options` are its command line's."""
    server = RedisServer(folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def sentinel(folder: Path, master: RedisServer, service: str = "main") -> Iterator[RedisServer]:
    """A sentinel that watches this master and, alone, decides on a failover within a second."""
    folder.mkdir(parents=True)
    config = folder / "sentinel.conf"
    config.write_text(
        f"sentinel monitor {service} 127.0.0.1 {master.port} 1\n"
        f"sentinel down-after-milliseconds {service} 500\n"
        f"sentinel failover-timeout {service} 2000\n"
    )
    with redis_server(folder, str(config), "--sentinel") as server:
        yield server


@contextmanager
def redis_cluster(folder: Path, size: int = 3) -> Iterator[list[RedisServer]]:
    """The masters of a cluster, without replicas."""
    with ExitStack() as stack:
        folder.mkdir(parents=True)
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port")
        nodes = [
            stack.enter_context(redis_server(folder / str(n), *options, str(free_port())))
            for n in range(size)
        ]
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        nodes[0].cli("--cluster", "create", *addresses, "--cluster-yes")
        up = "cluster_state:ok"
        await_(lambda: all(up in node.cli("CLUSTER", "INFO") for node in nodes), "the cluster")
        yield nodes


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server; gives its address."""
    with redis_server(folder) as server:
        yield server.url


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server, run as the user postgres when we are root; gives its address.

    Not in pytest's folders, which each new run of pytest closes to other users.
    """
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    initdb, server = needed("initdb", *places), needed("postgres", *places)
    user = pwd.getpwnam("postgres").pw_uid if os.getuid() == 0 else None
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        if user is not None:
            os.chown(folder, user, -1)
        subprocess.run(
            [initdb, "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "--no-sync"],
            user=user, check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        command = [server, "-D", f"{folder}/data", "-p", str(port), "-k", folder, "-F"]
        with subprocess.Popen(
            [*command, "-h", "127.0.0.1"],
            user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            await_(lambda: answers_on(port), "PostgreSQL")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
            process.terminate()
