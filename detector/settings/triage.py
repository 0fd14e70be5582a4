"""The settings of ``oddflow triage``: its database, its address, and for how long it keeps what."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from detector.settings.section import Section, Words


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
    host_names: Words = Field(
        default=(),
        examples=[("triage.example.org",)],
        description="Names by which browsers may ask, beside those of `host`, `public_url` and this machine.",
    )
    session_hours: float = Field(
        default=12.0, gt=0, le=720, description="Whoever signs in is signed out after so many hours."
    )
    proxy_user_header: str = Field(
        default="",
        examples=["X-Forwarded-User"],
        description="Where a proxy signs people in, as by OpenID Connect: the header in which it tells who asks. Empty:"
        " there is none.",
    )
    proxy_addresses: Words = Field(
        default=(),
        examples=[("10.0.0.2", "10.1.0.0/16")],
        description="Addresses and networks of that proxy: its headers count from nowhere else.",
    )
    proxy_groups_header: str = Field(
        default="",
        examples=["X-Forwarded-Groups"],
        description="The header in which it tells groups, with commas between. Empty: all have `proxy_role`.",
    )
    analyst_groups: Words = Field(
        default=(), examples=[("soc",)], description="Groups that may label and suppress; with `proxy_groups_header`."
    )
    viewer_groups: Words = Field(default=(), description="Groups that may look. Empty: whoever the proxy signs in may.")
    proxy_role: Literal["viewer", "analyst"] = Field(
        default="viewer", description="What whoever the proxy signs in may do, where no header tells groups."
    )
    grafana_url: str = Field(
        default="",
        examples=["https://grafana.example.org"],
        description="Where Grafana is, for links to the board of incidents; or another board's whole address, with"
        " `{host}`, `{from_ms}`, `{to_ms}` and maybe `{incident}` in it. Empty: no links.",
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
