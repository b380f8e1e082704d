"""The configuration as it would be installed, but for places that only root may use."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.nginx.fixtures import ROOT, SECONDS, free_port, program

NAME = "example.com"
REQUEST = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
PORTS = ("80", "443", "8080", "9101")
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def certify(folder: Path) -> None:
    """An authority of our own, and by it the certificate of a server."""
    signed = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"]
    named = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    kinds = {
        "ca": ["-subj", "/CN=An authority"],
        "server": [*signed, *named, "-addext", "basicConstraints=critical,CA:FALSE"],
    }
    for stem, more in kinds.items():
        files = ["-keyout", f"{folder}/{stem}.key", "-out", f"{folder}/{stem}.pem", "-days", "1"]
        command = [program("openssl"), *REQUEST, *files, *more]
        subprocess.run(command, check=True, capture_output=True)


class Installed:
    """A site in a folder: its ports of the loopback by those that it is for, and its authority."""

    def __init__(
        self, site: str, folder: Path, project: Path = ROOT, service: str = "unix:/none"
    ) -> None:
        self.folder, self.ports = folder, {port: free_port() for port in PORTS}
        shutil.copytree(ROOT / "nginx", folder, dirs_exist_ok=True)
        if site != "site":
            shutil.copytree(ROOT / "nginx" / site, folder / "site", dirs_exist_ok=True)
        certify(folder)
        for file in (folder / "site").iterdir():
            file.write_text(self._here(file.read_text(), project, service))
        self._add("main", f"pid {folder}/nginx.pid;", *["user root;"] * (os.geteuid() == 0))
        self._add("http", "access_log off;", *(f"{k}_temp_path {folder}/{k};" for k in TEMPORARY))

    def _here(self, text: str, project: Path, service: str) -> str:
        for pattern, new in {
            r"(?m)^(pid|user|access_log|resolver|.*_temp_path) .*": "",
            r"/etc/letsencrypt/live/[^/]+/fullchain": f"{self.folder}/server",
            r"/etc/letsencrypt/live/[^/]+/privkey\.pem": f"{self.folder}/server.key",
            r"set \$project .*;": f'set $project "{project}";',
            # Docker's DNS is not here, and nginx asks again for a name only since 1.27.3.
            r"server (unix:\S+|service:8000 resolve)": f"server {service}",
        }.items():
            text = re.sub(pattern, new, text)
        return re.sub(r"listen (?:127\.0\.0\.1:|(\[::\]:))?(\d+)", self._listen, text)

    def _listen(self, found: re.Match[str]) -> str:
        return f"listen {'[::1]' if found[1] else '127.0.0.1'}:{self.ports[found[2]]}"

    def _add(self, context: str, *lines: str) -> None:
        with (self.folder / f"site/{context}.conf").open("a") as file:
            file.write("\n".join(lines) + "\n")

    @property
    def command(self) -> list[str]:
        conf = self.folder / "nginx.conf"
        return [program("nginx"), "-e", "stderr", "-p", str(self.folder), "-c", str(conf)]

    @property
    def trust(self) -> ssl.SSLContext:
        """What believes its authority and no other."""
        return ssl.create_default_context(cafile=self.folder / "ca.pem")

    @contextmanager
    def running(self) -> Iterator["Installed"]:
        """The real nginx, as an ordinary user, from when it listens."""
        with subprocess.Popen([*self.command, "-g", "daemon off;"]) as process:
            try:
                while not (self.folder / "nginx.pid").exists():
                    assert process.poll() is None, "nginx does not start"
                    time.sleep(0.02)
                yield self
            finally:
                process.terminate()
                process.wait(SECONDS)
