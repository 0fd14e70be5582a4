"""Suricata's EVE flow events."""

from __future__ import annotations

from typing import Any

import pytest

from detector.records.flow import LABEL, ROW
from tests.records.samples import EVE, decode, dump, reasons


def _flow(**changes: Any) -> bytes:
    return dump(EVE, flow={**EVE["flow"], **changes})


def test_a_flow_event_becomes_the_canonical_flow() -> None:
    """Every field of a flow event stands in its canonical column."""
    assert decode("suricata", [dump(EVE)]).frame.drop(ROW).row(0, named=True) == {
        "uid": "445348883402532",
        "ts": 1700000000.25,
        "duration_s": 1.5,
        "src_ip": "192.0.2.1",
        "src_port": 50000,
        "dst_ip": "2001:db8::7",
        "dst_port": 443,
        "proto": "tcp",
        "service": "tls",
        "state": "SF",
        "src_bytes": 100,
        "dst_bytes": 2000,
        "src_packets": 5,
        "dst_packets": 6,
        "direction": None,
    }


def test_other_events_are_passed_over() -> None:
    """Alerts, statistics and the like are counted, even if they hold a flow."""
    batch = decode("suricata", [dump(EVE, event_type="alert"), dump(EVE), dump({"event_type": "stats"})])
    assert (batch.rows.tolist(), batch.passed_over) == ([1], {"other_event": 2})


def test_what_is_no_event_is_rejected() -> None:
    """A record without a type cannot be passed over for its type."""
    batch = decode("suricata", [dump(EVE, event_type=None), b"{}", dump(EVE, event_type=7)])
    assert reasons(batch) == ["missing_field", "missing_field", "wrong_type"]


@pytest.mark.parametrize(
    ("to_server", "to_client", "state"),
    [
        ("02", "00", "S0"),
        ("02", "14", "REJ"),
        ("1b", "1b", "SF"),
        ("1e", "1a", "RSTO"),
        ("1a", "16", "RSTR"),
        ("10", "10", "OTH"),
    ],
)
def test_flags_of_tcp_become_zeeks_words(to_server: str, to_client: str, state: str) -> None:
    """The state of TCP flows is Zeek's word for the flags of both sides."""
    value = dump(EVE, tcp={"tcp_flags_ts": to_server, "tcp_flags_tc": to_client})
    assert decode("suricata", [value]).frame["state"].to_list() == [state]


def test_state_without_flags_comes_from_what_there_is() -> None:
    """TCP without logged flags goes by Suricata's word, other protocols by who sent packets."""
    values = [
        dump(EVE, tcp=None),
        dump(EVE, proto="UDP"),
        dump(EVE, proto="UDP", flow={**EVE["flow"], "pkts_toclient": 0}),
    ]
    assert decode("suricata", values).frame["state"].to_list() == ["SF", "SF", "S0"]


def test_the_weak_label_is_whether_suricata_alerted() -> None:
    """``flow.alerted`` is benign, alerted, or unknown where it is not said."""
    batch = decode("suricata", [_flow(), _flow(alerted=True), _flow(alerted=None)], labels=True)
    assert batch.frame[LABEL].to_list() == ["benign", "alerted", None]


def test_an_end_before_the_start_is_no_duration() -> None:
    """Clocks step; such a flow is used without its duration."""
    assert decode("suricata", [_flow(end="2023-11-14T23:13:20.000000+0100")]).frame["duration_s"].to_list() == [None]


def test_a_flow_without_a_start_is_rejected() -> None:
    """The time of logging never stands in for the start."""
    assert reasons(decode("suricata", [_flow(start=None)])) == ["missing_field"]


def test_icmp_has_type_and_code_for_ports() -> None:
    """As in Zeek, ICMP's type and code stand in the columns of ports."""
    value = dump(EVE, proto="ICMP", src_port=None, dest_port=None, icmp_type=8, icmp_code=0)
    flow = decode("suricata", [value]).frame.row(0, named=True)
    assert (flow["proto"], flow["src_port"], flow["dst_port"]) == ("icmp", 8, 0)
