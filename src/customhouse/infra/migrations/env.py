"""What alembic runs: migrations on the connection that `customhouse.infra.migrate` hands over."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("target_metadata"),
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
