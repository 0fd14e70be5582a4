"""What is kept of people: users, their sessions, and tokens for programs. No secret is in here as it is."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, String, Table

from triage.store.tables import METADATA

USERS = Table(
    "users",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", String(256), nullable=False, comment="argon2id, with its salt and parameters"),
    Column("created", Double, nullable=False, comment="s since 1970"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of what the cookie holds"),
    Column("user", ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("role", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
)
