"""nginx in front of the processes, for `nginx/up`."""

import asyncio
import os
import shutil
import signal
import threading
from contextlib import suppress
from pathlib import Path

from processes import ROOT, Child, Failure


def copy_to_output(pipe: int) -> None:
    """Pass the access log on. nginx opens `/dev/stdout` by its name, which may not be allowed."""
    while chunk := os.read(pipe, 65536):
        with suppress(OSError):  # on a full disk: who does not read on would hold nginx up
            while chunk:
                chunk = chunk[os.write(1, chunk) :]


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
