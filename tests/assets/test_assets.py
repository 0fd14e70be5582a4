"""What is known of an address: the most special entry, its worth, and what it may do until when."""

from __future__ import annotations

import ipaddress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.assets.assets import NOTHING, Allowed, Asset, Assets, covers_everything

KINDS = ("scan", "sweep", "other")


def asset(network: str, name: str = "a", weight: float | None = None, role: str = "") -> Asset:
    """An entry."""
    return Asset(ipaddress.ip_network(network), name, role, weight)


def rule(network: str, until: date = date(2027, 1, 31), **changes: frozenset[int] | frozenset[str]) -> Allowed:
    """A rule of the allow-list."""
    return Allowed(ipaddress.ip_network(network), until, "the weekly scan", **changes)  # type: ignore[arg-type]


NETWORKS = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda each: f"{each[0]}/{each[1]}")


@given(st.lists(NETWORKS, max_size=12), st.ip_addresses(v=4))
def test_the_longest_prefix_wins(networks: list[str], address: ipaddress.IPv4Address) -> None:
    """Of all networks that hold an address, the smallest tells what it is; else nothing does."""
    entries = [Asset(ipaddress.ip_network(each, strict=False), str(at)) for at, each in enumerate(networks)]
    found = Assets(entries).of(str(address))
    lengths = [each.network.prefixlen for each in entries if address in each.network]
    assert (found.network.prefixlen if found else None) == max(lengths, default=None)
    assert found is None or address in found.network


def test_both_families_are_known() -> None:
    """IPv6 addresses are found, IPv4 ones in their IPv6 form too, and what is no address is nobody."""
    known = Assets([asset("2001:db8::/32", "six"), asset("10.0.1.5/32", "db-prod", role="database")])
    assert [known.named(each) for each in ("2001:db8::7", "::ffff:10.0.1.5", "10.0.1.6", "nobody")] == [
        "2001:db8::7 (six)",
        "::ffff:10.0.1.5 (db-prod, database)",
        "10.0.1.6",
        "nobody",
    ]


def test_the_worthiest_host_counts() -> None:
    """Of several hosts the greatest weight counts; where none has one, none is told."""
    known = Assets(
        [asset("10.0.0.0/8", "all", 0.5), asset("10.0.1.0/24", "servers", 2.0), asset("10.0.2.0/24", "desks")]
    )
    assert (known.worth("10.9.9.9"), known.worth("10.9.9.9", "10.0.1.1"), known.worth("10.0.2.1", "1.1.1.1")) == (
        0.5,
        2.0,
        None,
    )
    assert NOTHING.worth("10.0.0.1") is None


def test_a_rule_ends_with_its_day() -> None:
    """It holds until the end of its last day, UTC, by the flow's own time, and not a moment longer."""
    known = Assets(rules=[rule("10.0.9.7/32")])
    end = datetime(2027, 2, 1, tzinfo=UTC).timestamp()
    assert known.allowed("10.0.9.7", end - 1e-3, 22) is known.rules[0]
    assert known.allowed("10.0.9.7", end, 22) is None
    assert known.allowed("10.0.9.8", end - 1e-3, 22) is None
    assert known.rules[0].words == "allowed until 2027-01-31: the weekly scan"


def test_a_rule_may_hold_for_good() -> None:
    """The last day that there is ends like any other."""
    known = Assets(rules=[rule("10.0.9.7/32", date.max)])
    assert known.allowed("10.0.9.7", 253_402_300_799.0, 22) is known.rules[0]
    assert known.allowed("10.0.9.7", 253_402_300_800.0, 22) is None


def test_a_rule_may_be_for_ports_or_kinds() -> None:
    """Only its ports are covered, and its kinds, and what has no name yet."""
    known = Assets(rules=[rule("10.0.9.0/24", ports=frozenset({22}), kinds=frozenset({"scan"}))])
    assert known.allowed("10.0.9.7", 0.0, 22) is not None
    assert known.allowed("10.0.9.7", 0.0, 23) is None
    assert known.allowed("10.0.9.7", 0.0, None) is None
    assert [known.rules[0].covers(kind) for kind in ("scan", "other", "exfiltration")] == [True, True, False]


@pytest.mark.parametrize(
    ("networks", "named"),
    [
        (["0.0.0.0/0"], [0]),
        (["128.0.0.0/1", "10.0.9.7/32", "0.0.0.0/1", "0.0.0.0/1"], [0, 2]),
        (["::/0"], [0]),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], [0, 1, 2]),
        (["fd00::/8", "10.0.0.0/8", "fc00::/7"], [2]),
        (["10.0.0.0/8", "172.16.0.0/12"], []),
        (["fd00::/8"], []),
    ],
)
def test_rules_that_cover_everything_are_found(networks: list[str], named: list[int]) -> None:
    """Rules that together allow every host, or every inside one, are named; those of some ports or kinds are not."""
    bare = [rule(each) for each in networks]
    assert list(map(id, covers_everything(bare, KINDS))) == [id(bare[place]) for place in named]
    assert not covers_everything([rule(each, ports=frozenset({22})) for each in networks], KINDS)
    assert not covers_everything([rule(each, kinds=frozenset({"scan"})) for each in networks], KINDS)
    all_kinds = [rule(each, kinds=frozenset({"scan", "sweep"})) for each in networks]
    assert list(map(id, covers_everything(all_kinds, KINDS))) == [id(all_kinds[place]) for place in named]


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2027, 1, 16), ""),
        (date(2027, 1, 17), "ends on 2027-01-31, in 14 days"),
        (date(2027, 1, 30), "ends on 2027-01-31, in 1 day"),
        (date(2027, 1, 31), "ends on 2027-01-31, today"),
        (
            date(2027, 2, 1),
            "ended on 2027-01-31: it allows nothing any more; give a later until, or delete the rule",
        ),
    ],
)
def test_a_rule_near_its_end_is_told(today: date, told: str) -> None:
    """From two weeks before its last day, and for good after it."""
    assert rule("10.0.9.7/32").ends_soon(today) == told
