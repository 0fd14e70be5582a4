"""What an incident is taken for: each kind by alerts in its shape, and what resembles one and is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from detector.alerts.raised import Raised
from detector.incidents.book import IncidentBook
from detector.incidents.kinds import KINDS, NAMES
from tests.alerts.contents import alert
from tests.incidents.shapes import (
    T0,
    beacon,
    calls,
    ended,
    flood,
    logins,
    moved,
    moves,
    ports,
    put_all,
    scan,
    spread_flood,
    tunnel,
    upload,
    whole,
)


@pytest.mark.parametrize(
    ("make", "count", "kind"),
    [
        (scan, 12, "sweep"),
        (ports, 12, "scan"),
        (logins, 6, "brute force"),
        (flood, 200, "flood"),
        (spread_flood, 25, "flood"),
        (upload, 2, "exfiltration"),
        (tunnel, 6, "dns tunnel"),
        (moves, 9, "lateral movement"),
        (calls, 6, "command and control"),
        (moved, 2, "policy oddity"),
        (beacon, 6, "beacon"),
        (beacon, 2, "other"),
        (scan, 2, "other"),
        (logins, 2, "other"),
    ],
)
def test_kinds_are_guessed_by_their_rules(make: Callable[[int], list[Raised]], count: int, kind: str) -> None:
    """Each kind is named as its rule says, and not before there is enough to go by."""
    book = IncidentBook()
    assert [each for each, _, _ in whole(ended(book, make(count)))] == [kind]


@pytest.mark.parametrize("address", ["224.0.0.251", "255.255.255.255", "10.0.0.255", "ff02::fb"])
def test_calling_everyone_is_no_flood(address: str) -> None:
    """Many hosts that send to a multicast or broadcast address, which nobody answers, are not called a flood."""
    alerts = [alert(i, ts=T0 + i, src_ip=f"10.0.0.{i}", dst_ip=address, state="S0") for i in range(40)]
    assert put_all(IncidentBook(), alerts)[-1].kind == "other"


def test_a_flood_among_other_alerts_is_still_one() -> None:
    """A few alerts at other ports of the same destination do not hide a flood."""
    strays = [alert(900 + i, ts=T0, dst_port=5_000 + i, state="S0") for i in range(8)]
    assert put_all(IncidentBook(), [*strays, *spread_flood(40)])[-1].kind == "flood"


def test_an_answered_crawl_is_no_scan() -> None:
    """One source with many destinations that all answer is not called a scan."""
    told = put_all(IncidentBook(), scan(30, state="SF", dst_packets=5, dst_bytes=900))
    assert told[-1].kind != "scan"


def test_kinds_are_the_documented_ones() -> None:
    """The kinds are those that the product promises, each with its rule in words."""
    assert set(NAMES) == {
        *("scan", "sweep", "flood", "brute force", "exfiltration", "dns tunnel", "beacon", "lateral movement"),
        *("command and control", "policy oddity", "other"),
    }
    assert all(kind.states and kind.meaning and kind.innocent and kind.check for kind in KINDS)
    assert [kind.name for kind in KINDS if not (kind.tactic and kind.techniques)] == ["policy oddity", "other"]
