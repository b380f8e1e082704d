"""Migrations: applied once, complete, and needed to be ready."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, Table, text
from structlog.testing import capture_logs

from app import database
from app.database import Base, Database, migrations
from app.database.settings import DatabaseSettings
from app.main import create_service
from app.settings import Settings, SettingsError
from tests.conftest import Client, Start

NEW = "sqlite:///new/app.db"
AWAY = "postgresql://u@127.0.0.1:1/n"
REBUILD = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "rebuild", "0001"


def upgrade():
    op.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    op.execute("CREATE TABLE children (id INTEGER REFERENCES parents ON DELETE CASCADE)")
    op.execute("INSERT INTO parents VALUES (1)")
    op.execute("INSERT INTO children VALUES (1)")
    with op.batch_alter_table("parents", recreate="always") as parents:
        parents.add_column(sa.Column("name", sa.String(9), nullable=False, server_default=""))
"""


@pytest.fixture
def in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core's settings are those of production, and no other feature's."""
    monkeypatch.setattr(Settings, "production", True)
    monkeypatch.setenv("SECRET_KEY", "k" * 40)


async def differences(url: str) -> list[object]:
    """What the models have and the migrated database has not, or the other way round."""

    def compare(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    migrated = Database(DatabaseSettings(database_url=url).url)
    async with migrated.engine.connect() as connection:
        found = await connection.run_sync(compare)
    await migrated.engine.dispose()
    return found


async def test_those_who_migrate_at_once_do_it_once(database_url: str) -> None:
    url = DatabaseSettings(database_url=database_url).url
    with capture_logs() as logs:
        await asyncio.gather(*(migrations.apply(url) for _ in range(4)))
    assert [entry["event"] for entry in logs] == ["migrated"]
    assert await differences(database_url) == []


async def test_in_development_the_start_migrates(start: Start) -> None:
    async with start(DATABASE_URL=NEW) as client:
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["checks"]["database"]) == (200, "ok")
    assert await differences(NEW) == []


@pytest.mark.usefixtures("in_production")
async def test_in_production_it_is_not_ready_until_migrated(start: Start) -> None:
    async with start(DATABASE_URL=NEW) as client:
        service = client.service
        assert (await client.get("/health/ready")).status_code == 503
        assert await database.COMMANDS["migrate"](service, []) == 0
        assert (await client.get("/health/ready")).status_code == 200


async def test_a_newer_schema_is_fine_as_it_comes_before_the_newer_code(start: Start) -> None:
    async with start() as client:
        async with client.service.get(Database).writing() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
        assert (await client.get("/health/ready")).status_code == 200


async def test_is_ready_while_somebody_writes(client: Client) -> None:
    async with client.service.get(Database).writing() as session:
        await session.execute(text("DELETE FROM alembic_version"))
        assert (await client.get("/health/ready")).status_code == 200


async def test_without_its_database_a_development_start_ends_in_one_line(start: Start) -> None:
    with pytest.raises(SettingsError) as caught:
        await start(DATABASE_URL=AWAY).__aenter__()
    (line,) = str(caught.value).splitlines()
    assert line.startswith("DATABASE_URL: the database does not answer")


@pytest.mark.usefixtures("in_production")
async def test_without_its_database_production_starts_and_is_not_ready(start: Start) -> None:
    async with start(DATABASE_URL=AWAY) as client:
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "unreachable")
        assert (await client.get("/hello")).status_code == 200


async def count(table: str) -> int:
    database = Database(DatabaseSettings().url)
    async with database.reading() as session:
        found = await session.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
    await database.engine.dispose()
    return int(found or 0)


async def test_a_table_that_is_rebuilt_takes_nothing_with_it(folder: Path) -> None:
    (folder / "versions/rebuild.py").write_text(REBUILD)
    await migrations.apply(DatabaseSettings().url)
    assert (await count("parents"), await count("children")) == (1, 1)


async def test_a_migration_that_leaves_rows_referring_to_none_changes_nothing(folder: Path) -> None:
    spoils = '    op.execute("DELETE FROM parents")\n'
    (folder / "versions/rebuild.py").write_text(REBUILD + spoils)
    with pytest.raises(RuntimeError, match="rows refer to none: children to parents"):
        await migrations.apply(DatabaseSettings().url)
    assert await count("sqlite_master WHERE name = 'parents'") == 0


@pytest.fixture
def colours() -> Iterator[None]:
    """A model that no migration knows yet."""
    gained = Table("colours", Base.metadata, Column("id", Integer, primary_key=True))
    yield
    Base.metadata.remove(gained)


def take(folder: Path) -> tuple[str, str]:
    """Name and text of the newest migration, which is then gone."""
    newest = max(folder.glob("versions/[0-9]*.py"))
    step = newest.read_text()
    newest.unlink()
    return newest.name, step


@pytest.mark.usefixtures("colours")
async def test_a_new_migration_holds_what_the_models_have_gained(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", NEW)
    assert await database.COMMANDS["migration"](create_service(), ["Add", "colours"]) == 0
    name, step = take(folder)
    assert re.fullmatch(r"20\d{6}_\d{4}_[0-9a-f]{12}_add_colours\.py", name)
    assert "down_revision: str | Sequence[str] | None = '0001'" in step
    assert "op.create_table('colours'" in step


async def test_two_branches_do_not_give_the_same_id(folder: Path) -> None:
    taken = set()
    for _ in range(2):
        await migrations.write(DatabaseSettings().url, "change")
        _, step = take(folder)
        taken.add(next(line for line in step.splitlines() if line.startswith("revision")))
    assert len(taken) == 2


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["migrate", "migration"])
async def test_what_keeps_a_command_from_its_work_is_one_line(client: Client, command: str) -> None:
    async with client.service.get(Database).writing() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    with pytest.raises(SettingsError, match=r"^migrations: Can't locate revision .* 'newer'$"):
        await database.COMMANDS[command](client.service, [])
