"""A migrated SQLite file for every test, and a real PostgreSQL where it is installed."""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from app.database import migrations
from app.database.settings import DatabaseSettings

SERVER_OPTIONS = "-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
Run = Callable[..., None]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that a first start makes, made once for this test run."""
    file = tmp_path_factory.mktemp("migrated") / "app.db"
    asyncio.run(migrations.apply(DatabaseSettings(database_url=f"sqlite:///{file}").url))
    return file.read_bytes()


@pytest.fixture(autouse=True)
def _migrated(tmp_path: Path, migrated: bytes) -> None:
    """An empty database of the newest schema in its default place."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/app.db").write_bytes(migrated)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[tuple[Run, int]]:
    """What runs a tool of PostgreSQL, and the port of a server that trusts everybody."""
    run, port = _runner(), _free_port()
    with tempfile.TemporaryDirectory() as folder:
        if _is_root():
            shutil.chown(folder, "postgres")
        data = ("-D", str(Path(folder) / "data"))
        run("initdb", *data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        run("pg_ctl", *data, "-w", "-o", SERVER_OPTIONS.format(port=port), "start")
        yield run, port
        run("pg_ctl", *data, "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/x.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def postgres_url(postgres_server: tuple[Run, int]) -> str:
    """The address of an empty database."""
    run, port = postgres_server
    name = f"test_{uuid4().hex}"
    run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name)
    return f"postgresql://postgres@127.0.0.1:{port}/{name}"


def _runner() -> Run:
    """Runs a tool, as the user `postgres` if we are root: the server refuses to run as root."""
    places = [*map(str, Path("/usr/lib/postgresql").glob("*/bin")), os.environ["PATH"]]
    initdb = shutil.which("initdb", path=os.pathsep.join(places))
    if initdb is None or (_is_root() and not shutil.which("runuser")):
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("PostgreSQL is not installed")
    as_user = ["runuser", "-u", "postgres", "--"] if _is_root() else []
    tools = Path(str(initdb)).parent

    def run(tool: str, *arguments: str) -> None:
        command = [*as_user, str(tools / tool), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    return run


def _is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def _free_port() -> int:
    """One that no outgoing connection has meanwhile: those get higher ones by themselves."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, for more to be written into it."""
    folder = shutil.copytree(migrations.FOLDER, tmp_path / "migrations")
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.setattr(migrations, "_scripts", cache(migrations._scripts.__wrapped__))
    return folder
