"""Texts get numbers that stay, as an index of SQLite's wants them; ids are found by how they begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table anew, with all that is in it."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.rename_table("incident_texts", "incident_texts_before")
    if not is_sqlite:  # there, names of keys are taken for the whole schema
        op.drop_constraint("pk_incident_texts", "incident_texts_before", type_="primary")
    op.create_table(
        "incident_texts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="in small letters: what a search looks through"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_incident_texts")),
        sa.UniqueConstraint("id", name=op.f("uq_incident_texts_id")),
    )
    op.execute("INSERT INTO incident_texts (id, text) SELECT id, text FROM incident_texts_before")
    op.drop_table("incident_texts_before")
    if not is_sqlite:
        op.execute("CREATE INDEX ix_incidents_by_beginning ON incidents (id varchar_pattern_ops)")
