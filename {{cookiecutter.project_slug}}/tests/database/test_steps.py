"""Each step of the schema can be taken back, and leaves the code before it working."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect

from app.database import Database, migrations
from app.database.settings import DatabaseSettings
from tests.database.test_migrations import differences

Schema = dict[str, dict[str, Any]]
"""By table and name, the columns."""
ADDS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "adds", "0001"


def upgrade():
    op.create_table("colours", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("accounts", sa.Column("colour", sa.String(9), {options}))


def downgrade():
    op.drop_column("accounts", "colour")
    op.drop_table("colours")
"""
DROPS = ADDS.replace(
    'op.add_column("accounts", sa.Column("colour", sa.String(9), {options}))',
    'op.drop_column("accounts", "totp_step")',
)


async def schema(url: str) -> Schema:
    database = Database(DatabaseSettings(database_url=url).url)
    async with database.engine.connect() as connection:
        found = await connection.run_sync(_schema)
    await database.engine.dispose()
    return found


def _schema(connection: Connection) -> Schema:
    found = inspect(connection)
    names = set(found.get_table_names()) - {"alembic_version"}
    return {name: {c["name"]: c for c in found.get_columns(name)} for name in names}


def breaks(before: Schema, after: Schema) -> set[str]:
    """What the code that knows only the schema before cannot live with."""
    broken = {table for table in before if table not in after}
    for table in before.keys() - broken:
        was, now = before[table], after[table]
        added = (now[name] for name in now.keys() - was.keys())
        broken |= {f"{table}.{name}" for name in was.keys() - now.keys()}
        broken |= {
            f"{table}.{c['name']}" for c in added if not (c["nullable"] or c["default"] is not None)
        }
    return broken


async def breaks_at_a_step(url: str) -> set[str]:
    """Go through all steps, one by one."""
    target, broken = DatabaseSettings(database_url=url).url, set[str]()
    steps = [step.revision for step in migrations._scripts().walk_revisions()][::-1]
    before: Schema = {}
    for step in steps:
        await migrations.go_to(target, step)
        after = await schema(url)
        broken |= breaks(before, after)
        before = after
    return broken


async def test_there_and_back_and_there_again(database_url: str) -> None:
    url = DatabaseSettings(database_url=database_url).url
    await migrations.apply(url)
    await migrations.go_to(url, "base")
    assert await schema(database_url) == {}
    await migrations.apply(url)
    assert await differences(database_url) == []


async def test_the_code_before_a_step_works_after_it(database_url: str) -> None:
    assert await breaks_at_a_step(database_url) == set()


@pytest.mark.parametrize(
    ("step", "broken"),
    [
        (ADDS.format(options="nullable=True"), set()),
        (ADDS.format(options="nullable=False, server_default=''"), set()),
        (DROPS, {"accounts.totp_step"}),
    ],
)
async def test_a_step_that_would_break_it_is_found(
    folder: Path, tmp_path: Path, step: str, broken: set[str]
) -> None:
    (folder / "versions/adds.py").write_text(step)
    assert await breaks_at_a_step(f"sqlite:///{tmp_path}/new/x.db") == broken


async def test_one_step_back_and_forwards_by_name(folder: Path, tmp_path: Path) -> None:
    (folder / "versions/adds.py").write_text(ADDS.format(options="nullable=True"))
    url = f"sqlite:///{tmp_path}/new/x.db"
    target = DatabaseSettings(database_url=url).url
    await migrations.apply(target)
    for revision, has in (("-1", False), ("adds", True), ("0001", False)):
        await migrations.go_to(target, revision)
        assert ("colours" in await schema(url)) is has
