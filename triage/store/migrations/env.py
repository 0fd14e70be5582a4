"""Alembic's entry: migrates over the connection that it is handed, in the transaction that is open there."""

from __future__ import annotations

from alembic import context

import triage.access.tables  # noqa: F401 - its tables are among them
from triage.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes no column in place
)
context.run_migrations()
