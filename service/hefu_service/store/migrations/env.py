"""What alembic runs: the migrations, on the connection that ``migrate`` hands it."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite's DDL is, since its engine begins by itself
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
