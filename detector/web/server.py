"""The metrics port: ``/metrics``, ``/healthz``, ``/readyz``, ``/model`` and ``/incidents``, over HTTP by Tornado.

One thread, whoever asks: connections are served in turn by its event loop. A connection is for one request and for
``REQUEST_SECONDS`` at most, from being accepted to the last byte of the answer, however its client spreads its bytes;
at ``MAX_CONNECTIONS`` the one that was accepted first makes room. So slow clients cannot use the daemon up, nor keep
Prometheus away. Takes a registry and a function that gives a :class:`Status`; asks it once a request. ``start`` raises
ListenError where the address cannot be had. ``stop`` keeps the deadline whatever a client does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import Application, RequestHandler

from detector.deadline import Deadline
from detector.errors import ListenError
from detector.web.answer import TEXT, Answer
from detector.web.html_page import ROOT
from detector.web.incidents import IncidentPages
from detector.web.recent import Recent
from detector.web.status import Status

REQUEST_SECONDS = 5.0
"""How long a connection lasts at most."""

MAX_CONNECTIONS = 64
"""Prometheus, probes and a few people; beyond, the oldest is closed."""

MAX_REQUEST_BYTES = 16 * 1024
"""Of a request's headers, and of a body that nothing here asks for."""

PIECE_BYTES = 64 * 1024
"""Of an answer that wait for a slow client: the rest of a long one is made once for all clients."""


class WithoutCreated(Collector):
    """The registry without the ``_created`` series, which would double the counters for nothing that we use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Give each family, less those samples."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class Pages:
    """The answers, as functions of the status, the registry and the incidents."""

    def __init__(
        self, registry: CollectorRegistry, status: Callable[[], Status], incidents: IncidentPages | None = None
    ) -> None:
        self._metrics = WithoutCreated(registry)
        self._status = status
        self._incidents = incidents

    def answer(self, path: str, accept: str) -> Answer:
        """The response to a request for ``path``; whatever is wrong inside, the client is to hear of it."""
        pages: dict[str, Callable[[], Answer]] = {
            "/metrics": lambda: self._show_metrics(accept),
            "/healthz": self._show_health,
            "/readyz": self._show_readiness,
            "/model": self._show_model,
        }
        try:
            if (page := pages.get(path)) is not None:
                return page()
            if self._incidents is not None and (found := self._incidents.answer(path, accept)) is not None:
                return found
        except Exception as error:  # noqa: BLE001 - see above
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"cannot tell: {type(error).__name__}\n".encode())
        there = [*pages, *([] if self._incidents is None else [ROOT])]
        return Answer(HTTPStatus.NOT_FOUND, f"not here; there are {', '.join(there)}\n".encode())

    def _show_metrics(self, accept: str) -> Answer:
        encode, content_type = choose_encoder(accept)
        return Answer(HTTPStatus.OK, encode(cast("CollectorRegistry", self._metrics)), content_type)

    def _show_health(self) -> Answer:
        return _verdict(self._status().not_alive_because, "ok")

    def _show_readiness(self) -> Answer:
        status = self._status()
        return _verdict(status.not_ready_because, status.readiness)

    def _show_model(self) -> Answer:
        model = self._status().model
        status = HTTPStatus.OK if model is not None else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, json.dumps(model, default=str).encode() + b"\n", "application/json")


class WebServer:
    """The endpoints on ``host:port``; port 0 takes any free one, told by ``port`` after ``start``."""

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        status: Callable[[], Status],
        incidents: Recent | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._pages = Pages(registry, status, None if incidents is None else IncidentPages(incidents))
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, or that was asked for while nothing is."""
        return int(self._socket.getsockname()[1]) if self._socket else self._port

    def start(self) -> None:
        """Listen. Raises ListenError."""
        try:
            self._socket = listening = _bound(self._host, self._port)
        except (OSError, OverflowError) as error:
            raise ListenError(
                f"web: cannot listen on {self._host}:{self._port}: {_reason(error)}; set web.port or ODDFLOW_WEB__PORT"
            ) from None
        if (log := logging.getLogger("tornado")).level == logging.NOTSET:
            log.setLevel(logging.CRITICAL)  # what a client does wrong is no concern of ours
        serving = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, serving)), name="web", daemon=True
        )
        self._thread.start()
        serving.wait()

    async def _serve(self, listening: socket.socket, serving: threading.Event) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        application = Application([(".*", _Handler, {"pages": self._pages})], log_function=lambda _: None)
        server = _Server(
            application,
            no_keep_alive=True,
            idle_connection_timeout=REQUEST_SECONDS,
            body_timeout=REQUEST_SECONDS,
            max_header_size=MAX_REQUEST_BYTES,
            max_body_size=MAX_REQUEST_BYTES,
        )
        try:
            server.add_socket(listening)
        finally:
            serving.set()
        await self._ending.wait()
        server.stop()
        server.end_all()

    def stop(self, deadline: Deadline) -> None:
        """Stop listening; a request that is being answered by then is cut off. May be called when never started."""
        loop, ending, thread = self._loop, self._ending, self._thread
        if loop is None or ending is None or thread is None:
            return
        loop.call_soon_threadsafe(ending.set)
        thread.join(deadline.remaining_s)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._loop = self._ending = self._thread = None


class _Server(HTTPServer):
    """Tornado's server, with a bound on how many connections there are and on how long each lasts."""

    def initialize(self, *arguments: Any, **options: Any) -> None:
        super().initialize(*arguments, **options)
        self._lasting: dict[IOStream, asyncio.TimerHandle] = {}

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Take a connection, and see to its end."""
        if len(self._lasting) >= MAX_CONNECTIONS:
            self._end(next(iter(self._lasting)))
        self._lasting[stream] = asyncio.get_running_loop().call_later(REQUEST_SECONDS, stream.close)
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        """The connection is done with."""
        super().on_close(server_conn)
        self._end(cast("HTTP1ServerConnection", server_conn).stream)

    def end_all(self) -> None:
        """Cut off whoever is still there."""
        for stream in list(self._lasting):
            self._end(stream)

    def _end(self, stream: IOStream) -> None:
        if (timer := self._lasting.pop(stream, None)) is not None:
            timer.cancel()
        stream.close()


class _Handler(RequestHandler):
    def initialize(self, pages: Pages) -> None:
        self._pages = pages

    def set_default_headers(self) -> None:
        self.set_header("Server", "oddflow")
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """None: nothing here is asked for twice."""

    async def get(self) -> None:
        answer = self._pages.answer(self.request.path, self.request.headers.get("Accept", ""))
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        self.set_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if self.request.method == "HEAD":
            return
        with suppress(StreamClosedError):
            for at in range(0, len(answer.body), PIECE_BYTES):
                self.write(answer.body[at : at + PIECE_BYTES])
                await self.flush()

    head = get

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", TEXT)
        self.finish(f"{HTTPStatus(status_code).phrase.lower()}\n")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listening = socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
    listening.setblocking(False)
    return listening


def _verdict(fault: str | None, well: str) -> Answer:
    if fault is None:
        return Answer(HTTPStatus.OK, f"{well}\n".encode())
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{fault}\n".encode())


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)
