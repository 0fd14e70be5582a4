"""Serves ``/metrics``, ``/healthz``, ``/readyz`` and ``/model`` over HTTP, read-only, in threads of its own.

Takes the registry to show and a function that gives the daemon's :class:`Status`; asks it once a request. ``start``
raises ListenError where the address cannot be had. ``stop`` keeps the deadline whatever a client does.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from detector.deadline import Deadline
from detector.errors import ListenError
from detector.web.status import Status

CONNECTION_SECONDS = 5.0
"""How long a client may take over a request: a slow one holds a thread for no longer."""

TURN_SECONDS = 0.1
"""How often the accepting thread looks whether it is to stop."""

TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """One response."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT


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
    """The four answers, as functions of the status and the registry."""

    def __init__(self, registry: CollectorRegistry, status: Callable[[], Status]) -> None:
        self._metrics = WithoutCreated(registry)
        self._status = status

    def answer(self, path: str, accept: str) -> Answer:
        """The response to a request for ``path``."""
        pages: dict[str, Callable[[], Answer]] = {
            "/metrics": lambda: self._show_metrics(accept),
            "/healthz": lambda: _verdict(self._status().ailment, "ok"),
            "/readyz": lambda: _verdict(self._status().lack, "ready"),
            "/model": self._show_model,
        }
        page = pages.get(path.partition("?")[0])
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, f"not here; there are {', '.join(pages)}\n".encode())
        return page()

    def _show_metrics(self, accept: str) -> Answer:
        encode, content_type = choose_encoder(accept)
        return Answer(HTTPStatus.OK, encode(cast("CollectorRegistry", self._metrics)), content_type)

    def _show_model(self) -> Answer:
        model = self._status().model
        status = HTTPStatus.OK if model is not None else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, json.dumps(model, default=str).encode() + b"\n", "application/json")


class WebServer:
    """The endpoints on ``host:port``; port 0 takes any free one, told by ``port`` after ``start``."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, status: Callable[[], Status]) -> None:
        self._host = host
        self._port = port
        self._pages = Pages(registry, status)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, or that was asked for while nothing is."""
        return int(self._server.server_address[1]) if self._server else self._port

    def start(self) -> None:
        """Listen. Raises ListenError."""
        try:
            self._server = _listen(self._host, self._port, self._pages)
        except (OSError, OverflowError) as error:
            raise ListenError(
                f"web: cannot listen on {self._host}:{self._port}: {_reason(error)}; set web.port or ODDFLOW_WEB__PORT"
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(TURN_SECONDS,), name="web", daemon=True
        )
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """Stop listening; a request that is being answered by then is cut off. May be called when never started."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        asking = threading.Thread(target=server.shutdown, name="web-stop", daemon=True)  # shutdown() has no timeout
        asking.start()
        thread.join(deadline.remaining_s)
        server.server_close()
        self._server = self._thread = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a client that never ends its request must not hold up the process
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no concern of the log."""


def _listen(host: str, port: int, pages: Pages) -> ThreadingHTTPServer:
    class Handler(_Handler):
        answer = staticmethod(pages.answer)

    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    server_class = type("Server", (_Server,), {"address_family": family})
    return cast("ThreadingHTTPServer", server_class((host, port), Handler))


class _Handler(BaseHTTPRequestHandler):
    server_version = "oddflow"
    sys_version = ""
    timeout = CONNECTION_SECONDS
    answer: Callable[[str, str], Answer]

    def do_GET(self) -> None:
        """Answer."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._respond(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
        """Say nothing: a scrape every few seconds is no news."""

    def _respond(self, *, with_body: bool) -> None:
        try:
            answer = self.answer(self.path, self.headers.get("Accept", ""))
        except Exception as error:  # noqa: BLE001 - whatever is wrong inside, the client is to hear of it
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"cannot tell: {type(error).__name__}\n".encode())
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)


def _verdict(fault: str | None, well: str) -> Answer:
    if fault is None:
        return Answer(HTTPStatus.OK, f"{well}\n".encode())
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{fault}\n".encode())


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
