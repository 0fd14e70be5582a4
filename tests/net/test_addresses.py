"""Reading addresses in bulk."""

from __future__ import annotations

import ipaddress

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.net.addresses import BROADCAST, MULTICAST, NO_NETWORK, PRIVATE, read_addresses
from detector.net.networks import canonical, networks_of


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


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("198.51.100.7", PRIVATE),
        ("::ffff:198.51.100.7", PRIVATE),
        ("198.51.100.255", PRIVATE | BROADCAST),
        ("198.51.101.7", 0),
        ("2001:db8:1::7", PRIVATE),
        ("2001:db8:2::7", 0),
        ("10.0.0.1", PRIVATE),
        ("224.0.0.251", MULTICAST),
        ("localhost", 0),
        (None, 0),
    ],
)
def test_networks_that_are_inside_count_as_private(text: str | None, kind: int) -> None:
    """Addresses of the networks given are private, too; all others are what they were."""
    inside = networks_of(["198.51.100.0/24", "2001:db8:1::/48"])
    assert read_addresses(pl.Series([text], dtype=pl.String), inside).kinds.tolist() == [kind]


networks = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(
        lambda bits: ipaddress.ip_network(f"{address}/{bits}", strict=False)
    )
)


@settings(deadline=None)  # the first call compiles
@given(st.lists(networks, max_size=5), st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), max_size=5))
def test_being_inside_is_as_the_library_says(
    given: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
) -> None:
    """An address whose kind is none otherwise is private exactly if it is in one of the networks."""
    asked = [*addresses, *(network.network_address for network in given), *(network[-1] for network in given)]
    column = pl.Series([str(address) for address in asked], dtype=pl.String)
    plain = read_addresses(column).kinds
    found = read_addresses(column, networks_of(map(str, given))).kinds
    for address, before, after in zip(asked, plain.tolist(), found.tolist(), strict=True):
        wanted = bool(before & PRIVATE) or (before == 0 and any(_among(address, network) for network in given))
        assert bool(after & PRIVATE) == wanted


def _among(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    """Whether it is in the network, an IPv4 address in either of its forms."""
    forms = [address]
    if isinstance(address, ipaddress.IPv4Address):
        forms.append(ipaddress.IPv6Address((0xFFFF << 32) | int(address)))
    elif address.ipv4_mapped is not None:
        forms.append(address.ipv4_mapped)
    return any(form in network for form in forms)


def test_networks_are_listed_once_in_one_spelling() -> None:
    """However they are given, the same networks are the same list."""
    given = ["2001:DB8:1::/48", "198.51.100.0/24", "192.0.2.1", "198.51.100.0/24"]
    assert canonical(given) == ("192.0.2.1/32", "198.51.100.0/24", "2001:db8:1::/48")


@pytest.mark.parametrize("text", ["", "198.51.100.7/24", "198.51.100.0/33", "example.org"])
def test_text_that_is_no_network_is_named(text: str) -> None:
    """The error says which text it was, and what to give."""
    with pytest.raises(ValueError, match=r"give a network such as 198\.51\.100\.0/24") as caught:
        networks_of([text])
    assert repr(text) in str(caught.value) or text in str(caught.value)
