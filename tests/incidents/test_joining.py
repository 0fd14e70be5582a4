"""Which alerts join to one incident, and which stay apart."""

from __future__ import annotations

from typing import Any

import pytest

from detector.alerts.raised import Raised
from detector.incidents.book import IncidentBook
from detector.incidents.words import words_of
from tests.alerts.contents import alert
from tests.incidents.shapes import (
    GAP_S,
    T0,
    ended,
    put_all,
    scan,
    spread_flood,
    whole,
)


def browsing(count: int, view: str = "breadth", **changes: Any) -> list[Raised]:
    """One source at many web servers, half a minute apart, all of which answer."""
    return [
        alert(i, ts=T0 + 30 * i, dst_ip=f"198.51.100.{i}", dst_port=443, state="SF", view=view, **changes)
        for i in range(count)
    ]


def test_many_new_web_servers_are_one_incident() -> None:
    """Alerts that are odd as many new contacts of a host are one, also at a web port."""
    book = IncidentBook()
    told = put_all(book, browsing(5))
    assert len({each.id for each in told[2:]}) == 1
    assert book.open == 1
    assert book.take()[-1].incident.destinations == {f"198.51.100.{i}": 1 for i in range(5)}


def test_web_servers_that_are_odd_by_themselves_are_incidents_each() -> None:
    """Everybody uses the web: one port there is no common deed."""
    book = IncidentBook()
    assert len({each.id for each in put_all(book, browsing(5, "surprise"))}) == 5


def test_what_is_odd_by_itself_is_not_of_a_host_s_new_web_servers() -> None:
    """A flow to one of them that is odd for what it does begins an incident of its own, and others join the many."""
    book = IncidentBook()
    put_all(book, browsing(4))
    upload = alert(10, ts=T0 + 200, dst_ip="198.51.100.2", dst_port=443, state="SF", view="volume")
    again = alert(11, ts=T0 + 201, dst_ip="198.51.100.2", dst_port=443, state="SF", view="volume")
    more = alert(12, ts=T0 + 202, dst_ip="198.51.100.9", dst_port=443, state="SF", view="breadth")
    own, of_it, joined = put_all(book, [upload, again, more])
    assert (own.alerts, of_it.alerts, joined.alerts) == (1, 2, 5)
    assert own.id == of_it.id != joined.id


def test_web_servers_that_a_sweep_finds_are_of_the_sweep() -> None:
    """Of a sweep at several ports what answers at a web port is part of it, and takes nothing away from it."""
    book = IncidentBook()
    swept = scan(40, view="breadth")
    tried = [each._replace(dst_port=443 if n % 2 else 444) for n, each in enumerate(swept)]
    answers: dict[str, Any] = {"state": "SF", "dst_packets": 2, "dst_bytes": 400}
    alerts = [each._replace(**answers) if n % 4 == 3 else each for n, each in enumerate(tried)]
    told = put_all(book, alerts)
    assert ({each.id for each in told[2:]}, book.open) == ({told[-1].id}, 1)
    assert told[-1].alerts == 40


@pytest.mark.parametrize(
    ("change", "together"),
    [
        ({"dst_port": 4444, "state": "S0", "service": "ssh"}, True),
        ({"src_ip": "192.168.1.9"}, False),
        ({"dst_ip": "192.0.2.9"}, False),
        ({"ts": T0 + 2.0 + GAP_S}, True),
        ({"ts": T0 + 2.1 + GAP_S}, False),
        ({"ts": T0 - GAP_S - 0.1}, False),
        ({"ts": 4e9}, False),
    ],
)
def test_a_pair_is_one_incident(change: dict[str, Any], together: bool) -> None:
    """Alerts of one source and destination are one incident within the gap of its flows, whatever they do."""
    book = IncidentBook()
    ids = [each.id for each in put_all(book, [alert(0, ts=T0), alert(1, **({"ts": T0} | change))])]
    assert (ids[0] == ids[1]) is together


def test_a_third_target_makes_a_scan_of_pairs() -> None:
    """Hosts that do not answer one source are incidents of their own until the third; then all are one, the first."""
    book = IncidentBook()
    ids = [each.id for each in put_all(book, scan(12, dst_port=8080))]
    assert (ids[0] != ids[1], set(ids[2:]), book.met) == (True, {ids[0]}, 1)
    closed = [change for change in book.take() if change.step == "close"]
    assert [(each.incident.id, each.incident.merged_into) for each in closed] == [(ids[1], ids[0])]
    assert whole(ended(book, [])) == [("sweep", "source", 12)]
    assert (book.open, book.met) == (0, 1)


def test_a_third_source_makes_a_crowd_of_pairs() -> None:
    """Sources that do the same at one destination and port are one incident from the third on."""
    assert whole(ended(IncidentBook(), spread_flood(30))) == [("flood", "destination", 30)]
    apart = [alert(i, ts=T0 + i, src_ip=f"198.51.100.{i}", dst_port=80 + i, state="S0") for i in range(9)]
    assert len(whole(ended(IncidentBook(), apart))) == 9


def test_two_things_of_one_source_stay_two() -> None:
    """A host that reports to its controller while it looks for others is two incidents, in whatever order."""
    calls = [alert(500 + i, ts=T0 + 30 * i, dst_port=4444, state="SF") for i in range(8)]
    both = sorted([*calls, *scan(60)], key=lambda each: each.ts)
    assert sorted(whole(ended(IncidentBook(), both))) == [("beacon", "both", 8), ("sweep", "source", 60)]


def test_a_controller_that_is_away_is_no_target_of_a_sweep() -> None:
    """A pair that has gone on for a while without an answer is not taken into a sweep of its source."""
    calls = [alert(500 + i, ts=T0 - 300 + 30 * i, dst_port=4444, state="S0", dst_bytes=0) for i in range(12)]
    both = sorted([*calls, *scan(60)], key=lambda each: each.ts)
    assert sorted(whole(ended(IncidentBook(), both))) == [("beacon", "both", 12), ("sweep", "source", 60)]


def test_a_sweep_takes_in_what_answers_it() -> None:
    """Hosts that answer a sweep belong to it, and so does what the source then does with its targets."""
    alerts = scan(20)
    alerts += [alert(30 + i, ts=T0 + 20 + i, dst_ip=f"10.1.0.{200 + i}", dst_port=445, state="SF") for i in range(3)]
    alerts += [alert(40, ts=T0 + 30, dst_ip="10.1.0.201", dst_port=50_123, state="SF")]
    assert whole(ended(IncidentBook(), alerts)) == [("sweep", "source", 24)]


def test_merging_loses_nothing() -> None:
    """An incident of several pairs has the counts, times, bytes, flows and strongest alerts of all of them."""
    alerts = [
        alert(i, ts=T0 + i, dst_ip=f"10.1.0.{i}", dst_port=22, src_bytes=10, dst_bytes=20, score=i / 10, severity=2 + i)
        for i in range(3)
    ]
    alerts.insert(1, alert(9, ts=T0 + 0.5, dst_ip="10.1.0.0", dst_port=80, src_bytes=5, dst_bytes=0, state="S0"))
    (told,) = [each for each in ended(IncidentBook(), alerts).values() if not each.incident.merged_into]
    incident = told.incident
    assert (incident.count, incident.unanswered, incident.severity, incident.peak_score) == (4, 1, 4, 0.7)
    assert (incident.src_bytes, incident.dst_bytes, incident.ports) == (35, 60, {22: 3, 80: 1})
    assert (incident.destinations, incident.sources) == (
        {f"10.1.0.{i}": 2 - (i > 0) for i in range(3)},
        {"192.168.1.5": 4},
    )
    assert [each.offset for each in incident.flows] == [0, 9, 1, 2]
    assert (incident.first_seen, incident.last_seen) == (T0, T0 + 4)


@pytest.mark.parametrize(("duration_s", "apart"), [(119.9, False), (120.0, True)])
def test_a_session_with_what_a_scan_found_is_not_of_the_scan(duration_s: float, apart: bool) -> None:
    """What was answered and lasted two minutes is told by itself, with its length; shorter, it was a probe."""
    book = IncidentBook()
    ids = put_all(book, [*scan(20), alert(20, ts=T0 + 20, dst_ip="10.1.0.7", dst_port=445, duration_s=duration_s)])
    assert (ids[-1].id != ids[0].id) is apart
    told = {change.incident.id: words_of(change.incident, change.kind).message for change in book.take()}
    assert ("longest session: 2 min with 10.1.0.7 port 445/tcp" in told[ids[-1].id]) is apart


def test_what_goes_on_with_a_host_found_by_a_scan_stays_with_its_session() -> None:
    """After a session began an incident of its own, unanswered tries at the same host are of that, not of the scan."""
    book = IncidentBook()
    session = alert(20, ts=T0 + 20, dst_ip="10.1.0.7", dst_port=443, duration_s=7_200.0)
    later = alert(21, ts=T0 + 25, dst_ip="10.1.0.7", dst_port=443, state="S0")
    ids = [each.id for each in put_all(book, [*scan(20), session, later])]
    assert (ids[-1] == ids[-2], ids[-1] == ids[0]) == (True, False)


def test_a_crowd_takes_in_those_that_fared_otherwise() -> None:
    """Once three sources make one incident of a destination and port, a fourth, answered before, is of it too."""
    book = IncidentBook()
    crowd = [alert(n, ts=T0 + n, src_ip=f"198.51.100.{n}", dst_port=80, state="S0" if n else "SF") for n in range(4)]
    put_all(book, crowd)
    book.close_all()
    last = {change.incident.id: change.incident for change in book.take()}
    whole = [incident for incident in last.values() if not incident.merged_into]
    assert [(incident.focus, incident.count, len(incident.sources)) for incident in whole] == [("destination", 4, 4)]
