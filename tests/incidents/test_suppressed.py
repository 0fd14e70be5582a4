"""Alerts that a suppression hides are put together apart, and nobody is told."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from detector.incidents.incident import Incident
from tests.alerts.contents import alert
from tests.incidents.shapes import GAP_S, T0, scan


def documents(book: IncidentBook, shape: str = "ocsf") -> list[dict[str, Any]]:
    """What is written of it since the last time."""
    return [json.loads(each.value or b"") for each in write_incidents(book.take(), shape)]


def stati(book: IncidentBook) -> list[tuple[str, int, bool]]:
    """Step, status and whether it is an alert, of each document since the last time."""
    return [(each["unmapped"]["oddflow"]["step"], each["status_id"], each["is_alert"]) for each in documents(book)]


def test_hidden_alerts_are_an_incident_that_says_so() -> None:
    """It is told as any other is, as suppressed, with the rules and how its alerts are put together."""
    book, same = IncidentBook(), IncidentBook()
    for each, by in zip(scan(4), ["r1", "r1", "r2", "r1"], strict=True):
        book.put(each, by=by)
        same.put(each)
    book.close_all()
    same.close_all()
    hidden, shown = documents(book), documents(same)
    assert [each["finding_info"]["uid"] for each in hidden] == [each["finding_info"]["uid"] for each in shown]
    assert {(each["status"], each["is_alert"]) for each in hidden if each["status_id"] != 99} == {("Suppressed", False)}
    assert hidden[-1]["unmapped"]["oddflow"]["suppressed_by"] == ["r1", "r2"]
    assert "suppressed_by" not in shown[-1]["unmapped"]["oddflow"]


def test_ecs_says_so_too() -> None:
    """By the rules' ids."""
    book = IncidentBook()
    book.put(scan(1)[0], by="r1")
    assert documents(book, "ecs")[0]["oddflow"]["suppressed_by"] == ["r1"]


def test_hidden_alerts_count_nowhere() -> None:
    """Not as open, met or ended, and for no host's risk."""
    book = IncidentBook()
    book.hear(np.array([each.ts for each in scan(30)]), np.zeros(30, np.int32))
    for row, each in enumerate(scan(30)):
        book.put(each, row, by="r1")
    assert (book.open, book.met, book.top_risks(), book.take_hosts(at_once=True)) == (0, 0, [], [])
    book.close_all()
    assert (book.met, book.take_ended(), book.top_risks()) == (0, {}, [])
    shown = IncidentBook()
    shown.hear(np.array([each.ts for each in scan(30)]), np.zeros(30, np.int32))
    for row, each in enumerate(scan(30)):
        shown.put(each, row)
    assert (shown.open, shown.met, len(shown.top_risks())) == (1, 1, 1)  # the scanner's, so that there was one to lose


def test_a_suppression_that_begins_ends_the_telling() -> None:
    """What comes later is not of the open incident, which closes with what it had."""
    book = IncidentBook()
    alerts = scan(20)
    first = [book.put(each) for each in alerts[:10]][-1]
    book.take()
    later = [book.put(each, by="r1") for each in alerts[10:]][-1]
    assert later.id != first.id
    assert {(step, status) for step, status, _ in stati(book)} <= {("open", 3), ("update", 3), ("close", 99)}
    book.close_all()
    closed = {each["finding_info"]["uid"]: each for each in documents(book)}
    assert (closed[first.id]["count"], closed[first.id]["status"]) == (10, "New")
    assert (closed[later.id]["count"], closed[later.id]["status"]) == (10, "Suppressed")


def test_what_is_not_hidden_is_told_though_it_looks_alike() -> None:
    """An alert after the suppression's end begins an incident that is told at once."""
    book = IncidentBook()
    alerts = scan(20)
    for each in alerts[:10]:
        book.put(each, by="r1")
    book.take()
    book.put(alerts[10])
    assert stati(book) == [("open", 1, True)]


def test_an_alert_that_comes_again_is_told_once_nothing_hides_it() -> None:
    """Its incident has the same id, was hidden, and opens; what belongs to it joins it."""
    book = IncidentBook()
    first, second = scan(1)[0], alert(7, ts=T0 + 1, dst_ip="10.1.0.0", state="S0")
    book.put(first, by="r1")
    book.take()
    again: Incident = book.put(first)
    assert (again.is_suppressed, book.open) == (False, 1)
    assert stati(book) == [("open", 1, True)]
    assert book.put(second) is again


def test_an_alert_that_comes_again_and_is_hidden_now_tells_nothing() -> None:
    """Its incident stays what it was."""
    book = IncidentBook()
    first = scan(1)[0]
    book.put(first)
    book.take()
    assert not book.put(first, by="r1").is_suppressed
    assert stati(book) == []


def test_hidden_incidents_make_room_for_others() -> None:
    """Where there are too many, they end first."""
    book = IncidentBook(max_open=2)
    book.put(alert(0, ts=T0, src_ip="10.0.0.1"))
    book.put(alert(1, ts=T0, src_ip="10.0.0.2"), by="r1")
    book.put(alert(2, ts=T0, src_ip="10.0.0.3"))
    assert book.open == 2


@pytest.mark.parametrize("by", ["", "r1"])
def test_what_is_restored_is_as_hidden_as_before(by: str) -> None:
    """Later alerts join it, or do not, as they would have."""
    book, restored = IncidentBook(), IncidentBook()
    for each in scan(5):
        book.put(each, by=by)
    restored.restore(0, book.snapshot(0))
    assert restored.open == book.open == (0 if by else 1)
    for one in (book, restored):
        one.take()
        for each in scan(8)[5:]:
            one.put(each, by="r1")
        one.close_all()
    assert restored.take() == book.take()


def test_state_of_before_has_no_hidden_incidents() -> None:
    """It lacks the field, and is restored as it is."""
    book, restored = IncidentBook(), IncidentBook()
    book.put(scan(1)[0])
    old = msgspec.msgpack.decode(book.snapshot(0))
    for each in old["incidents"].values():
        del each["suppressed"]
    restored.restore(0, msgspec.msgpack.encode(old))
    assert restored.open == 1


def test_hidden_incidents_end_by_the_same_clock() -> None:
    """After a pause of twice the gap."""
    book = IncidentBook()
    book.hear(np.array([T0, T0 + 1]), np.zeros(2, np.int32))
    for row, each in enumerate(scan(2)):
        book.put(alert(row, ts=each.ts, dst_ip="10.1.0.0"), row, by="r1")
    book.take()
    book.hear(np.array([T0 + 3 * GAP_S] * 10), np.zeros(10, np.int32))
    book.pass_time()
    assert [step for step, _, _ in stati(book)] == ["close"]
