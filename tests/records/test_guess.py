"""Guessing a format: records of each are recognised, and what is none is not."""

from __future__ import annotations

import json

import pytest

from detector.records.guess import Sample, guess
from tests.records.samples import CONN, EVE, TSV, dump

GOFLOW2 = {
    "type": "NETFLOW_V9",
    "time_received_ns": 1700000001000000000,
    "time_flow_start_ns": 1700000000000000000,
    "src_addr": "192.0.2.1",
    "dst_addr": "192.0.2.2",
    "proto": "TCP",
    "bytes": 100,
    "packets": 5,
}
VPC = b"2 1 eni 192.0.2.1 192.0.2.2 1 2 6 5 100 1700000000 1700000060 ACCEPT OK"


def shipped(value: bytes) -> bytes:
    """A record as Filebeat sends it."""
    return json.dumps({"@timestamp": "2023-11-14T22:13:20Z", "message": value.decode()}).encode()


@pytest.mark.parametrize(
    ("values", "chosen", "found"),
    [
        ([dump(CONN)], "suricata", ("zeek", "")),
        (TSV, "vpcflow", ("zeek", "")),
        ([dump(EVE, event_type="dns"), dump(EVE)], "zeek", ("suricata", "")),
        ([dump(GOFLOW2)], "zeek", ("goflow2", "")),
        ([VPC], "argus", ("vpcflow", "")),
        ([shipped(dump(CONN))], "zeek", ("zeek", "message")),
        ([shipped(dump(EVE))], "zeek", ("suricata", "message")),
        ([shipped(VPC)], "zeek", ("vpcflow", "message")),
        ([b'{"conn": ' + dump(CONN) + b"}", b'{"dns": {"ts": 1}}'], "zeek", ("zeek", "conn")),
        ([b"[" + dump(EVE) + b"]"], "zeek", ("suricata", "")),
        ([b"{}", b"x", b"1,2,3"], "zeek", None),
        ([], "zeek", None),
    ],
)
def test_records_tell_their_format(values: list[bytes], chosen: str, found: tuple[str, str] | None) -> None:
    """The format, and the envelope if there is one, that makes flows of them."""
    assert guess(values, chosen) == found


def test_the_hint_has_the_flags_to_set() -> None:
    """What to write is said as it is to be written."""
    sample = Sample()
    sample.add([None, shipped(dump(EVE))])
    assert sample.hint("zeek") == "this looks like suricata in message: --format suricata --unpack message"


def test_a_sample_is_bounded() -> None:
    """Neither many values nor large ones are all kept."""
    sample = Sample()
    for _ in range(10):
        sample.add([b"x" * 100] * 300)
        sample.add([b"x" * (1 << 20)])
    assert len(sample.values) == 500
