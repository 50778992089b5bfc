"""What Alembic runs: the migrations on the connection that `casework.store` gives."""

from __future__ import annotations

from alembic import context

from casework.schema import METADATA

if hasattr(context, "config"):  # it has one while Alembic runs this, and not where somebody looks through modules
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    context.run_migrations()
