"""Risk by host: what incidents come to for their hosts, how it fades, and when it is told."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import InputError
from detector.incidents.book import IncidentBook
from detector.incidents.host_book import Hosts
from detector.incidents.host_document import write_risks
from detector.incidents.hosts import COUNTED, HALF_LIFE_S, Held, HostRisk, Share, counted, risks
from detector.incidents.incident import Incident
from tests.alerts.contents import alert

T0 = 1.7e9

INSIDE, OUTSIDE = "10.0.0.5", "203.0.113.9"


def share(points: float, incident: str = "i") -> Share:
    """Of an incident."""
    return Share(points, incident, "scan", "attacker", T0)


def over(points: float, *hosts: str, last_seen: float = T0, name: str = "i") -> Held:
    """An incident that these hosts made."""
    return Held(name, "scan", last_seen, dict.fromkeys(hosts, points), {})


def put(book: IncidentBook, *flows: dict[str, Any], direction: str = "outbound", first: int = 0) -> None:
    """Alerts of these flows, heard and put."""
    ts = np.array([flow["ts"] for flow in flows])
    book.hear(ts, np.zeros(len(ts), np.int32))
    for row, flow in enumerate(flows):
        book.put(alert(first + row, severity=5, direction=direction, **flow), row)
    book.pass_time()


def passing(book: IncidentBook, *seconds: float) -> None:
    """Time passes without alerts, by records at these times."""
    for second in seconds:
        book.hear(np.array([T0 + second]), np.zeros(1, np.int32))
        book.pass_time()


def test_each_further_incident_counts_half() -> None:
    """The gravest counts in full, the next half of its points, the third a quarter; more than eight add nothing."""
    assert counted([share(20.0), share(80.0), share(40.0)])[0] == 80.0 + 40.0 / 2 + 20.0 / 4
    assert counted([share(50.0)] * 8)[0] == counted([share(50.0)] * 30)[0] < 100.0
    assert len(counted([share(50.0)] * 30)[1]) == COUNTED


@given(st.lists(st.floats(1, 100), max_size=20))
def test_a_host_is_no_more_than_twice_its_gravest(points: list[float]) -> None:
    """However many incidents a host has, it comes to less than two of the gravest, and to that one at least."""
    total = counted(map(share, points))[0]
    assert max(points, default=0.0) <= total + 1e-9
    assert total <= 2 * max(points, default=0.0)


def test_risk_halves_in_an_hour() -> None:
    """Since an incident's last flow its points halve each hour of event time, until under one nothing is left."""
    incidents = [over(64.0, INSIDE)]
    after = [risks(incidents, T0 + hours * HALF_LIFE_S) for hours in (-1, 0, 1, 6, 6.1)]
    assert [round(each[INSIDE][0], 3) if each else None for each in after] == [64.0, 64.0, 32.0, 1.0, None]


@pytest.mark.parametrize(
    ("direction", "hosts"),
    [
        ("outbound", {INSIDE: "attacker"}),
        ("inbound", {OUTSIDE: "attacked"}),
        ("internal", {INSIDE: "attacker", OUTSIDE: "attacked"}),
        ("external", {INSIDE: "attacker", OUTSIDE: "attacked"}),
    ],
)
def test_only_hosts_inside_count(direction: str, hosts: dict[str, str]) -> None:
    """Of an incident outward the source counts, inward the destination; where neither side is known, both do."""
    book = IncidentBook()
    put(book, *({"ts": T0 + at, "src_ip": INSIDE, "dst_ip": OUTSIDE} for at in range(3)), direction=direction)
    told = book.take_hosts()
    assert {each.host: each.shares[0].role for each in told} == hosts
    (change,) = {change.incident.id: change.incident for change in book.take()}.values()
    assert {each.risk for each in told} == {change.risk}


def test_a_sweep_is_its_source_s() -> None:
    """Of many hosts on one side each has its share of the alerts: the source has all, who was tried next to none."""
    book = IncidentBook()
    flows = [
        {
            "ts": T0 + at / 10,
            "src_ip": INSIDE,
            "dst_ip": f"10.0.1.{at}",
            "state": "S0",
            "dst_port": 22,
            "duration_s": 0.0,
        }
        for at in range(200)
    ]
    put(book, *flows, direction="internal")
    book.take()
    assert set(book.host_risks()) == {INSIDE}
    assert book.host_risks()[INSIDE] > 70


def test_it_is_told_when_it_changes_and_forgotten_when_it_faded() -> None:
    """A host is told with its incident, not again while little changes, fading as it fades, and at last deleted."""
    book = IncidentBook()
    put(book, {"ts": T0, "src_ip": INSIDE, "dst_ip": OUTSIDE})
    (first,) = book.take_hosts()
    assert (first.host, first.partition, first.as_of) == (INSIDE, 0, T0)
    passing(book, 30.0)
    assert book.take_hosts() == []
    told = []
    for minute in range(5, 8 * 60, 5):
        passing(book, minute * 60.0)
        told += book.take_hosts()
    assert [each.host for each in told] == [INSIDE] * len(told)
    values = [each.risk for each in told]
    assert values == sorted(values, reverse=True)
    assert (values[-1], told[-1].shares) == (0.0, ())
    assert 5 <= len(told) <= 20
    assert book.host_risks() == {}


def test_what_is_over_goes_on_to_count() -> None:
    """An incident that was closed fades like one that is open; its risk is there after a restart, too."""
    book, again = IncidentBook(), IncidentBook()
    put(book, {"ts": T0, "src_ip": INSIDE, "dst_ip": OUTSIDE}, {"ts": T0 + 1, "src_ip": INSIDE, "dst_ip": OUTSIDE})
    at_first = book.host_risks()[INSIDE]
    passing(book, *(600.0 * step for step in range(1, 7)))
    assert book.open == 0
    assert book.host_risks()[INSIDE] == pytest.approx(at_first / 2, rel=0.05)
    again.restore(0, book.snapshot(0))
    assert again.host_risks() == book.host_risks()
    again.forget(0)
    assert again.host_risks() == {}


@given(
    st.lists(
        st.tuples(st.sampled_from([1.0, 30.0, 700.0, 9e6, -9e6]), st.integers(0, 3), st.integers(0, 3), st.booleans()),
        max_size=25,
    )
)
def test_what_is_kept_of_risks_is_never_stale(steps: list[tuple[float, int, int, bool]]) -> None:
    """After every alert, and after time without one, risks are those of a book that has to find all of them anew."""
    book, now = IncidentBook(), T0
    for number, (seconds, source, destination, alone) in enumerate(steps):
        now += seconds
        if alone:
            passing(book, now - T0)
        else:
            put(book, {"ts": now, "src_ip": f"10.0.0.{source}", "dst_ip": f"10.0.1.{destination}"}, first=number)
        anew = IncidentBook()
        anew.restore(0, book.snapshot(0))
        assert book.host_risks() == anew.host_risks()
        if number % 3 == 0:
            book.take_hosts()


def test_partitions_are_put_together() -> None:
    """The highest risks here are of hosts over all partitions; each partition's part is told by itself."""
    book = IncidentBook()
    book.hear(np.array([T0, T0]), np.array([0, 1], np.int32))
    for partition in (0, 1):
        flow: dict[str, Any] = {"src_ip": f"203.0.113.{partition}", "dst_ip": INSIDE, "ts": T0}
        book.put(alert(partition, severity=5, partition=partition, direction="inbound", **flow), partition)
    told = book.take_hosts()
    assert [(each.host, each.partition) for each in told] == [(INSIDE, 0), (INSIDE, 1)]
    assert book.top_risks() == [pytest.approx(told[0].risk * 1.5)]


def test_an_allowed_incident_is_no_host_s_risk() -> None:
    """What has no risk adds none to a host."""
    incident = Incident(id="i", number=0, focus="both", src_ip=INSIDE, dst_ip=OUTSIDE, first_seen=T0, last_seen=T0)
    assert incident.risk == 0
    assert risks([over(0.0, INSIDE)], T0) == {}


def test_what_is_remembered_is_bounded() -> None:
    """Beyond a thousand incidents that are over, those of longest ago are let go; hosts told are a thousand at most."""
    hosts = Hosts()
    for number in range(1_500):
        hosts.end(over(50.0, f"10.1.{number // 250}.{number % 250}", name=str(number)))
    assert [len(hosts.over), hosts.over[0].incident] == [1_000, "500"]
    found = risks([*hosts.over, over(60.0, INSIDE)], T0)
    assert len(hosts.look(0, found, T0)) == len(hosts.told) == 1_000
    assert hosts.told[INSIDE] == 60.0


def test_state_that_could_not_be_is_refused() -> None:
    """A risk out of bounds in kept state is refused with all of it."""
    book = IncidentBook()
    put(book, {"ts": T0, "src_ip": INSIDE, "dst_ip": OUTSIDE})
    book.take_hosts()
    whole = msgspec.msgpack.decode(book.snapshot(0))
    whole["hosts"]["told"][INSIDE] = 1e9
    with pytest.raises(InputError, match="restoring incidents of partition 0"):
        IncidentBook().restore(0, msgspec.msgpack.encode(whole))


def test_alerts_are_not_more_by_destination_than_there_are() -> None:
    """Kept state that counts a destination more often than alerts is refused: its risk would have no bounds."""
    book = IncidentBook()
    put(book, {"ts": T0, "src_ip": INSIDE, "dst_ip": OUTSIDE})
    whole = msgspec.msgpack.decode(book.snapshot(0))
    (incident,) = whole["incidents"].values()
    incident["destinations"][OUTSIDE] = 10**18
    with pytest.raises(InputError, match="contradicts itself"):
        IncidentBook().restore(0, msgspec.msgpack.encode(whole))


def test_documents_are_keyed_by_host_and_partition() -> None:
    """One document for a host and partition, with what it is made of; a deletion where nothing is left."""
    told, gone = write_risks(
        [
            HostRisk(INSIDE, 2, T0, 74.25, (share(74.25, "i1"),)),
            HostRisk(OUTSIDE, 2, T0, 0.0, ()),
        ]
    )
    assert (told.key, gone.key, gone.value) == (b"10.0.0.5 2", b"203.0.113.9 2", None)
    assert json.loads(told.value or b"") == {
        "risk_version": 1,
        "host": INSIDE,
        "partition": 2,
        "risk": 74.2,
        "severity": "critical",
        "as_of": T0,
        "half_life_s": 3600.0,
        "incidents": [{"id": "i1", "kind": "scan", "role": "attacker", "risk": 74.2, "last_seen": T0}],
    }


def test_of_a_time_that_was_wrong_no_risk_stays() -> None:
    """Where a clock was days ahead and went back, a host's risk of then is deleted, and does not wait for that time."""
    book, ahead = IncidentBook(), 10 * 86_400.0
    put(book, {"ts": T0 + ahead}, {"ts": T0 + ahead + 1.0})
    assert [each.risk > 0 for each in book.take_hosts()] == [True]
    passing(book, *map(float, range(100)))
    assert [each.risk for each in book.take_hosts()] == [0.0]
    assert book.top_risks() == []
