"""A full disk: what must be written is answered by 503, the rest goes on, and so does all later."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests import servers
from tests.combinations import bake
from tests.conftest import clean_environment
from tests.probing import log_in
from tests.processes import Started, started

OWN_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=2m none "$0" && exec "$@"']
"""Runs the command with a small disk of its own as the folder `$0`."""

MOUNTS = subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0
Switch = Callable[[bool], None]
"""Fills the disk, or empties it."""


def test_who_cannot_write_says_503_until_there_is_space(python: Path, tmp_path: Path) -> None:
    root = bake(frozenset({"auth"}), tmp_path / "baked")
    with on_small_disk(root, python, tmp_path) as (service, full):
        ada = log_in(service, "ada@example.com")
        tokens = add_tokens(ada)
        assert next(tokens).status_code == 201
        full(True)
        refused = next(answer for answer in tokens if answer.status_code != 201)
        assert refused.status_code == 503
        assert refused.headers["Content-Type"].startswith("application/problem+json")
        assert ada.get("/auth/me").status_code == 200
        assert ada.get("/health/live").status_code == 200
        full(False)
        assert next(tokens).status_code == 201
        names = [each["name"] for each in ada.get("/auth/tokens").json()["tokens"]]
        assert len(names) == len(set(names))
    assert "Traceback" not in "".join(service.log)


@pytest.mark.skipif(not MOUNTS, reason="nobody may mount a disk here")
def test_metrics_are_not_shared_where_there_is_no_room(python: Path, tmp_path: Path) -> None:
    root = bake(frozenset(), tmp_path / "baked")
    (disk := tmp_path / "disk").mkdir()
    told = subprocess.run(
        [*OWN_DISK, disk, python, "-c", "from app.metrics import SHARED; print(SHARED)"],
        cwd=root,
        env=clean_environment(PROMETHEUS_MULTIPROC_DIR=str(disk)),
        capture_output=True,
        text=True,
    )
    assert told.stdout == "False\n"
    assert told.stderr == "metrics are not shared: No space left on device\n"


def test_nginx_serves_when_its_log_cannot_be_written(python: Path, tmp_path: Path) -> None:
    servers.needed("nginx")
    root = bake(frozenset({"nginx"}), tmp_path)
    port = str(servers.free_port())
    path = f"{python.parent}:{os.environ['PATH']}:/usr/sbin"
    environment = clean_environment(PATH=path, PORT=port, WORKERS="1", LOG_LEVEL="error")
    with (
        open("/dev/full", "w") as full,
        subprocess.Popen([python, "nginx/up"], cwd=root, env=environment, stdout=full) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        servers.await_(lambda: servers.answers_on(int(port)), "nginx")
        try:
            for _ in range(1500):  # more than nginx and a pipe hold lines of
                assert client.get("/hello").status_code == 200
        finally:
            process.terminate()


def add_tokens(client: httpx.Client) -> Iterator[httpx.Response]:
    """Write something more for each answer."""
    for number in range(1000):
        yield client.post("/auth/tokens", json={"name": f"token {number}"})


@contextmanager
def on_small_disk(root: Path, python: Path, folder: Path) -> Iterator[tuple[Started, Switch]]:
    """A service whose database is on a disk of two MiB; where nobody may mount one, files end."""
    data = folder / "data"
    data.mkdir()
    environment = clean_environment(
        PORT="0", LOG_FORMAT="json", DATABASE_URL=f"sqlite:///{data}/app.db"
    )
    command = [*([*OWN_DISK, str(data)] if MOUNTS else []), str(python), "-m", "app"]
    with started(command, root, environment) as service:
        pid = service.process.pid
        filler = Path(f"/proc/{pid}/root{data}/filler")
        yield service, lambda full: fill(filler, full) if MOUNTS else limit(pid, data, full)


def fill(filler: Path, full: bool) -> None:
    if not full:
        filler.unlink()
        return
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def limit(pid: int, folder: Path, full: bool) -> None:
    """Let no file grow over the largest that there is."""
    most = max(file.stat().st_size for file in folder.iterdir()) if full else resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
