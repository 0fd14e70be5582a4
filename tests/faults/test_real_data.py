"""Real logs through the whole daemon, killed once in mid-stream: every flow comes out, the rest is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.transport.files import read_values
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Outcome, send, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

LINES = 5_000


def _flow(value: bytes, format: str) -> bool:  # noqa: A002
    """Whether a line is about a flow, and not a header or another type of event."""
    if format == "suricata":
        return b'"event_type":"flow"' in value.replace(b" ", b"")
    return not value.startswith(b"#")


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("zeek/slips-test9-mixed.conn.json.gz", "zeek"),
        ("zeek/iot23-34-1.conn.log.labeled.gz", "zeek"),
        ("suricata/slips-test6.eve.json.gz", "suricata"),
    ],
)
def test_every_flow_of_a_real_log_comes_out(
    make_daemon: MakeDaemon,
    kafka: str,
    shared_data: Path,
    name: str,
    format: str,  # noqa: A002
) -> None:
    """Each flow of a real log is scored or set aside although the daemon was killed meanwhile; the rest is not."""
    values = [value for part in read_values(shared_data / name) for value in part][:LINES]
    flows = {(0, offset) for offset, value in enumerate(values) if _flow(value, format)}
    daemon = make_daemon(input={"format": format}, batch={"max_records": 100, "commit_interval_s": 0.1})
    half = len(values) // 2
    send(kafka, daemon.topics.flows, values[:half])
    daemon.start()
    wait_for(lambda: daemon.handled() >= min(half, 200))
    daemon.kill()
    send(kafka, daemon.topics.flows, values[half:])
    daemon.start()
    wait_for(lambda: daemon.handled() > 0 and daemon.total("oddflow_lag_records") == 0)
    wait_for(lambda: daemon.total("oddflow_in_flight_records") == 0)
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert set(outcome.places()) == flows
    assert len(outcome.scored()) > 0.9 * len(flows)
