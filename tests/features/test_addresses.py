"""Reading addresses in bulk."""

from __future__ import annotations

import ipaddress

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.features.addresses import BROADCAST, MULTICAST, NO_NETWORK, PRIVATE, read_addresses


def kind_and_network(text: str | None) -> tuple[int, int]:
    """Read one address."""
    kinds, networks = read_addresses(pl.Series([text], dtype=pl.String))
    return int(kinds[0]), int(networks[0])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8.8.8.8", 0),
        ("10.1.2.3", PRIVATE),
        ("172.16.0.1", PRIVATE),
        ("172.31.9.9", PRIVATE),
        ("172.32.0.1", 0),
        ("192.168.0.1", PRIVATE),
        ("192.169.0.1", 0),
        ("100.64.0.1", PRIVATE),
        ("100.127.255.1", PRIVATE),
        ("100.128.0.1", 0),
        ("127.0.0.1", PRIVATE),
        ("169.254.1.1", PRIVATE),
        ("0.0.0.0", PRIVATE),  # noqa: S104  (nothing is bound)
        ("224.0.0.251", MULTICAST),
        ("239.255.255.250", MULTICAST),
        ("255.255.255.255", BROADCAST),
        ("192.168.1.255", PRIVATE | BROADCAST),
        ("93.184.216.255", 0),
        ("::", PRIVATE),
        ("::1", PRIVATE),
        ("fe80::1", PRIVATE),
        ("fe80::1%eth0", PRIVATE),
        ("fd12:3456::1", PRIVATE),
        ("ff02::fb", MULTICAST),
        ("2001:db8::1", 0),
        ("::ffff:10.0.0.1", PRIVATE),
        ("::ffff:8.8.8.8", 0),
    ],
)
def test_kinds(text: str, kind: int) -> None:
    """Each address has the kind that the registries give it."""
    assert kind_and_network(text)[0] == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.0004",
        "1:2:3",
        ":1:2",
        "1::2::3",
        "12345::",
        "::g",
    ],
)
def test_unreadable_text_has_no_kind_and_no_network(text: str | None) -> None:
    """Text that is no address is neither private nor on anyone's network."""
    assert kind_and_network(text) == (0, NO_NETWORK)


@settings(deadline=None)  # the first call compiles
@given(st.ip_addresses(v=4))
def test_ipv4_network_is_the_first_two_octets(address: ipaddress.IPv4Address) -> None:
    """An IPv4 address belongs to its /16."""
    assert kind_and_network(str(address))[1] == int(address) >> 16


@settings(deadline=None)  # the first call compiles
@given(st.ip_addresses(v=6), st.booleans())
def test_ipv6_network_is_the_first_48_bits(address: ipaddress.IPv6Address, exploded: bool) -> None:
    """An IPv6 address, however it is written, belongs to its /48, and never to an IPv4 network."""
    mapped = address.ipv4_mapped
    expected = 1 << 48 | int(address) >> 80 if mapped is None else int(mapped) >> 16
    assert kind_and_network(address.exploded if exploded else str(address))[1] == expected


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.none() | st.text(alphabet="0123456789abcdef.:%é", max_size=40)))
def test_any_text_is_survived(texts: list[str | None]) -> None:
    """Whatever the text, each row gets a kind and a network, as it would by itself."""
    kinds, networks = read_addresses(pl.Series(texts, dtype=pl.String))
    assert list(zip(kinds.tolist(), networks.tolist(), strict=True)) == [kind_and_network(text) for text in texts]
