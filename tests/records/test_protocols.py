"""Names and numbers of transport protocols, as each tool spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.records.protocols import name_number, name_protocol
from tests.records.samples import QUICK

SUFFIXES = st.sampled_from(["", " ", "\t"])


@QUICK
@given(st.integers(0, 255), st.integers(0, 3), SUFFIXES, SUFFIXES)
def test_a_number_is_its_name_however_it_is_padded(number: int, zeros: int, before: str, after: str) -> None:
    """Zeros and spaces around a number change nothing, nor does the case of the name that it gives."""
    name = name_protocol(before + "0" * zeros + str(number) + after)
    assert name == name_number(number)
    assert name_protocol(name_number(number).upper()) == name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("IPv6-ICMP", "icmp"),  # goflow2, Suricata
        ("ICMPv6", "icmp"),  # nProbe
        ("ipv6_icmp", "icmp"),
        ("SwIPe", "swipe"),  # Suricata
        ("IP-in-IP", "ipv4"),
        ("IS-IS", "isis"),
        ("ISIS over IPv4", "isis"),  # goflow2
        ("Mobility Header", "mobility"),
        ("any-0-hop-protocol", "proto-114"),
        ("mobility-header", "mobility"),  # /etc/protocols
        ("ipencap", "ipv4"),
        ("ipnip", "ipv4"),  # Argus
        ("ucl", "cbt"),
        ("ipv6-no", "ipv6-nonxt"),
        ("unknown_transport", "unknown_transport"),  # Zeek
        ("SWIPE (deprecated)", "swipe"),  # IANA's own table
        ("6.0", "tcp"),  # a number that went through a table with gaps
        ("proto-145", "nsh"),
    ],
)
def test_each_tools_spelling_is_known(spelling: str, name: str) -> None:
    """Case, signs and spaces inside a name tell nothing."""
    assert name_protocol(spelling) == name


@pytest.mark.parametrize("spelling", ["", "-", "tcp" + " " * 100, "256", "-1", "6.5", "tpc", "٦", "6 17", "1e1"])
def test_what_is_no_protocol_has_no_name(spelling: str) -> None:
    """Nothing is guessed."""
    assert name_protocol(spelling) is None
