"""Alembic's way in: the ledger hands over its open connection (store/ledger.py)."""

from __future__ import annotations

from alembic import context

from unisono.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
