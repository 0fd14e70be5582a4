"""What the demo tells of attacks at its end: which incident, how soon, and which were missed."""

from __future__ import annotations

import io
import math
from typing import Any

import msgspec
import pytest
from rich.console import Console

from detector.casebook.latest import Latest
from detector.casebook.told import Told, read_told
from training.demo.gauges import Gauges
from training.demo.screen import Screen
from training.demo.summary import Backup, Findings, SummaryLine, outcomes, problems, show, span
from training.demo.traffic import Attack


def told(name: str, kind: str = "scan", revision: int = 1, **more: Any) -> Told:
    """What a document tells of an incident."""
    ours = {"id": name, "revision": revision, "step": "open", "kind": kind, "alerts": 3, "first_seen": 1.0}
    ours |= {"last_seen": 2.0, "severity": "high", "headline": f"{kind} by 10.0.0.9", "techniques": ["T1046"]} | more
    return read_told(msgspec.json.encode({"oddflow": ours}))


def alert(start_s: float, incident: str) -> dict[str, Any]:
    """What the demo looks at in an alert."""
    return {"start_time": start_s * 1000, "metadata": {"correlation_uid": incident}}


def book(*incidents: Told) -> Latest:
    """The latest of these."""
    latest = Latest()
    for each in incidents:
        latest.put(each)
    return latest


ATTACKS = {"scan-0": Attack("scan", 100.0, 9), "beacon-1": Attack("beacon", 50.0, 4)}


def test_an_attack_has_its_incident_and_its_time_to_detection() -> None:
    """The earliest flow that was raised counts, whatever order alerts come in; a missed attack has no incident."""
    findings = Findings()
    for start_s in (130.0, 112.0):
        findings.take("scan-0", alert(start_s, "a"))
    findings.take(None, alert(1.0, "b"))
    beacon, scan = outcomes(ATTACKS, findings, book(told("a"), told("b")))
    assert (scan.attack, scan.alerts, scan.after_s, [each.ours.id for each in scan.incidents]) == (
        "scan-0",
        2,
        12.0,
        ["a"],
    )
    assert (beacon.attack, beacon.alerts, beacon.incidents) == ("beacon-1", 0, ())
    assert findings.benign_alerts == 1


def test_an_incident_that_became_part_of_another_is_that_one() -> None:
    """Alerts of both are of the whole."""
    findings = Findings()
    for incident in ("a", "b", "b"):
        findings.take("scan-0", alert(101.0, incident))
    _, scan = outcomes(ATTACKS, findings, book(told("a", merged_into="b"), told("b", "sweep")))
    assert [each.ours.id for each in scan.incidents] == ["b"]


def test_incidents_that_are_each_part_of_the_other_come_to_an_end() -> None:
    """What a topic says is not believed so far that the demo would hang."""
    findings = Findings()
    findings.take("scan-0", alert(101.0, "a"))
    _, scan = outcomes(ATTACKS, findings, book(told("a", merged_into="b"), told("b", merged_into="a")))
    assert len(scan.incidents) == 1


def test_the_end_names_what_was_missed() -> None:
    """One line an attack, with its incident's kind, technique and time, or that it was missed."""
    findings = Findings(benign_flows=10)
    findings.take("scan-0", alert(112.0, "a"))
    incidents = book(told("a"))
    line = SummaryLine(1, 1, 0, 0, 1, 1, ["v1", "v2"], balanced=True, answered=False)
    console = Console(file=io.StringIO(), width=100)
    show(console, line, outcomes(ATTACKS, findings, incidents), findings, [])
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    scan, beacon = (next(each for each in lines if name in each) for name in ("scan-0", "beacon-1"))
    assert "T1046" in scan
    assert "12 s" in scan
    assert "missed" in beacon
    assert msgspec.json.decode(lines[-1], type=SummaryLine) == line


def test_an_incident_is_printed_once_for_each_kind() -> None:
    """Where nothing can be redrawn, an update that says nothing new is no line, and one faint alert is none yet."""
    console = Console(file=io.StringIO(), width=100)
    screen = Screen(console)
    faint = told("c", "other", alerts=1, severity="low")
    for each in (told("a", "other"), told("a", "other", 2), told("a", "scan", 3), told("a", "other", 4), faint):
        screen.incident(each)
    screen.incident(told("b", "other", merged_into="a"))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == ["HIGH     other by 10.0.0.9", "HIGH     scan by 10.0.0.9"]


def test_a_line_says_what_is_awaited_while_nothing_is_read() -> None:
    """Where nothing can be redrawn, a line of no figures names what is being done."""
    console = Console(file=io.StringIO(), width=80)
    screen = Screen(console)
    screen.step("retraining with the label: oddflow retrain --once")
    screen.show(Gauges(lag=math.nan))
    assert isinstance(console.file, io.StringIO)
    line = console.file.getvalue().splitlines()[-1]
    assert line.strip() == "still: retraining with the label: oddflow retrain --once"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (3_600, "60 min")])
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    """Seconds below two minutes, then minutes."""
    assert span(seconds) == said


ANSWERED = {"answered": True, "hidden": 12}


@pytest.mark.parametrize(
    ("backup", "wrong"),
    [
        (ANSWERED, []),
        ({"answered": False}, ["nobody answered a false incident"]),
        (ANSWERED | {"hidden": 0}, ["the suppression hid nothing"]),
        (ANSWERED | {"raised_again": 1}, ["the suppressed backup was raised all the same"]),
        (ANSWERED | {"repeated": 1}, ["the model with the label raised the backup again"]),
        (ANSWERED | {"hidden_later": 1}, ["something was hidden without a suppression"]),
    ],
)
def test_the_answer_must_have_come_to_something(backup: dict[str, Any], wrong: list[str]) -> None:
    """The backup is hidden while it is suppressed, and not raised by the model that learnt of it."""
    findings = Findings(produced=9, alerts_on_topic=1, backup=Backup(**backup))
    findings.take("scan-0", alert(112.0, "a"))
    line = SummaryLine(9, 9, 0, 0, 1, 1, ["v1", "v2"], balanced=True, answered=findings.backup.answered)
    assert problems(line, findings) == wrong


def test_the_incident_to_answer_is_that_with_most_of_the_backup() -> None:
    """Alerts that a suppression hid are counted apart, and make no incident to answer."""
    backup = Backup()
    for incident, hidden in (("a", False), ("b", False), ("b", False), ("c", True), ("c", True), ("c", True)):
        backup.take(alert(1.0, incident), hidden=hidden)
    assert (backup.incident, backup.alerts_raised, backup.alerts_hidden) == ("b", 3, 3)
    assert Backup().incident == ""
