"""The golden day: what a morning of simulated records comes to, to the alert."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.golden import day


@pytest.fixture(scope="module")
def judged() -> dict[str, Any]:
    """What is told of it today, read a thousand records at a time."""
    return day.judged(1_000)


def test_a_day_is_told_as_before(judged: dict[str, Any]) -> None:
    """The same records give the same incidents: kinds, endpoints, counts. Where they should not: `make golden`."""
    assert judged == json.loads(day.FILE.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_day_is_told_alike_however_it_is_cut(judged: dict[str, Any]) -> None:
    """Batches of other sizes, their edges within attacks, tell the same."""
    assert day.judged(2_111) == judged


def test_the_day_has_something_of_everything(judged: dict[str, Any]) -> None:
    """It shows most kinds of incident, each severity below the highest, and each direction, so that it pins them."""
    assert {each["kind"] for each in judged["incidents"]} >= {
        *("scan", "sweep", "flood", "brute force", "dns tunnel", "beacon"),
    }
    assert set(judged["severities"]) >= {"Low", "Medium", "High"}
    assert set(judged["directions"]) == {"Inbound", "Outbound", "Lateral", "External"}
