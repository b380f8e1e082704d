"""The processes behind one address: instances of the service, their rolling restart, and nginx."""

import asyncio
import os
import shutil
import signal
import sys
import threading
import time
from asyncio.subprocess import Process
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv/bin/python"
PYTHON = str(VENV) if VENV.exists() else sys.executable
"""What runs the service."""
PROGRAM = f"nginx/{Path(sys.argv[0]).name}"
READY_SECONDS, POLL_SECONDS = 30, 0.1
STOP_SECONDS = 60
"""More than DRAIN_SECONDS (10) and what ends after that."""


class Failure(Exception):
    """Why there is no going on, in one line, and the exit code."""

    def __init__(self, line: str, code: int = 1) -> None:
        super().__init__(line)
        self.code = code


def say(line: object) -> None:
    print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)


def run(program: Coroutine[None, None, None]) -> None:
    """Run it; a `Failure` is its last line and gives its exit code."""
    try:
        asyncio.run(program)
    except Failure as failure:
        say(failure)
        sys.exit(failure.code)


class Instance:
    """One process of the service, on a unix socket of its own; who runs it is said by `replace`."""

    detail = ""
    """What is said of it besides."""

    def __init__(self, number: str, folder: Path) -> None:
        self.name, self.socket = f"instance {number}", folder / f"{number}.sock"
        self.lock = asyncio.Lock()
        """Held while it is not as it should be on purpose."""

    async def replace(self) -> None:
        """End the process, its socket first so that nginx brings nothing new, and start another.

        Raises `Failure`.
        """
        raise NotImplementedError

    def ended(self) -> int | None:
        """The exit code of a process that it is no use to wait for."""
        return None

    async def restart(self) -> None:
        """Replace the process and wait until it is ready; raises `Failure`."""
        async with self.lock:
            await self.replace()
            await self.ready()

    async def ready(self) -> None:
        """Wait until it says that it is ready; raises `Failure`."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await self._is_ready():
                    if (code := self.ended()) is not None:
                        raise Failure(f"{self.name} has ended with {code}", max(code, 1))
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            self.socket.unlink(missing_ok=True)  # nginx is to ask those that are ready
            late = f"{self.name} is not ready after {READY_SECONDS} seconds, its log says why"
            raise Failure(late) from None
        say(f"{self.name} is ready{self.detail}")

    async def _is_ready(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket)
            writer.write(b"GET /health/ready HTTP/1.0\r\n\r\n")
            status = await reader.readline()
            writer.close()
        except OSError:
            return False
        return status.split()[1:2] == [b"200"]


async def roll(instances: Iterable[Instance]) -> None:
    """Restart all of them; raises `Failure` at the first that does not become ready."""
    for instance in instances:
        try:
            await instance.restart()
        except Failure as failure:
            raise Failure(f"{failure}, the rest is left as it is", failure.code) from None
    say("all instances are restarted")


def copy_to_output(pipe: int) -> None:
    """Pass the access log on. nginx opens `/dev/stdout` by its name, which may not be allowed."""
    while chunk := os.read(pipe, 65536):
        with suppress(OSError):  # on a full disk: who does not read on would hold nginx up
            while chunk:
                chunk = chunk[os.write(1, chunk) :]


class Child:
    """A process in a session of its own, so that Ctrl-C ends only who started it."""

    process: Process | None = None

    async def spawn(self, *command: str, **options: Any) -> Process:
        self.process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, start_new_session=True, **options
        )
        return self.process

    async def end(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end and, when that takes too long, insist."""
        if self.process and self.process.returncode is None:
            self.process.send_signal(number)
            await asyncio.wait({asyncio.create_task(self.process.wait())}, timeout=STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """End it now, with all that it has started."""
        if self.process and self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)


class Worker(Child, Instance):
    """An instance that is a process of ours."""

    def __init__(self, number: int, folder: Path, **environment: str) -> None:
        super().__init__(str(number), folder)
        own = {"INSTANCE": str(number), "UNIX_SOCKET": str(self.socket)}
        shared = {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
        self._environment = os.environ | environment | own | shared

    async def start(self) -> None:
        """Start the process and wait until it is ready; raises `Failure`."""
        await self._begin()
        await self.ready()

    async def replace(self) -> None:
        self.socket.unlink(missing_ok=True)
        await self.end()
        await self._begin()

    async def _begin(self) -> None:
        process = await self.spawn(PYTHON, "-m", "app", env=self._environment)
        self.detail = f" (pid {process.pid})"

    def ended(self) -> int | None:
        return self.process.returncode if self.process else None

    async def keep(self) -> None:
        """Start the process again whenever it ends by itself, less eagerly if it does so soon."""
        delay = 0.1
        while self.process:
            started = time.monotonic()
            await self.process.wait()
            async with self.lock:
                if self.process.returncode is None:
                    continue  # it was restarted on purpose
                delay = 0.1 if time.monotonic() - started > 60 else min(2 * delay, 10)
                say(f"{self.name} has ended with {self.process.returncode}, again in {delay} s")
                await asyncio.sleep(delay)
                try:
                    await self.start()
                except Failure as failure:
                    say(failure)


class Proxy(Child):
    """The real nginx, configured as on a server but for what is in `site`."""

    def __init__(
        self, folder: Path, program: str, address: str, names: str, sockets: list[Path]
    ) -> None:
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        found = shutil.which(program, path=path)
        if found is None:
            raise Failure("nginx is not installed (on Debian: apt-get install nginx-light)")
        self._pid = folder / "nginx.pid"
        self._command = [found, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        for file in (ROOT / "nginx").iterdir():
            if file.name != "site":
                (folder / file.name).symlink_to(file)
        self._write_site(folder / "site", address, names, sockets)

    def _write_site(self, folder: Path, address: str, names: str, sockets: list[Path]) -> None:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        strangers = f"server {{ listen {address} default_server; include strangers.conf; }}"
        temporary = [f"{kind}_temp_path tmp_{kind};" for kind in kinds]
        server = [f"listen {address};", f"server_name {names};"]
        site = {
            # One process of nginx passes on what four of the service answer.
            "main": [f"pid {self._pid};", f"worker_processes {len(sockets) // 4 + 1};"],
            "http": ["access_log /dev/stdout json buffer=64k flush=200ms;", *temporary, strangers],
            "upstream": [f"server unix:{socket} max_fails=0;" for socket in sockets],
            "server": [*server, f'set $project "{ROOT}";'],
        }
        if os.geteuid() == 0:
            site["main"].append("user root;")  # nginx's own user may not enter the folder
        folder.mkdir()
        for context, lines in site.items():
            (folder / f"{context}.conf").write_text("\n".join(lines) + "\n")

    async def start(self) -> None:
        """Start nginx and wait until it listens; raises `Failure`."""
        read, write = os.pipe()
        process = await self.spawn(*self._command, "-g", "daemon off;", stdout=write)
        os.close(write)
        self._log = threading.Thread(target=copy_to_output, args=(read,), daemon=True)
        self._log.start()
        while not self._pid.exists():
            if process.returncode is not None:
                raise Failure("nginx does not start")
            await asyncio.sleep(0.02)

    async def end(self, number: int = signal.SIGQUIT) -> None:
        """Finish what is under way, and the log."""
        await super().end(number)
        if self.process:
            self._log.join(1)

    async def watch(self) -> None:
        """Raises `Failure` when nginx ends."""
        if self.process:
            raise Failure(f"nginx has ended with {await self.process.wait()}")
