"""What is told of a day's incidents, where they are measured."""

from __future__ import annotations

from typing import Any

import pytest

from bench.incident_days import DayOfAlerts
from bench.incidents import figures, joined, told_of
from tests.alerts.contents import alert

T0 = 1.7e9


def day(*flows: dict[str, Any], attacks: dict[str, str], days: float = 1.0) -> DayOfAlerts:
    """These flows, all of which raised an alert; attacks by the flow's id."""
    alerts = [alert(number, **flow) for number, flow in enumerate(flows)]
    return DayOfAlerts(alerts, attacks, days)


def sweep(count: int) -> list[dict[str, Any]]:
    """One source that asks so many hosts for a port."""
    unanswered = {"state": "S0", "dst_port": 445, "duration_s": 0.0}
    return [{"ts": T0 + n, "dst_ip": f"10.1.0.{n}", "uid": f"C{n}"} | unanswered for n in range(count)]


BENIGN: dict[str, Any] = {"ts": T0, "src_ip": "10.9.9.9", "dst_ip": "192.0.2.77", "uid": "B"}


@pytest.mark.parametrize("partitions", [1, 4])
def test_an_attack_that_is_one_incident_of_its_kind_counts_so(partitions: int) -> None:
    """A sweep whose alerts are one is right in all; what was not raised counts as such, and has no other figure."""
    attacks = {f"C{n}": "horizontal-scan-0" for n in range(12)}
    found = joined(day(*sweep(12), BENIGN, days=2.0, attacks=attacks), partitions)
    rows = figures([(found, ["horizontal-scan-0", "horizontal-scan-1"])])
    assert rows["horizontal-scan"] == rows["all"]
    assert rows["all"] == {"attacks": 2.0, "raised": 0.5, "one_incident": 1.0, "right_kind": 1.0, "right_tactic": 1.0}
    assert rows["benign"] == {
        "incidents": 1.0,
        "incidents_a_day": 0.5,
        "with_a_tactic": 0.0,
        "with_a_likely_tactic": 0.0,
    }


def test_an_attack_in_several_incidents_has_the_kind_of_the_largest() -> None:
    """Of two incidents that with more alerts counts; a wrong kind of the right tactic is right in that."""
    attacks = {f"C{n}": "vertical-scan-0" for n in range(12)} | {"L": "vertical-scan-0"}
    late = {"ts": T0 + 5_000.0, "dst_ip": "10.1.0.1", "uid": "L"}
    (row, _, _) = figures([(joined(day(*sweep(12), late, attacks=attacks)), ["vertical-scan-0"])]).values()
    assert row == {"attacks": 1.0, "raised": 1.0, "one_incident": 0.0, "right_kind": 0.0, "right_tactic": 1.0}


def test_a_capture_is_told_by_label() -> None:
    """By label: in how many incidents its alerts are, and how many of them are in which kind."""
    told = told_of(joined(day(*sweep(12), BENIGN, attacks={f"C{n}": "Scan" for n in range(12)})))
    assert (told["Scan"], told["benign"]["incidents"]) == ({"incidents": 1, "sweep": 12}, 1.0)
