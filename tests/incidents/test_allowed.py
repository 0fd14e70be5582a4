"""What is known of hosts, in incidents: their names, what they are worth, and what they may do."""

from __future__ import annotations

import ipaddress
from datetime import date
from typing import Any

from detector.assets.assets import Allowed, Asset, Assets
from detector.incidents.book import Change, IncidentBook
from detector.incidents.words import words_of
from tests.alerts.contents import alert

T0 = 1.7e9
"""In November 2023."""

SCANNER, SERVER = "10.0.9.7", "10.0.1.5"


def rule(until: date = date(2023, 12, 31), *kinds: str) -> Allowed:
    """Allows the scanner."""
    return Allowed(ipaddress.ip_network(SCANNER), until, "the weekly scan", kinds=frozenset(kinds))


def scanned(known: Assets, *more: dict[str, Any], book: IncidentBook | None = None) -> list[Change]:
    """What is told of the scanner's scan of the server, and of more of its flows."""
    book = book or IncidentBook(assets=known)
    flows = [{"dst_port": port, "state": "S0", "duration_s": 0.0} for port in range(20)]
    for number, flow in enumerate([*flows, *more]):
        whole: dict[str, Any] = {"ts": T0 + number, "src_ip": SCANNER, "dst_ip": SERVER} | flow
        book.put(alert(number, severity=5, direction="internal", assets=known, **whole))
    book.close_all()
    return book.take()


def test_what_is_allowed_is_no_risk_and_says_so() -> None:
    """A known scanner's scan is counted and told, with severity Low, no risk, until when, and why."""
    last = scanned(Assets(rules=[rule()]))[-1]
    assert (last.kind.name, last.incident.count, last.incident.severity, last.incident.risk) == ("scan", 20, 2, 0)
    assert last.incident.severity_why == "allowed until 2023-12-31: the weekly scan"
    assert last.incident.is_allowed


def test_after_its_day_it_counts_in_full() -> None:
    """Once a rule is over by the flows' own time, the same scan is as severe as anybody's."""
    over, nobody = scanned(Assets(rules=[rule(date(2023, 11, 13))]))[-1], scanned(Assets())[-1]
    assert over.incident.risk == nobody.incident.risk > 73
    assert not over.incident.is_allowed


def test_only_its_kinds_are_allowed() -> None:
    """A rule for scans covers the scan, from its first alert on, and nothing that turns out to be something else."""
    steps = scanned(Assets(rules=[rule(date(2023, 12, 31), "scan")]))
    assert {change.incident.risk for change in steps} == {0}
    assert scanned(Assets(rules=[rule(date(2023, 12, 31), "sweep")]))[-1].incident.risk > 73


def test_what_is_not_allowed_makes_all_of_it_count() -> None:
    """One alert that no rule covers, of the same incident, and none of it is allowed."""
    late = {"ts": T0 + 30.0, "dst_port": 9_999, "state": "S0"}
    known = Assets(rules=[Allowed(ipaddress.ip_network(SCANNER), date(2023, 12, 31), "x", frozenset(range(100)))])
    assert scanned(known)[-1].incident.risk == 0
    assert scanned(known, late)[-1].incident.risk > 73


def test_a_rule_that_is_gone_allows_nothing() -> None:
    """Of state kept under rules that are no more, the incident counts in full."""
    before, after = IncidentBook(assets=Assets(rules=[rule()])), IncidentBook()
    before.put(alert(0, ts=T0, src_ip=SCANNER, severity=5, assets=Assets(rules=[rule()])))
    after.restore(0, before.snapshot(0))
    after.put(alert(1, ts=T0 + 1, src_ip=SCANNER, severity=5))
    assert after.take()[-1].incident.risk > 0


def test_names_and_weights_are_told() -> None:
    """The headline names who is known, and what the hosts are worth moves the risk and says so."""
    known = Assets([Asset(ipaddress.ip_network(SERVER), "db-prod", "database", 2.0)])
    last, usual = scanned(known)[-1], scanned(Assets())[-1]
    assert words_of(last.incident, last.kind).headline.text == f"Port scan of {SERVER} (db-prod, database) by {SCANNER}"
    assert last.incident.risk > usual.incident.risk
    assert "a host that weighs 2" in last.incident.severity_why
