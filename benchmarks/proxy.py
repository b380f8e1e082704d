"""The project behind nginx, against one process of it that is reached directly.

Usage: python benchmarks/proxy.py [rounds]. Needs uv, wrk, redis-server, nginx and openssl. Two
processes behind nginx on two cores, and static files by nginx with TLS: the load client shares the
cores, connections are kept, the rounds are interleaved, and only the ratios carry over.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common import (
    bake,
    free_port,
    install,
    migrate,
    production,
    requests_per_second,
    server,
    summary,
)

CORES = "0,1"
CERTIFICATE = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"]
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
FILE = "/static/style.css"


@contextmanager
def one_process(python: str, project: Path, redis: int, cores: str) -> Iterator[str]:
    """The URL of one process in production."""
    port = free_port()
    command = ["taskset", "-c", cores, python, "-m", "app"]
    with server(port, command, project / "one.log", **production(port, redis)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def behind_nginx(
    python: str, project: Path, redis: int, cores: str, processes: int
) -> Iterator[str]:
    """The URL of nginx with so many processes in production, all on these cores."""
    port = free_port()
    command = ["taskset", "-c", cores, python, "nginx/up"]
    settings = production(port, redis) | {"WORKERS": str(processes)}
    with server(port, command, project / "up.log", **settings):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def with_tls(folder: Path, project: Path, upstream: str, cores: str) -> Iterator[str]:
    """The URL of nginx as on a server, with a certificate of its own."""
    port, conf = free_port(), shutil.copytree(project / "nginx", folder / "tls")
    for context, text in site(conf, project, port, upstream).items():
        (conf / f"site/{context}.conf").write_text(text)
    key = ["-keyout", f"{conf}/privkey.pem", "-out", f"{conf}/fullchain.pem"]
    subprocess.run(["openssl", "req", "-x509", *CERTIFICATE, *key], check=True, capture_output=True)
    command = ["taskset", "-c", cores, nginx(), "-e", "stderr", "-p", str(conf)]
    with server(
        port, [*command, "-c", str(conf / "nginx.conf"), "-g", "daemon off;"], folder / "tls.log"
    ):
        yield f"https://127.0.0.1:{port}"


def nginx() -> str:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit("no nginx")


def site(folder: Path, project: Path, port: int, upstream: str) -> dict[str, str]:
    """What nginx's contexts hold in this place."""
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in KINDS)
    return {
        # As root nginx would become a user who may not enter the folder.
        "main": f"pid {folder}/nginx.pid;\n" + "user root;\n" * (os.geteuid() == 0),
        "http": f"access_log {folder}/access.log json;\n{temporary}\n",
        "upstream": f"server {upstream.removeprefix('http://')} max_fails=0;\n",
        "server": f"listen 127.0.0.1:{port} ssl;\nset $project {project};\n"
        f"ssl_certificate {folder}/fullchain.pem;\nssl_certificate_key {folder}/privkey.pem;\n",
    }


def one_round(one: str, fleet: str, tls: str) -> tuple[float, float]:
    """The ratios of `/hello` behind nginx and of a file with TLS, each to the one process."""
    urls = (f"{one}/hello", f"{fleet}/hello", one + FILE, tls + FILE)
    rates = [requests_per_second(url, cores=CORES) for url in urls]
    print("/hello {:.0f}/s and {:.0f}/s, a file {:.0f}/s and {:.0f}/s".format(*rates), flush=True)
    return rates[1] / rates[0], rates[3] / rates[2]


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, redis = Path(name), free_port()
        project = bake(folder)
        python = str(install(project, folder / "venv"))
        store = ["redis-server", "--port", str(redis), "--save", ""]
        stack.enter_context(server(redis, store, folder / "redis.log"))
        migrate(python, project, redis)
        one = stack.enter_context(one_process(python, project, redis, CORES))
        fleet = stack.enter_context(behind_nginx(python, project, redis, CORES, 2))
        tls = stack.enter_context(with_tls(folder, project, one, CORES))
        ratios = [one_round(one, fleet, tls) for _ in range(rounds)]
        hello, files = zip(*ratios, strict=True)
        print(summary("/hello of two processes behind nginx x one process", hello))
        print(summary("a file by nginx with TLS x by one process without", files))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
