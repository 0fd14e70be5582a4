"""Names of fields and ways of writing that exporters have beside the usual ones."""

from __future__ import annotations

from typing import Any

import pytest

from detector.net.community_id import community_id
from detector.records.flow import LABEL
from tests.records.samples import decode, dump

FIRST_VERSION: dict[str, Any] = {
    "Type": "NETFLOW_V9",
    "TimeReceived": 1700000009,
    "SamplingRate": 10,
    "SamplerAddress": "192.0.2.254",
    "TimeFlowStart": 1700000000,
    "TimeFlowEnd": 1700000001,
    "TimeFlowStartMs": 1700000000250,
    "TimeFlowEndMs": 1700000001750,
    "Bytes": 84,
    "Packets": 1,
    "SrcAddr": "192.0.2.10",
    "DstAddr": "198.51.100.7",
    "Etype": 2048,
    "Proto": 6,
    "SrcPort": 50000,
    "DstPort": 443,
    "TcpFlags": 2,
    "IcmpType": 0,
    "IcmpCode": 0,
}
"""As goflow2 before version 2 writes it."""

ICMP = {"src_ip": "s", "dst_ip": "d", "proto": "p", "ts": "t", "dst_port": "dp"}


def _flow(name: str, values: list[bytes], **options: Any) -> dict[str, Any]:
    (flow,) = decode(name, values, **options).frame.to_dicts()
    return flow


def test_goflow2_before_version_2_names_its_fields_otherwise() -> None:
    """``TimeFlowStartMs`` is ``time_flow_start_ms``, and so on."""
    flow = _flow("goflow2", [dump(FIRST_VERSION)])
    wanted = {
        "ts": 1700000000.25,
        "duration_s": 1.5,
        "src_ip": "192.0.2.10",
        "dst_port": 443,
        "proto": "tcp",
        "state": "S0",
        "src_bytes": 840,
        "src_packets": 10,
    }
    assert {name: flow[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("ports", "told", "expected"),
    [
        ((0, 2048), (0, 0), (8, 0)),
        ((0, 769), (None, None), (3, 1)),
        ((0, 0), (0, 0), (0, 0)),  # an echo's answer
        ((0, 2048), (11, 1), (11, 1)),  # the exporter's own fields win
        ((0, 0), (8, 0), (8, 0)),
        ((0, 771), (0, 3), (0, 3)),
        ((8, 0), (0, 0), (8, 0)),
    ],
)
@pytest.mark.parametrize("proto", ["ICMP", "IPv6-ICMP"])
def test_icmp_of_netflow_5_is_in_the_destination_port(
    ports: tuple[int, int], told: tuple[int | None, int | None], expected: tuple[int, int], proto: str
) -> None:
    """Type × 256 + code is taken apart, unless the exporter has fields for them."""
    changes = {"SrcPort": ports[0], "DstPort": ports[1], "IcmpType": told[0], "IcmpCode": told[1], "Proto": proto}
    flow = _flow("goflow2", [dump(FIRST_VERSION, **changes)])
    assert (flow["src_port"], flow["dst_port"]) == expected


def test_the_community_id_of_netflow_5_is_that_of_other_tools() -> None:
    """An echo request has the id that Zeek gives the same packets."""
    flow = _flow("goflow2", [dump(FIRST_VERSION, Proto="ICMP", SrcPort=0, DstPort=2048)])
    ends = flow["src_ip"], flow["dst_ip"], flow["proto"], flow["src_port"], flow["dst_port"]
    assert community_id(*ends) == community_id("192.0.2.10", "198.51.100.7", "icmp", 8, 0)


@pytest.mark.parametrize(("proto", "ports"), [("icmp", (8, 0)), ("udp", (None, 2048))])
def test_a_mapping_reads_icmp_of_netflow_5_too(proto: str, ports: tuple[int | None, int]) -> None:
    """Only for ICMP is the destination port taken apart."""
    record = {"s": "192.0.2.10", "d": "198.51.100.7", "p": proto, "t": 1700000000, "dp": 2048}
    flow = _flow("mapping", [dump(record)], mapping=ICMP)
    assert (flow["src_port"], flow["dst_port"]) == ports


RA = b"stime,ltime,proto,saddr,sport,daddr,dport,pkts,bytes,state,spkts,sbytes,attack,category"


@pytest.mark.parametrize(
    ("truth", "label"), [(b"1,DoS", "DoS"), (b"0,Normal", "benign"), (b"1,", "attack"), (b",", None)]
)
def test_argus_by_the_names_of_its_fields(truth: bytes, label: str | None) -> None:
    """What ``ra`` has no duration for is last less first time; BoT-IoT's labels are its category."""
    line = b"1700000000.25,1700000001.75,udp,192.0.2.10,50000,198.51.100.7,443,11,2100,CON,5,100," + truth
    flow = _flow("argus", [RA, line], labels=True)
    assert flow["duration_s"] == 1.5
    assert (flow["src_bytes"], flow["dst_bytes"], flow["src_packets"], flow["dst_packets"]) == (100, 2000, 5, 6)
    assert flow[LABEL] == label


def test_argus_columns_may_be_named_by_the_settings() -> None:
    """Without any header line, the columns are those that ``-s`` was given."""
    line = b"1700000000.25,1.5,udp,192.0.2.10,50000,198.51.100.7,443,CON"
    flow = _flow("argus", [line], columns=("stime", "dur", "proto", "saddr", "sport", "daddr", "dport", "state"))
    assert (flow["ts"], flow["duration_s"], flow["dst_port"]) == (1700000000.25, 1.5, 443)
