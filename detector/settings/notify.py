"""The settings of messages about incidents that go elsewhere: which ones, how often, and where to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from detector.settings.section import Section


def _url(value: SecretStr | None) -> SecretStr | None:
    """Raise ValueError, which names no part of it, for what is no address of a web server."""
    if value is not None:
        _check_url(value.get_secret_value())
    return value


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("give an address in ASCII that begins with https:// or http://")


def _link(text: str) -> str:
    if text:
        _check_url(text.replace("{id}", "id"))
        if "{id}" not in text:
            raise ValueError("give an address that has {id} where an incident's id belongs")
    return text


def _address(text: str | None) -> str | None:
    if text is not None:
        try:
            parts = urlsplit(f"//{text}")
            sound = bool(parts.hostname) and bool(parts.port) and not parts.path and "@" not in text
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("give host:port, such as siem.example:6514 or [2001:db8::1]:514")
    return text


def _token(value: SecretStr | None) -> SecretStr | None:
    """Raise ValueError for what no header can hold."""
    if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
        raise ValueError("it has a sign that no header can hold: give printable ASCII, on one line")
    return value


Url = Annotated[SecretStr | None, AfterValidator(_url)]


class Notify(Section):
    """Messages about incidents, by `[webhook]`, `[slack]` and `[syslog]`: which incidents, and how often."""

    least_severity: Literal["low", "medium", "high", "critical"] = Field(
        default="medium", description="Incidents less severe than this send no message."
    )
    ended: bool = Field(default=False, description="Whether the end of an incident is a message, too.")
    settle_s: float = Field(
        default=10.0,
        ge=0,
        le=600,
        description="Seconds that a message waits: what becomes of its incident meanwhile is in it, not in another.",
    )
    messages_per_minute: int = Field(
        default=10,
        ge=2,
        le=6_000,
        description="Messages a minute, each way, at most. What is beyond is put together in one of them.",
    )
    most_age_s: float = Field(
        default=3_600.0,
        gt=0,
        description="Incidents that waited longer, as while a way was out of reach, are put together in one message."
        " So long, too, is tried what answers that it takes no messages from here (401, 403, 404 …).",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=120, description="Seconds for one attempt.")
    link: Annotated[str, AfterValidator(_link)] = Field(
        default="",
        examples=["https://triage.example/incidents/{id}"],
        description="Address of an incident's page, with `{id}` where its id belongs. Empty: in triage, where"
        " `triage.public_url` is set; else messages have no link.",
    )
    group: str = Field(
        default="",
        description="Consumer group that reads incidents; each way adds its name. Empty: `kafka.group` and `-notify`.",
    )
    in_daemon: bool = Field(
        default=True, description="Whether `oddflow detect` sends them. `false`: only `oddflow notify` does."
    )


class Webhook(Section):
    """Each message as a POST of JSON: the incident's document."""

    url: Url = Field(default=None, description="Address. From the environment only.")
    url_file: Path | None = Field(
        default=None, examples=["/run/secrets/webhook-url"], description="File that holds the address."
    )
    bearer_token: Annotated[SecretStr | None, AfterValidator(_token)] = Field(
        default=None, description="Token for `Authorization: Bearer`. From the environment only."
    )
    bearer_token_file: Path | None = Field(
        default=None, examples=["/run/secrets/webhook-token"], description="File that holds the token."
    )
    signing_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Key that signs each message (HMAC-SHA256), at least 16 characters. From the environment only.",
    )
    signing_key_file: Path | None = Field(
        default=None, examples=["/run/secrets/webhook-signing-key"], description="File that holds the key."
    )
    ca_file: Path | None = Field(
        default=None,
        examples=["/etc/ssl/webhook-ca.pem"],
        description="Certificates (PEM) that are trusted. Unset: the system's.",
    )


class Slack(Section):
    """Each message to an incoming webhook of Slack, or of what takes the same, such as Mattermost."""

    url: Url = Field(default=None, description="Address of the incoming webhook. From the environment only.")
    url_file: Path | None = Field(
        default=None, examples=["/run/secrets/slack-url"], description="File that holds the address."
    )
    ca_file: Path | None = Field(
        default=None,
        examples=["/etc/ssl/chat-ca.pem"],
        description="Certificates (PEM) that are trusted. Unset: the system's.",
    )


class Syslog(Section):
    """Each message as a line of CEF by syslog (RFC 5424)."""

    address: Annotated[str | None, AfterValidator(_address)] = Field(
        default=None, examples=["siem.example:6514"], description="Where to, as `host:port`. Unset: nowhere."
    )
    protocol: Literal["udp", "tcp", "tls"] = Field(
        default="tls", description="Only `tcp` and `tls` tell whether anybody is there; only `tls` is private."
    )
    facility: Literal[
        "user", "daemon", "auth", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"
    ] = Field(default="local0", description="Facility.")
    max_bytes: int = Field(
        default=2_048, ge=480, le=65_000, description="Bytes of a message at most; what is least needed is left out."
    )
    ca_file: Path | None = Field(
        default=None,
        examples=["/etc/ssl/syslog-ca.pem"],
        description="With `tls`: certificates (PEM) that are trusted. Unset: the system's.",
    )
    cert_file: Path | None = Field(
        default=None,
        examples=["/etc/ssl/oddflow.pem"],
        description="With `tls`: our certificate (PEM), and its key unless `key_file` has it, where they ask for one.",
    )
    key_file: Path | None = Field(
        default=None, examples=["/etc/ssl/oddflow.key"], description="With `tls`: our certificate's key (PEM)."
    )
