"""The endpoints, over real sockets."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.client import HTTPConnection

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detector.cli.healthcheck import ask
from detector.daemon_events import DaemonStarted
from detector.deadline import Deadline
from detector.errors import ListenError
from detector.every_metric import open_metrics
from detector.pipeline.events import AlertsRaised, BatchDecoded, InFlight, RecordsRead
from detector.records.events import RecordsPassedOver, RecordsRejected
from detector.registry.events import ModelRefused
from detector.scoring.events import BatchDecided, BatchFeatured, BatchScored, ModelSwapped
from detector.telemetry.events import Telemetry
from detector.telemetry.logs import open_log
from detector.telemetry.metrics import Metrics
from detector.transport.events import BrokerLost, LagSeen, OffsetsCommitted, OutputAcknowledged, PartitionsAssigned
from detector.web.server import MAX_CONNECTIONS, REQUEST_SECONDS, WebServer
from detector.web.status import Status
from tests.promtool import promtool

WELL = Status(ticked_s_ago=0.1, model={"name": "flows", "version": "v1"}, partitions=(0,))
STARTING = Status(ticked_s_ago=45.0, model=None, starting="compiling")


@contextmanager
def serving(status: Status = WELL, registry: CollectorRegistry | None = None) -> Iterator[WebServer]:
    """A server on a free port, stopped at the end."""
    server = WebServer("127.0.0.1", 0, registry or CollectorRegistry(), lambda: status)
    server.start()
    try:
        yield server
    finally:
        server.stop(Deadline.after(5))


def busy_metrics() -> Metrics:
    """Metrics with a sample of nearly everything."""
    metrics = open_metrics(CollectorRegistry())
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - it is no path of a file
        tell = Telemetry(metrics, open_log(nowhere)).tell
        for event in (
            RecordsRead(5, 2_000),
            RecordsRejected({"not_json": 1}, "row 3"),
            RecordsPassedOver({"header": 1}),
            BatchDecoded(5, 0.001, flows=3),
            BatchFeatured(3, 0.001),
            BatchScored(3, 0.001, np.array([0.4, 0.5, 0.9]), "v1"),
            BatchDecided(3, 1, 0.001),
            OutputAcknowledged("alerts", 1, 0.01),
            AlertsRaised({"high": 1}, [0.2]),
            LagSeen({0: 7}),
            OffsetsCommitted({0: 5}),
            PartitionsAssigned([0]),
            BrokerLost("refused"),
            ModelSwapped("flows", None, "v1", 0.2, "ab12"),
            ModelRefused("flows", "v2", "digest", "model.json"),
            InFlight(2),
            DaemonStarted(),
        ):
            tell(event)
    return metrics


@pytest.mark.parametrize(
    ("status", "path", "code", "text"),
    [
        (WELL, "/healthz", 200, "ok"),
        (replace(WELL, ticked_s_ago=31.0), "/healthz", 503, "the loop has not turned for 31.0 s"),
        (replace(WELL, ticked_s_ago=31.0), "/readyz", 503, "the loop has not turned for 31.0 s"),
        (replace(WELL, model=None), "/healthz", 200, "ok"),
        (WELL, "/readyz", 200, "ready"),
        (replace(WELL, model=None), "/readyz", 503, "no model is loaded"),
        (replace(WELL, partitions=()), "/readyz", 503, "no partitions are assigned"),
        (
            replace(WELL, partitions=(), joined=True),
            "/readyz",
            200,
            "ready: standing by, no partition is assigned here; the group has more members than partitions",
        ),
        (replace(WELL, connected=False), "/readyz", 503, "no broker answers: records wait in the topic"),
        (replace(WELL, connected=False), "/healthz", 200, "ok"),
        (
            replace(WELL, missing="flows", connected=False),
            "/readyz",
            503,
            "no broker answers: records wait in the topic",
        ),
        (
            replace(WELL, missing="flows", partitions=(), joined=True),
            "/readyz",
            503,
            "topic 'flows' does not exist any more: create it again, and it is read from its start",
        ),
        (replace(WELL, unacknowledged_s=59.0, refusal="timed out"), "/readyz", 200, "ready"),
        (
            replace(WELL, unacknowledged_s=61.0, refusal="topic 'alerts': too large"),
            "/readyz",
            503,
            "outputs have not been acknowledged for 61 s (topic 'alerts': too large)",
        ),
        (STARTING, "/readyz", 503, "starting: compiling, for 45 s"),
        (STARTING, "/healthz", 200, "ok"),
        (replace(STARTING, ticked_s_ago=700.0), "/healthz", 503, "the start hangs: compiling for 700 s"),
        (STARTING, "/model", 503, "null"),
        (WELL, "/", 404, "not here; there are /metrics, /healthz, /readyz, /model"),
    ],
)
def test_each_page_tells_the_state(status: Status, path: str, code: int, text: str) -> None:
    """Alive means that the loop turned, ready that records can come, be scored and go; what is missing is in words."""
    with serving(status) as server:
        assert ask("127.0.0.1", server.port, path) == (code, text)


def test_model_is_json() -> None:
    """``/model`` gives what is running as JSON, without the query string mattering."""
    with serving() as server:
        status, text = ask("127.0.0.1", server.port, "/model?pretty")
    assert (status, json.loads(text)) == (200, {"name": "flows", "version": "v1"})


def test_metrics_show_exact_samples() -> None:
    """``/metrics`` shows what the events counted, and no ``_created`` series."""
    with serving(registry=busy_metrics().registry) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        lines = response.read().decode().splitlines()
        connection.close()
    assert 'oddflow_stage_records_out_total{stage="decode"} 3.0' in lines
    assert 'oddflow_score_bucket{le="0.5"} 2.0' in lines
    assert 'oddflow_model_info{digest="ab12",name="flows",version="v1"} 1.0' in lines
    assert [line for line in lines if "_created" in line] == []


def test_promtool_finds_nothing_to_say() -> None:
    """Prometheus' own linter accepts every name, unit and help text."""
    with serving(registry=busy_metrics().registry) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read()
        connection.close()
    told = promtool("check", "metrics", given=page)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_head_has_no_body() -> None:
    """A HEAD request gets the headers alone."""
    with serving() as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("HEAD", "/healthz")
        response = connection.getresponse()
        assert (response.status, response.getheader("Content-Length"), response.read()) == (200, "3", b"")
        connection.close()


def test_port_in_use_is_a_listen_error() -> None:
    """A port that another process has is one line that names the port and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = WebServer("127.0.0.1", port, CollectorRegistry(), lambda: WELL)
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}: Address already in use; set web\.port"):
            server.start()
        server.stop(Deadline.after(1))


def test_unknown_host_is_a_listen_error() -> None:
    """An address that is not this machine's is one line too."""
    server = WebServer("192.0.2.1", 0, CollectorRegistry(), lambda: WELL)
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:0"):
        server.start()


def test_stops_while_a_client_hangs() -> None:
    """A client that never ends its request does not keep the server from stopping, nor the port from being free."""
    server = WebServer("127.0.0.1", 0, CollectorRegistry(), lambda: WELL)
    server.start()
    port = server.port
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /healthz HT")
        before = time.monotonic()
        server.stop(Deadline.after(10))
        assert time.monotonic() - before < 10
    again = WebServer("127.0.0.1", port, CollectorRegistry(), lambda: WELL)
    again.start()
    again.stop(Deadline.after(5))


def test_a_client_that_dribbles_is_cut_off() -> None:
    """A client that sends a byte now and then is held no longer than any other."""
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        began = time.monotonic()
        client.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        with suppress(ConnectionError):
            while time.monotonic() - began < 60 and not readable(client):
                client.sendall(b"x")
                time.sleep(0.2)
        assert REQUEST_SECONDS * 0.9 < time.monotonic() - began < 60


def readable(client: socket.socket) -> bool:
    """Whether something came, or the end."""
    return bool(select.select([client], [], [], 0)[0])


def test_a_client_that_does_not_read_is_cut_off() -> None:
    """A client that asks and never reads its answer is held no longer than any other, and holds up nobody."""
    huge = Status(ticked_s_ago=0.0, model={"much": "x" * 30_000_000})
    with serving(huge) as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(b"GET /model HTTP/1.1\r\n\r\n")
        assert ask("127.0.0.1", server.port, "/healthz") == (200, "ok")
        time.sleep(REQUEST_SECONDS + 1)
        with suppress(ConnectionError):
            assert len(read_all(client)) < 30_000_000


def read_all(client: socket.socket) -> bytes:
    """Everything until the end."""
    return b"".join(iter(lambda: client.recv(1 << 20), b""))


def test_many_slow_clients_cost_no_thread_and_keep_nobody_away() -> None:
    """Hundreds of clients that never end their request make no thread each, and others are answered meanwhile."""
    with serving() as server, ExitStack() as clients:
        before = threading.active_count()
        for _ in range(3 * MAX_CONNECTIONS):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            client.sendall(b"GET /heal")
        assert ask("127.0.0.1", server.port, "/healthz") == (200, "ok")
        assert threading.active_count() == before


@pytest.mark.parametrize(
    "request_line", [b"POST /metrics HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_for_a_page_is_refused(request_line: bytes) -> None:
    """Another method or no HTTP at all gets an error or is cut off, and the next client is served."""
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(request_line)
            assert b" 200 " not in read_all(client)
        assert ask("127.0.0.1", server.port, "/healthz") == (200, "ok")


def test_a_status_that_raises_is_a_500() -> None:
    """Where the daemon cannot tell its state, the client hears so and the server goes on."""

    def broken() -> Status:
        raise RuntimeError("secret detail")

    server = WebServer("127.0.0.1", 0, CollectorRegistry(), broken)
    server.start()
    assert ask("127.0.0.1", server.port, "/healthz") == (500, "cannot tell: RuntimeError")
    server.stop(Deadline.after(5))
