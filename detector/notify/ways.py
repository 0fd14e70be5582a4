"""The ways out, as the settings have them: each takes a message and says what came of it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from detector.errors import ConfigurationError
from detector.notify import slack, webhook
from detector.notify.cef import cef
from detector.notify.http import failed, post
from detector.notify.message import Message, kind_of, level_of
from detector.notify.retry import Outcome, of_status
from detector.notify.rfc5424 import counted, syslog
from detector.notify.stream import Place, send
from detector.settings.notify import Syslog
from detector.settings.tree import Settings

NAMES = ("webhook", "slack", "syslog")

HIDDEN = "(hidden)"

SHOWN = 80
"""Signs of an answer that are told."""

LEAST_SECRET = 6
"""Signs of a part of an address that may be secret; shorter ones are words such as ``hooks``."""

HEADER_BYTES = 128
"""Of a syslog message before its text, without the name of the host."""


class Way(Protocol):
    """Somewhere that messages go. Never raises for what a receiver or a network does."""

    @property
    def name(self) -> str:
        """One of :data:`NAMES`."""
        ...

    def deliver(self, message: Message) -> Outcome:
        """Try once."""
        ...


class WebhookWay:
    """POSTs JSON."""

    name = "webhook"

    def __init__(self, settings: Settings) -> None:
        chosen = settings.webhook
        self._url = _plain(chosen.url)
        self._token = _plain(chosen.bearer_token)
        self._key = _plain(chosen.signing_key)
        self._link = link_of(settings)
        self._timeout_s = settings.notify.timeout_s
        self._context = trusting(chosen.ca_file, "webhook.ca_file")

    def deliver(self, message: Message) -> Outcome:
        """Try once."""
        data, headers = webhook.body(message, self._link), webhook.headers(message, self._link)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._key:
            headers["X-Oddflow-Signature"] = webhook.signature(self._key, int(time.time()), data)
        return _posted(self._url, data, headers, self._timeout_s, self._context, (self._token, self._key))


class SlackWay:
    """POSTs what Slack's incoming webhooks take."""

    name = "slack"

    def __init__(self, settings: Settings) -> None:
        self._url = _plain(settings.slack.url)
        self._link = link_of(settings)
        self._timeout_s = settings.notify.timeout_s
        self._context = trusting(settings.slack.ca_file, "slack.ca_file")

    def deliver(self, message: Message) -> Outcome:
        """Try once."""
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": webhook.AGENT}
        return _posted(self._url, slack.body(message, self._link), headers, self._timeout_s, self._context, ())


class SyslogWay:
    """Sends CEF by syslog."""

    name = "syslog"

    def __init__(self, settings: Settings, host: str = "") -> None:
        chosen = settings.syslog
        parts = urlsplit(f"//{chosen.address}")
        self._place = Place(parts.hostname or "", parts.port or 0)
        self._chosen = chosen
        self._host = host or socket.gethostname()
        self._link = link_of(settings)
        self._timeout_s = settings.notify.timeout_s
        self._context = _of_syslog(chosen)

    def deliver(self, message: Message) -> Outcome:
        """Try once."""
        chosen = self._chosen
        text = cef(message, self._link, chosen.max_bytes - HEADER_BYTES - len(self._host.encode()))
        made = syslog(
            text,
            facility=chosen.facility,
            level=level_of(message),
            at=time.time(),
            host=self._host,
            process=os.getpid(),
            message_id=kind_of(message),
        )
        whole = made if chosen.protocol == "udp" else counted(made)
        try:
            send(whole, self._place, chosen.protocol, timeout_s=self._timeout_s, context=self._context)
        except OSError as error:
            return failed(error)
        return Outcome("sent", "handed to the network" if chosen.protocol == "udp" else "taken by the connection")


def link_of(settings: Settings) -> str:
    """The address of an incident's page, with ``{id}`` in it; empty where none is set."""
    page = settings.triage.public_url.rstrip("/")
    return settings.notify.link or (f"{page}/incidents/{{id}}" if page else "")


def open_ways(settings: Settings) -> list[Way]:
    """Those that are set. Raises ConfigurationError for a file of certificates that cannot be read."""
    return list(_opened(settings))


def _opened(settings: Settings) -> Iterator[Way]:
    if settings.webhook.url is not None:
        yield WebhookWay(settings)
    if settings.slack.url is not None:
        yield SlackWay(settings)
    if settings.syslog.address is not None:
        yield SyslogWay(settings)


def notes_on(settings: Settings) -> list[str]:
    """What is accepted, and yet worth knowing: what goes without TLS."""
    urls = {"webhook.url": settings.webhook.url, "slack.url": settings.slack.url}
    found = [
        f"{key} begins with http://: whoever is on the way reads the messages; https:// is private"
        for key, url in urls.items()
        if _plain(url).startswith("http:")
    ]
    if settings.syslog.address is not None and settings.syslog.protocol != "tls":
        found.append(f"syslog.protocol is {settings.syslog.protocol}: whoever is on the way reads the messages")
    return found


def trusting(file: Path | None, key: str) -> ssl.SSLContext:
    """A context that trusts the system's certificates, or those in ``file``. Raises ConfigurationError."""
    try:
        return ssl.create_default_context(cafile=None if file is None else str(file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{key} {file}: {_why(error)}; give a file of certificates in PEM") from error


def _of_syslog(chosen: Syslog) -> ssl.SSLContext:
    context = trusting(chosen.ca_file, "syslog.ca_file")
    if chosen.cert_file is not None:
        try:
            context.load_cert_chain(chosen.cert_file, chosen.key_file, password="")
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"syslog.cert_file {chosen.cert_file}: {_why(error)}; give a certificate and its key in PEM, without a"
                " passphrase"
            ) from error
    elif chosen.key_file is not None:
        raise ConfigurationError(f"syslog.key_file {chosen.key_file}: set syslog.cert_file, too")
    return context


def _why(error: OSError) -> str:
    return error.strerror if error.strerror and not isinstance(error, ssl.SSLError) else "cannot be read as PEM"


def _posted(  # noqa: PLR0917 - of one request
    url: str, data: bytes, headers: dict[str, str], timeout_s: float, context: ssl.SSLContext, secrets: tuple[str, ...]
) -> Outcome:
    try:
        answer = post(url, data, headers, timeout_s=timeout_s, context=context)
    except (OSError, HTTPException) as error:
        return failed(error)
    return of_status(answer.status, answer.retry_after, _masked(answer.text, url, secrets), time.time())


def _masked(text: str, url: str, secrets: Iterable[str]) -> str:
    """What an answer says, without what it may repeat of an address or a token."""
    parts = urlsplit(url)
    segments = [each for each in parts.path.split("/") if len(each) >= LEAST_SECRET]
    for secret in filter(None, (url, parts.query, *segments, *secrets)):
        text = text.replace(secret, HIDDEN)
    return " ".join(text.split())[:SHOWN]


def _plain(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
