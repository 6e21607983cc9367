"""The entry of alembic: it runs the migrations on the connection that ``migrate`` hands it."""

from __future__ import annotations

from alembic import context

# The transaction is the caller's, around all of them.
context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
