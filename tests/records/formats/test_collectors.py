"""JSON of nProbe, pmacct and nfdump."""

from __future__ import annotations

from typing import Any

import pytest

from detector.records.flow import ROW
from detector.records.formats.collectors import NPROBE
from tests.records.samples import decode, dump, reasons

RECORDS: dict[str, dict[str, Any]] = {
    "nprobe": {
        "IPV4_SRC_ADDR": "192.0.2.10",
        "IPV6_SRC_ADDR": "::",
        "IPV4_DST_ADDR": "198.51.100.7",
        "IPV6_DST_ADDR": "::",
        "L4_SRC_PORT": 50000,
        "L4_DST_PORT": 443,
        "PROTOCOL": 6,
        "IN_BYTES": 100,
        "OUT_BYTES": 2000,
        "IN_PKTS": 5,
        "OUT_PKTS": 6,
        "FLOW_START_MILLISECONDS": 1700000000250,
        "FLOW_END_MILLISECONDS": 1700000001750,
        "TCP_FLAGS": 27,
        "FLOW_ID": 77,
    },
    "pmacct": {
        "event_type": "purge",
        "ip_src": "192.0.2.10",
        "ip_dst": "198.51.100.7",
        "port_src": 50000,
        "port_dst": 443,
        "ip_proto": "tcp",
        "tcp_flags": "27",
        "packets": 5,
        "bytes": 100,
        "timestamp_start": "2023-11-14 22:13:20.250000",
        "timestamp_end": "2023-11-14 22:13:21.750000",
        "stamp_inserted": "2023-11-14 22:10:00",
        "writer_id": "kafka/1",
    },
    "nfdump": {
        "type": "FLOW",
        "first": "2023-11-14T22:13:20.250",
        "last": "2023-11-14T22:13:21.750",
        "in_packets": 5,
        "in_bytes": 100,
        "proto": 6,
        "tcp_flags": "...AP.SF",
        "src_port": 50000,
        "dst_port": 443,
        "src4_addr": "192.0.2.10",
        "dst4_addr": "198.51.100.7",
    },
}
FLOW = {
    "ts": 1700000000.25,
    "duration_s": 1.5,
    "src_ip": "192.0.2.10",
    "src_port": 50000,
    "dst_ip": "198.51.100.7",
    "dst_port": 443,
    "proto": "tcp",
    "state": "SF",
    "src_bytes": 100,
    "src_packets": 5,
}
NAMES = list(RECORDS)


def _flow(name: str, **changes: Any) -> dict[str, Any]:
    (flow,) = decode(name, [dump(RECORDS[name], **changes)]).frame.to_dicts()
    return {column: value for column, value in flow.items() if value is not None and column != ROW}


@pytest.mark.parametrize("name", NAMES)
def test_a_record_becomes_the_canonical_flow(name: str) -> None:
    """Every field stands in its canonical column."""
    both = {"dst_bytes": 2000, "dst_packets": 6, "uid": "77"} if name == "nprobe" else {}
    assert _flow(name) == FLOW | both


def test_nprobe_may_number_its_fields() -> None:
    """Without ``--json-labels`` a field is its number in NetFlow 9 and IPFIX."""
    numbered = {NPROBE.numbers[name]: value for name, value in RECORDS["nprobe"].items()}
    assert (
        decode("nprobe", [dump(numbered)]).frame.drop(ROW).to_dicts()[0]
        == (decode("nprobe", [dump(RECORDS["nprobe"])]).frame.drop(ROW).to_dicts()[0])
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("nprobe", {"IPV4_SRC_ADDR": "0.0.0.0", "IPV6_SRC_ADDR": "2001:db8::10"}),  # noqa: S104 - none is meant
        ("nfdump", {"src4_addr": None, "src6_addr": "2001:db8::10"}),
    ],
)
def test_either_version_of_ip_is_read(name: str, changes: dict[str, Any]) -> None:
    """IPv4 and IPv6 have separate fields; the one that has an address counts."""
    assert _flow(name, **changes)["src_ip"] == "2001:db8::10"


@pytest.mark.parametrize(
    ("name", "changes", "ports"),
    [
        ("nprobe", {"PROTOCOL": 1, "L4_SRC_PORT": 0, "L4_DST_PORT": 0, "ICMP_TYPE": 769}, (3, 1)),
        ("nprobe", {"PROTOCOL": 1, "L4_SRC_PORT": 0, "L4_DST_PORT": 2048}, (8, 0)),
        ("pmacct", {"ip_proto": "icmp", "port_src": 0, "port_dst": 2048}, (8, 0)),
        ("nfdump", {"proto": 1, "src_port": 0, "dst_port": 769}, (3, 1)),
    ],
)
def test_icmp_has_type_and_code_as_ports(name: str, changes: dict[str, Any], ports: tuple[int, int]) -> None:
    """Type × 256 + code is taken apart, in whichever field it is."""
    flow = _flow(name, **changes)
    assert (flow["src_port"], flow["dst_port"]) == ports


def test_nprobe_tells_flags_of_both_sides() -> None:
    """Where they are told apart, a refused connection is known as such."""
    assert _flow("nprobe", CLIENT_TCP_FLAGS=2, SERVER_TCP_FLAGS=20)["state"] == "REJ"


def test_pmacct_marks_are_passed_over() -> None:
    """``purge_init`` and ``purge_close`` (``kafka_markers``) are no flows."""
    values = [dump({"event_type": kind, "writer_id": "kafka/1"}) for kind in ("purge_init", "purge_close")]
    assert decode("pmacct", values).passed_over == {"other_event": 2}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", ["time", "address"])
def test_what_a_flow_needs_must_be_there(name: str, missing: str) -> None:
    """Without a time or an address there is no flow, whatever else is there."""
    signs = ("first", "FLOW_START", "stamp") if missing == "time" else ("src4", "SRC_ADDR", "ip_src")
    left = {field: value for field, value in RECORDS[name].items() if not any(sign in field for sign in signs)}
    assert reasons(decode(name, [dump(left), dump(RECORDS[name])])) == ["missing_field"]
