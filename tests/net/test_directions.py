"""Which way a flow goes, by its addresses."""

from __future__ import annotations

import polars as pl
import pytest

from detector.net.directions import directions_of
from detector.net.networks import networks_of
from detector.records.flow import DIRECTIONS


@pytest.mark.parametrize(
    ("src", "dst", "direction"),
    [
        ("10.0.0.1", "192.168.3.4", "internal"),
        ("10.0.0.1", "224.0.0.251", "internal"),
        ("10.0.0.1", "255.255.255.255", "internal"),
        ("fe80::1", "ff02::fb", "internal"),
        ("fd00::1", "2001:db8::1", "outbound"),
        ("172.16.0.9", "198.51.100.7", "outbound"),
        ("198.51.100.7", "10.0.0.1", "inbound"),
        ("198.51.100.7", "203.0.113.1", "external"),
        ("not an address", "", "external"),
    ],
)
def test_direction_is_told_by_the_addresses(src: str, dst: str, direction: str) -> None:
    """Private addresses, multicast and broadcast are inside; whatever cannot be read is outside."""
    frame = pl.DataFrame({"src_ip": [src], "dst_ip": [dst]})
    assert [DIRECTIONS[place] for place in directions_of(frame).tolist()] == [direction]


def test_public_addresses_may_be_inside() -> None:
    """Flows of a network that is said to be inside go out, come in, or stay."""
    ours, theirs = "198.51.100.7", "203.0.113.1"
    frame = pl.DataFrame({"src_ip": [ours, theirs, ours, theirs], "dst_ip": [theirs, ours, "10.0.0.1", theirs]})
    found = directions_of(frame, networks_of(["198.51.100.0/24"]))
    assert [DIRECTIONS[place] for place in found.tolist()] == ["outbound", "inbound", "internal", "external"]


def test_no_flows_have_no_directions() -> None:
    """An empty frame gives an empty array."""
    frame = pl.DataFrame({"src_ip": [], "dst_ip": []}, schema={"src_ip": pl.String, "dst_ip": pl.String})
    assert directions_of(frame).tolist() == []
