"""Community ID version 1 against published values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.net.community_id import community_id, protocol_number

PUBLISHED = [
    # From the specification's baseline, as its C, Java and Suricata implementations quote it.
    ("66.35.250.204", "128.232.110.120", "tcp", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("8.8.8.8", "192.168.1.52", "udp", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("192.168.170.8", "192.168.170.56", "sctp", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    ("192.168.0.89", "192.168.0.1", "icmp", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("fe80::260:97ff:fe07:69ea", "ff02::1", "ipv6-icmp", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="),
    (
        "2001:470:e5bf:dead:4957:2174:e82c:4887",
        "2607:f8b0:400c:c03::1a",
        "tcp",
        63943,
        25,
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    ("1.2.3.4", "5.6.7.8", "tcp", 1122, 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="),
]


@pytest.mark.parametrize(("flow", "expected"), [(each[:5], each[5]) for each in PUBLISHED])
def test_published_values(flow: tuple[str, str, str, int, int], expected: str) -> None:
    """Each published flow has its published id."""
    assert community_id(*flow) == expected


@pytest.mark.parametrize(("flow", "expected"), [(each[:5], each[5]) for each in PUBLISHED if "icmp" not in each[2]])
def test_both_directions_are_one_flow(flow: tuple[str, str, str, int, int], expected: str) -> None:
    """With the endpoints swapped the id is the same."""
    src, dst, proto, src_port, dst_port = flow
    assert community_id(dst, src, proto, dst_port, src_port) == expected


def test_an_echo_and_its_reply_are_one_flow() -> None:
    """The answer to an ICMP request has the request's id."""
    asked = community_id("192.168.0.89", "192.168.0.1", "icmp", 8, 0)
    assert community_id("192.168.0.1", "192.168.0.89", "icmp", 0, 0) == asked


def test_a_seed_changes_the_id() -> None:
    """Another seed gives another id."""
    flow = ("1.2.3.4", "5.6.7.8", "tcp", 1122, 3344)
    assert community_id(*flow, seed=1) != community_id(*flow)


@pytest.mark.parametrize(
    ("src", "dst", "proto", "src_port", "dst_port"),
    [
        ("1.2.3.4", "::1", "tcp", 1, 2),
        ("nonsense", "5.6.7.8", "tcp", 1, 2),
        ("1.2.3.4", "5.6.7.8", "no-such-protocol", 1, 2),
        ("1.2.3.4", "5.6.7.8", "tcp", None, 2),
        ("1.2.3.4", "5.6.7.8", "udp", 1, 70_000),
    ],
)
def test_where_there_is_none(src: str, dst: str, proto: str, src_port: int | None, dst_port: int | None) -> None:
    """What version 1 defines no id for has none, and nothing raises."""
    assert community_id(src, dst, proto, src_port, dst_port) is None


def test_protocols_without_ports_need_none() -> None:
    """GRE has an id by addresses alone; ICMP over IPv6 counts as ICMPv6."""
    assert community_id("1.2.3.4", "5.6.7.8", "gre", None, None) is not None
    assert (protocol_number("icmp"), protocol_number("icmp", ipv6=True), protocol_number("?")) == (1, 58, None)


@given(
    st.ip_addresses().map(str),
    st.ip_addresses().map(str),
    st.sampled_from(["tcp", "udp", "icmp", "gre", "x"]) | st.text(max_size=4),
    st.none() | st.integers(-(2**31), 2**31),
    st.none() | st.integers(-(2**31), 2**31),
)
def test_nothing_raises(src: str, dst: str, proto: str, src_port: int | None, dst_port: int | None) -> None:
    """Whatever a flow holds, there is an id or none."""
    result = community_id(src, dst, proto, src_port, dst_port)
    assert result is None or (result.startswith("1:") and len(result) == 30)
