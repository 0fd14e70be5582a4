"""``oddflow triage serve``: its parts made from the settings, started in order and stopped in reverse.

A database that is away or locked at the start is waited for: probes are answered meanwhile, and say that it is not
ready. One of a newer version, or an address that others reach without anybody who could sign in, ends it at once.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_network
from typing import TextIO

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from detector.errors import ConfigurationError, ListenError
from detector.settings.tree import Settings
from detector.settings.triage import Triage as TriageSettings
from detector.signals import handled
from detector.telemetry.events import silent as untold
from detector.telemetry.logs import open_log
from detector.transport.choose import open_label_sink, open_suppression_sink
from triage.access.accounts import has_users
from triage.access.rules import AccessRules, Proxy, check_exposure
from triage.api.app import routers
from triage.errors import NewerError, StoreError
from triage.ingest.follower import Follower
from triage.ingest.service import Ingest
from triage.ingest.taking import Place, Topics
from triage.measured import FromDatabase
from triage.outbox import Outbox
from triage.retention import Keep, Retention
from triage.store.engine import Database
from triage.telemetry import DatabaseFailed, Telemetry, TopicMissing, TriageMetrics, Unindexed

AGAIN_S = 2.0
"""How long to wait before a database that is away is tried again."""

STOP_S = 10.0
"""For each thread to end."""

GRACE_S = 5
"""For requests that are being answered."""

MakeApp = Callable[..., ASGIApp]


class Service:
    """All of it. ``make_app`` makes the application from the database, the rules, and the routers for programs."""

    def __init__(self, settings: Settings, stream: TextIO, make_app: MakeApp, *, reads_topics: bool = True) -> None:
        own = settings.triage
        self._settings = settings
        self._make_app = make_app
        self.database = open_database(settings)
        self.rules = rules_of(own)
        registry = CollectorRegistry()
        telemetry = Telemetry(TriageMetrics(registry), open_log(stream, settings.log.level, settings.log.format))
        self._log, self._tell, self._registry = telemetry.log, telemetry.tell, registry
        topics = Topics.of(settings)

        def open_reader(begin: dict[Place, int]) -> Follower:
            missing = lambda topic: self._tell(TopicMissing(topic))  # noqa: E731
            return Follower(list(topics.kinds), settings.kafka.consumer(), missing).start(begin)

        sinks = {
            "feedback": (settings.feedback.topic, lambda: open_label_sink(settings, untold)),
            "suppressions": (settings.suppression.topic, lambda: open_suppression_sink(settings, untold)),
        }
        keep = Keep(own.keep_days, own.keep_alerts_days, own.max_bytes)
        self._ingest = Ingest(self.database, topics, open_reader, self._tell) if reads_topics else None
        self._outbox = (
            Outbox(self.database, {name: make for name, (topic, make) in sinks.items() if topic}, self._tell)
            if reads_topics
            else None
        )
        self._retention = Retention(self.database, keep, self._tell)
        self._budget = settings.alerts.false_incidents_per_day
        self._stopping = threading.Event()
        self._refused: ConfigurationError | NewerError | None = None
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C. Raises ConfigurationError, NewerError, ListenError."""
        with ExitStack() as parts:
            parts.callback(self.database.stop)
            is_open = self._open()
            listening = parts.enter_context(listen(self.rules.host, self._settings.triage.port))
            self._registry.register(FromDatabase(self.database, self._budget, self._tell))
            app = self._make_app(
                self.database,
                self.rules,
                routers=routers(self.database, self._registry, budget_per_day=self._budget, dead=self._dead),
                grafana_url=self._settings.triage.grafana_url or None,
                budget_per_day=self._budget,
                tell=self._tell,
            )
            self._server = uvicorn.Server(
                uvicorn.Config(
                    app,
                    log_config=None,
                    access_log=False,
                    proxy_headers=False,  # the guard knows whom to believe
                    server_header=False,
                    timeout_graceful_shutdown=GRACE_S,
                )
            )
            parts.callback(self._stopping.set)
            if not is_open:
                threading.Thread(target=self._open_later, name="open", daemon=True).start()
            for part in (self._retention, self._outbox, self._ingest):
                if part is not None:
                    part.start()
                    parts.callback(part.stop, STOP_S)
            address = self._settings.triage.public_url or f"http://{address_of(listening)}"
            self._log.info("triage.listening", address=address, database=self.database.name)
            with handled(lambda *_: None, signal.SIGTERM, signal.SIGINT):  # it hands them back at its end
                self._server.run(sockets=[listening])
        if self._refused is not None:
            raise self._refused

    def _open(self) -> bool:
        """Open the database; whether that worked. What passes by itself is told."""
        try:
            self.database.start()
            with self.database.read() as session:
                there_are = has_users(session)
        except NewerError:
            raise
        except StoreError as error:
            self._tell(DatabaseFailed("open", str(error)))
            return False
        if self.database.unindexed:
            self._tell(Unindexed(self.database.unindexed))
        check_exposure(self.rules, has_users=there_are)
        return True

    def _open_later(self) -> None:
        while not self._stopping.wait(AGAIN_S):
            try:
                if self._open():
                    self._log.info("triage.database_opened", database=self.database.name, again="failed open")
                    return
            except (ConfigurationError, NewerError) as error:
                self._refused = error
                if self._server is not None:
                    self._server.should_exit = True
                return

    def _dead(self) -> str:
        parts = {"ingest": self._ingest, "outbox": self._outbox}
        return next((name for name, part in parts.items() if part is not None and not part.alive), "")


def open_database(settings: Settings) -> Database:
    """The database that the settings name, not opened. Raises ConfigurationError."""
    own = settings.triage
    return Database(own.database, own.database_password.get_secret_value() if own.database_password else None)


def rules_of(own: TriageSettings) -> AccessRules:
    """What requests are held to. Raises ConfigurationError for an address of a proxy that is none."""
    proxy = None
    if own.proxy_user_header:
        try:
            networks = tuple(ip_network(each, strict=False) for each in own.proxy_addresses)
        except ValueError as error:
            raise ConfigurationError(f"triage.proxy_addresses: {error}; give addresses or networks") from None
        proxy = Proxy(
            user_header=own.proxy_user_header,
            networks=networks,
            groups_header=own.proxy_groups_header or None,
            analyst_groups=frozenset(own.analyst_groups),
            viewer_groups=frozenset(own.viewer_groups),
            role=own.proxy_role,
        )
    return AccessRules(
        host=own.host,
        names=own.host_names,
        public_url=own.public_url or None,
        proxy=proxy,
        session_s=own.session_hours * 3_600.0,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ListenError where the address cannot be had."""
    bare = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
        except OSError:
            made.close()
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise ListenError(f"listening on {host} port {port}: {why}; choose another with --host or --port") from error
    return made


def address_of(listening: socket.socket) -> str:
    """Such as ``127.0.0.1:9465``."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
