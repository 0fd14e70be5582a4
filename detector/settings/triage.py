"""The settings of ``oddflow triage``: its database, its address, and for how long it keeps what."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from detector.settings.section import Section


class Triage(Section):
    """`oddflow triage`: where people look at incidents and judge them."""

    database: str = Field(
        default="sqlite:///triage.db",
        min_length=1,
        examples=["postgresql://oddflow@db/triage"],
        description="Its database: `sqlite:///PATH`, a file, or `postgresql://USER@HOST/NAME`. Tables are made and"
        " brought up to date at start.",
    )
    database_password: SecretStr | None = Field(
        default=None, description="Of PostgreSQL's user. By environment or file only."
    )
    database_password_file: Path | None = Field(
        default=None, examples=["/run/secrets/triage-database"], description="File that holds it."
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. Any but this machine's own needs users, tokens or a proxy that signs in.",
    )
    port: int = Field(default=9465, ge=0, le=65_535, description="Port to listen on; 0 takes any free one.")
    public_url: str = Field(
        default="",
        examples=["https://triage.example.org"],
        description="Where people reach it, for links from elsewhere. Empty: at host and port.",
    )
    keep_days: float = Field(
        default=90.0,
        gt=0,
        le=36_500,
        description="Incidents, and what belongs to them, are kept so many days after they were last told; those with a"
        " label four times as long.",
    )
    keep_alerts_days: float = Field(
        default=14.0,
        gt=0,
        le=36_500,
        description="Alerts are kept so many days; those of an incident with a label stay.",
    )
    max_bytes: int = Field(
        default=10_737_418_240,
        ge=16_777_216,
        description="Size of the database, about: beyond it the oldest alerts go, then the oldest incidents, those with"
        " a label last. Bytes.",
    )
