"""Incidents: alerts that belong together, told at a bounded rate, the same however batches are cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.alerts.raised import Raised
from detector.errors import InputError
from detector.features.encoders import KNOWN
from detector.features.extractor import FeatureExtractor
from detector.features.windows_keys import arrivals_of
from detector.incidents.book import Change, IncidentBook, membership
from tests.alerts.contents import alert
from tests.features.flows import flows
from tests.incidents.shapes import (
    GAP_S,
    T0,
    ended,
    passing,
    put_all,
    scan,
)

# Said here once more, not imported: docs/explanation/alerts.md promises them.
UPDATE_S, MAX_DISTINCT, STRONGEST = 60.0, 1_000, 5

FAILED = {"S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"}
"""Zeek's states of connections that were never established."""


def test_alerts_of_one_source_are_one_incident() -> None:
    """A scan is one incident with its count, times, peak and strongest flows; each alert carries its id at once."""
    book = IncidentBook()
    alerts = scan(20)
    alerts[7] = alert(7, ts=T0 + 7, dst_ip="10.1.0.7", state="S0", score=0.9, severity=4)
    told = put_all(book, alerts)
    assert {each.id for each in told} == {told[0].id}
    assert [each.alerts for each in told] == list(range(1, 21))
    incident = book.take()[-1].incident
    assert (incident.focus, incident.src_ip, incident.peak_score, incident.severity) == (
        "source",
        "192.168.1.5",
        0.9,
        4,
    )
    assert (len(incident.strongest), incident.strongest[0].alert) == (STRONGEST, alerts[7].id)
    assert book.open == 1


def test_a_burst_leaves_room_for_what_else_was_strong() -> None:
    """Of one destination and port the strongest alert alone is shown, also once two incidents are one."""
    book = IncidentBook()
    burst = [alert(n, ts=T0 + n, dst_ip="10.1.0.1", dst_port=445, score=0.8 + n / 100, state="S0") for n in range(9)]
    others = [
        alert(9 + n, ts=T0 + 9 + n, dst_ip=f"10.1.0.{2 + n}", dst_port=445, score=0.5, state="S0") for n in range(3)
    ]
    put_all(book, [*burst, *others])
    book.close_all()
    (incident,) = {each.incident.id: each.incident for each in book.take() if not each.incident.merged_into}.values()
    assert [each.alert for each in incident.strongest] == [burst[-1].id, *(each.id for each in others)]


def strongest_of(alerts: list[Raised]) -> list[tuple[str, float, float]]:
    """View, decades and score of the alerts that their one incident shows, in its order."""
    book = IncidentBook()
    put_all(book, alerts)
    return [(each.view, each.decades, each.score) for each in book.take()[-1].incident.strongest]


def test_the_rarest_alerts_come_first_whatever_the_model_scores() -> None:
    """Rarity counts before the score; of two as rare, more than one flow counts before one flow by itself."""
    alerts = [
        alert(n, ts=T0 + n, dst_port=440 + n, score=score, severity=severity, view=view)
        for n, (view, severity, score) in enumerate(
            [("surprise", 3, 0.9), ("regularity", 4, 0.4), ("surprise", 4, 0.8), ("regularity", 4, 0.5)]
        )
    ]
    wanted = [("regularity", 2.0, 0.5), ("regularity", 2.0, 0.4), ("surprise", 2.0, 0.8), ("surprise", 1.0, 0.9)]
    assert strongest_of(alerts) == wanted
    assert strongest_of([*alerts[2:], *alerts[:2]]) == wanted


def test_hardly_rarer_is_as_rare() -> None:
    """Of alerts whose rarity grows little by little not each takes the place of the one before, which costs time."""
    growing = [alert(n, ts=T0 + n, score=0.9 - n / 100)._replace(decades=1.0 + n / 100) for n in range(4)]
    assert strongest_of(growing) == [("surprise", 1.0, 0.9)]


def test_a_beacon_shows_that_it_calls_by_the_clock() -> None:
    """Of the calls of one pair that which is raised by the clock is shown, though one by itself scores more."""
    calls = [alert(n, ts=T0 + 60 * n, severity=4, score=0.4, view="regularity") for n in range(3)]
    odd = alert(9, ts=T0 + 200, severity=4, score=0.9)
    assert strongest_of([*calls, odd]) == strongest_of([odd, *calls]) == [("regularity", 2.0, 0.4)]


def test_alerts_kept_before_their_rarity_was_are_still_read() -> None:
    """State of a build that kept the score alone is restored; what comes then is ranked before it."""
    book = IncidentBook()
    put_all(book, [alert(0, ts=T0, severity=3, score=0.9)])
    kept = msgspec.msgpack.decode(book.snapshot(0))
    for incident in kept["incidents"].values():
        for each in incident["strongest"]:
            del each["decades"], each["view"]
    after = IncidentBook()
    after.restore(0, msgspec.msgpack.encode(kept))
    put_all(after, [alert(1, ts=T0 + 1, severity=3, score=0.4)])
    after.close_all()
    (told,) = [each.score for each in after.take()[-1].incident.strongest]
    assert told == 0.4


@pytest.mark.parametrize("state", [None, *KNOWN["state"]])
def test_a_failed_connection_is_one_wherever_it_is_counted(state: str | None) -> None:
    """By its state alone, a connection failed for its own feature, for windows and for its incident, or for none."""
    unknown: dict[str, Any] = {"state": state, "dst_bytes": None, "dst_packets": 3}
    frame = flows(unknown)
    extractor = FeatureExtractor.fit(frame)
    own = extractor.transform(frame)[0, extractor.spec.names.index("failed")]
    book = IncidentBook()
    put_all(book, [alert(0, **unknown)])
    assert book.take()[0].incident.unanswered == own == arrivals_of(frame).values[0, 2] == (state in FAILED)


def test_the_end_closes_what_is_open() -> None:
    """When no more flows come, every incident of several alerts is closed, in every partition, and none is left."""
    book = IncidentBook()
    put_all(book, [*scan(5), alert(9, ts=T0, src_ip="192.168.7.7", dst_ip="192.0.2.77")])
    book.take()
    book.close_all()
    changes = book.take()
    assert [(change.step, change.incident.count) for change in changes] == [("close", 5)]  # a lone alert's is silent
    assert book.open == 0
    book.close_all()
    assert book.take() == []


def test_ids_come_from_the_first_alert() -> None:
    """The same first alert gives the same incident id in another process, another first alert another one."""
    first, again, other = (IncidentBook().put(each).id for each in (alert(1), alert(1), alert(2)))
    assert (first == again, first == other) == (True, False)


def test_partitions_are_apart() -> None:
    """Alerts of different partitions are different incidents, so that one can move to another member."""
    book = IncidentBook()
    assert book.put(alert(0, partition=0)).id != book.put(alert(0, partition=1)).id


# --- what is told, and how often ------------------------------------------------------------------------------------


def steps(changes: list[Change]) -> list[tuple[str, int]]:
    """Each change's step and count."""
    return [(change.step, change.incident.count) for change in changes]


def test_telling_is_bounded() -> None:
    """A thousand alerts in a quarter of an hour are told when opened, at each doubling and once a minute, no more."""
    book = IncidentBook()
    put_all(book, [alert(i, ts=T0 + i) for i in range(1_000)])
    told = steps(book.take())
    assert told[:6] == [("open", 1), ("update", 2), ("update", 4), ("update", 8), ("update", 16), ("update", 32)]
    assert len(told) <= 11 + 1_000 / UPDATE_S
    assert book.take() == []


def test_an_incident_that_goes_on_is_told_each_minute() -> None:
    """Besides each doubling, an alert a minute after it was last told tells it again, and none before."""
    book, told = IncidentBook(), []
    for number, second in enumerate([0, 1, 2, 3, 30, 62, 63, 122, 123]):
        book.put(alert(number, ts=T0 + second, duration_s=0.0))
        told += [second] if book.take() else []
    assert told == [0, 1, 3, 63, 123]


def test_a_rise_in_severity_is_told_at_once() -> None:
    """A more severe alert is told whenever it comes; one as severe is not."""
    book = IncidentBook()
    put_all(book, [alert(i, ts=T0) for i in range(5)])
    book.take()
    put_all(book, [alert(5, ts=T0), alert(6, ts=T0, severity=5), alert(7, ts=T0, severity=5)])
    assert steps(book.take()) == [("update", 7)]


def test_quiet_incidents_are_closed_with_their_sums() -> None:
    """Once twice the gap has passed by the flows' own time, the incident is told a last time; a lone alert is not."""
    book = IncidentBook()
    put_all(book, [*scan(3), alert(50, src_ip="10.5.5.5", dst_ip="10.5.5.6", ts=T0 - 9)])
    book.take()
    for step in range(1, 5):
        passing(book, T0 + 2 + step * GAP_S / 2)
    passing(book, 4e9, partition=1)
    assert (steps(book.take()), book.open) == ([], 1)
    passing(book, T0 + 3 + 2 * GAP_S)
    assert (steps(book.take()), book.open) == ([("close", 3)], 0)


HOUR_S = 3_600.0


def test_calls_by_the_clock_are_one_incident() -> None:
    """A pair that calls hourly is one incident though a call or two are missed; after more silence it is another."""
    book, hours = IncidentBook(), (0, 1, 2, 5, 6, 9.5)
    calls = [alert(n, ts=T0 + hour * HOUR_S, period_s=HOUR_S) for n, hour in enumerate(hours)]
    for moment in range(0, int(9.5 * HOUR_S) + 1, 300):
        passing(book, T0 + moment)
        put_all(book, [call for call in calls if call.ts == T0 + moment])
    assert steps(book.take())[-2:] == [("close", 5), ("open", 1)]


def test_only_its_own_calls_wait_for_a_regular_pair() -> None:
    """What else its source begins, long after a call, is another incident; and no period makes one wait for days."""
    book = IncidentBook()
    first = book.put(alert(0, ts=T0, period_s=30 * HOUR_S)).id
    others = [alert(n, ts=T0 + HOUR_S, dst_ip=f"10.1.0.{n}", dst_port=445, state="S0") for n in range(1, 20)]
    assert first not in {book.put(each).id for each in others}
    assert book.put(alert(20, ts=T0 + 6 * HOUR_S, period_s=30 * HOUR_S)).id == first
    assert book.put(alert(21, ts=T0 + 12.1 * HOUR_S, period_s=30 * HOUR_S)).id != first


def test_memory_is_bounded() -> None:
    """Beyond the bound the incident that was quiet longest goes, and lists within an incident stop growing."""
    book = IncidentBook(max_open=10)
    put_all(book, [alert(i, src_ip=f"10.0.{i}.1", dst_ip=f"10.0.{i}.2", ts=T0 + i) for i in range(50)])
    assert book.open == 10
    assert sum(len(keys) for keys in book._index.values()) == 30
    knocks = [
        alert(i, src_ip="10.7.7.7", dst_ip=f"10.{i // 200}.1.{i % 200}", dst_port=i, state="S0") for i in range(1_200)
    ]
    (incident,) = [
        each.incident
        for each in ended(book, knocks).values()
        if each.incident.src_ip == "10.7.7.7" and not each.incident.merged_into
    ]
    assert (len(incident.destinations), len(incident.ports), len(incident.sources)) == (MAX_DISTINCT, MAX_DISTINCT, 1)
    lists = [getattr(incident, name) for name in ("strongest", "flows", "gaps", "answered")]
    assert [len(each) for each in lists] == [STRONGEST, 10, 64, 0]
    book.forget(0)
    assert (book.open, book._index) == (0, {})


# --- survives -------------------------------------------------------------------------------------------------------

_ALERTS = st.lists(
    st.builds(
        lambda i, src, dst, at, port, state, severity: alert(
            i,
            src_ip=f"10.0.0.{src}",
            dst_ip=f"10.1.0.{dst}",
            ts=T0 + at,
            dst_port=port,
            state=state,
            severity=severity,
        ),
        st.integers(0, 10_000),
        st.integers(1, 4),
        st.integers(1, 4),
        st.floats(0, 3 * GAP_S) | st.sampled_from([-1.7e9, 2e9]),
        st.sampled_from([443, 445, 8080, None]),
        st.sampled_from(["SF", "S0"]),
        st.integers(2, 5),
    ),
    max_size=30,
    unique_by=lambda each: each.id,
)


@given(alerts=_ALERTS, cut=st.integers(0, 30))
def test_restored_incidents_go_on_as_if_nothing_had_been(alerts: list[Raised], cut: int) -> None:
    """With state frozen and restored anywhere in between, ids, counts and what is told are the same."""
    whole, first, second = IncidentBook(max_open=4), IncidentBook(max_open=4), IncidentBook(max_open=4)
    expected = (put_all(whole, alerts), whole.take())
    told = put_all(first, alerts[:cut])
    second.restore(0, first.snapshot(0))
    told += put_all(second, alerts[cut:])
    assert (told, first.take() + second.take()) == expected
    assert second.snapshot(0) == whole.snapshot(0)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\xa9incidents\x01", b"{}", b"\x80" * 50])
def test_damaged_state_is_refused(data: bytes) -> None:
    """Bytes that are no state raise InputError and leave what there was."""
    book = IncidentBook()
    book.put(alert(0))
    with pytest.raises(InputError, match="restoring incidents of partition 0"):
        book.restore(0, data)
    assert book.open == 1


def judged(flows: Sequence[tuple[float, Raised | None]], cuts: list[int], book: IncidentBook) -> list[Any]:
    """What is told of flows of one partition, each of its start and with the alert that it raised, in batches."""
    told: list[Any] = []
    for start, end in zip([0, *cuts], [*cuts, len(flows)], strict=True):
        batch = flows[start:end]
        if batch:
            book.hear(np.array([ts for ts, _ in batch]), np.zeros(len(batch), np.int32))
            told += [membership(book.put(each, row)) for row, (_, each) in enumerate(batch) if each is not None]
            book.pass_time()
    return told


@given(
    alerts=_ALERTS,
    pauses=st.lists(st.sampled_from([0.0, 1.0, 60.0, 700.0, 1_300.0, 1e5, 1e7]), min_size=30, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=5).map(sorted),
    saved=st.integers(0, 30),
)
def test_batches_change_no_incident(alerts: list[Raised], pauses: list[float], cuts: list[int], saved: int) -> None:
    """However flows are cut into batches, with state kept and restored in between, incidents are the same."""
    ats = T0 + np.cumsum(pauses)
    flows: list[tuple[float, Raised | None]] = [(at, None) for at in ats.tolist()]
    for number, each in enumerate(alerts):
        flows.insert(2 * number + 1, (each.ts, each))
    whole, parts = IncidentBook(max_open=4), IncidentBook(max_open=4)
    expected = (judged(flows, [], whole), whole.take())
    cut = min(saved, len(flows))
    told = judged(flows[:cut], [each for each in cuts if each <= cut], parts)
    after = IncidentBook(max_open=4)
    after.restore(0, parts.snapshot(0))
    told += judged(flows[cut:], [], after)
    assert (told, parts.take() + after.take()) == expected
    assert after.snapshot(0) == whole.snapshot(0)


@pytest.mark.parametrize("wrong", [0.0, 4_070_908_800.0, T0 + 2.0**32 / 1000.0, T0 - 2.0**32 / 1000.0])
def test_one_absurd_time_ends_no_incident(wrong: float) -> None:
    """An alert from 2099 or 1970 among a scan's is of the scan, at its time; nor does it close others."""
    book, alerts = IncidentBook(), scan(20)
    alerts[7] = alert(7, ts=wrong, dst_ip="10.1.0.7", state="S0", duration_s=5.0)
    told = judged([(each.ts, each) for each in alerts], [], book)
    assert len({each.id for each in told}) == book.open == 1
    book.close_all()
    incident = book.take()[-1].incident
    assert (incident.first_seen, incident.last_seen) == (T0, T0 + 19)


def test_a_long_flow_closes_nothing() -> None:
    """A flow that goes on for an hour, last of its batch, ends no incident of the minute that it began in."""
    book, alerts = IncidentBook(), scan(20)
    alerts[9] = alert(9, ts=T0 + 9, src_ip="10.0.0.9", dst_ip="192.0.2.9", duration_s=4_112.0)
    told = judged([(each.ts, each) for each in alerts], [10], book)
    assert len({each.id for each in told}) == book.open == 2


def test_restored_clock_is_checked() -> None:
    """A clock that is no time, or none of ours, is refused."""
    book = IncidentBook()
    for clock in ([1.0], [math.inf] * 7):
        with pytest.raises(InputError, match="its clock is no time"):
            book.restore(0, msgspec.msgpack.encode({"clock": clock}))
