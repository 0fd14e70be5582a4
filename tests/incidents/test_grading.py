"""How severe an incident is: by all that is known of it, and told in words."""

from __future__ import annotations

from typing import Any

import pytest

from detector.incidents.book import Change, IncidentBook
from detector.incidents.kinds import KINDS
from tests.alerts.contents import alert

T0 = 1.7e9


def last(*flows: dict[str, Any], severity: int = 2, direction: str = "outbound") -> Change:
    """What is told last of the one incident of these flows."""
    book = IncidentBook()
    for number, flow in enumerate(flows):
        book.put(alert(number, ts=T0 + number, severity=severity, direction=direction, **flow))
    book.close_all()
    return book.take()[-1]


def test_a_large_upload_is_high_and_says_why() -> None:
    """747 MB that left in flows at the edge of the budget are High, by their bytes, whatever their rarity."""
    change = last(
        *({"service": "ssl", "dst_port": 443, "src_bytes": 249_000_000, "dst_bytes": 1_000} for _ in range(3))
    )
    assert (change.kind.name, change.incident.severity) == ("exfiltration", 4)
    assert change.incident.severity_why == ("rare; raised by 747 MB sent out, its kind (exfiltration), a source inside")


def test_what_has_no_pattern_is_never_critical_for_its_rarity() -> None:
    """A lone alert without a pattern is High at most, though it is as rare as any: its kind says so."""
    change = last({"dst_bytes": 900, "state": "SF"}, severity=5, direction="inbound")
    assert (change.kind.name, change.incident.severity) == ("other", 4)
    assert "lowered by its kind (other)" in change.incident.severity_why


@pytest.mark.parametrize(
    ("dst_ip", "kind", "added"),
    [("255.255.255.255", "other", 0), ("239.255.255.250", "other", 0), ("192.168.1.9", "other", 5)],
)
def test_repetition_alone_lifts_nothing_without_a_pattern(dst_ip: str, kind: str, added: int) -> None:
    """Discovery to all, again and again, counts as once; what else has no pattern counts as ten times at most."""
    flow = {"dst_ip": dst_ip, "dst_port": 17_500, "proto": "udp", "dst_bytes": 0, "state": "S0", "service": None}
    once, often = (last(*[flow] * count, severity=3, direction="internal") for count in (1, 350))
    assert (once.kind.name, often.kind.name, often.incident.count) == (kind, kind, 350)
    assert often.incident.risk - once.incident.risk == added
    assert often.incident.severity < 4


def test_an_unanswered_flood_is_no_less_for_that() -> None:
    """A scan that nothing answered weighs less, a flood does not: nobody floods to be answered."""
    kinds = {kind.name: kind for kind in KINDS}
    assert (kinds["flood"].wants_answer, kinds["scan"].wants_answer) == (False, True)
    scan = [{"dst_port": port, "state": "S0", "duration_s": 0.0} for port in range(20)]
    tried, answered = (
        last(*scan),
        last(*[each | {"state": "SF"} if not number % 9 else each for number, each in enumerate(scan)]),
    )
    assert (tried.kind.name, answered.kind.name) == ("scan", "scan")
    assert answered.incident.risk == tried.incident.risk + 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_weighs_no_more_than_a_band(kind: Any) -> None:
    """What a kind adds is less than a band, and only what has no tactic takes away."""
    assert abs(kind.weight) < 26
    assert (kind.weight < 0) == (kind.tactic is None)
