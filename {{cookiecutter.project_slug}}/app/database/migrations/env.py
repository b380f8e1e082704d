"""What Alembic runs: it migrates over the connection that it is given."""

from alembic import context

from app.database.base import Base
from app.database.engine import check_foreign_keys

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
    check_foreign_keys(connection)
