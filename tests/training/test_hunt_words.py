"""What a hunt's report says of time: too little of it for the budget, and what lasted longer than the logs."""

from __future__ import annotations

import pytest

from training.hunt.page import _lasting
from training.hunt.timeline import Axis
from training.hunt.weak import short_of

ONE = "10 false incidents a day are fewer than one in the 2.0 hours watched"
NOBODY = "10 false incidents a day would raise nobody in the 20.0 hours watched"
RAISED = "a day are raised, the oddest by each view and in each direction."
MORE = "Hunt in 2.4 hours of logs or more, or with a larger --budget."


@pytest.mark.parametrize(
    ("budget", "used", "hours", "told"),
    [
        (10.0, 108.0, 2.0, f"{ONE}: 108 {RAISED} {MORE}"),
        (10.0, 20.0, 20.0, f"{NOBODY}: 20 {RAISED}"),
        (10.0, 10.0, 2.0, f"{ONE}. {MORE}"),
        (10.0, 10.0, 20.0, ""),
    ],
)
def test_time_too_short_is_one_note(budget: float, used: float, hours: float, told: str) -> None:
    """Where logs are short for the budget, one note says so, what is raised instead, and how much would do."""
    assert short_of(budget, used, hours * 3_600.0) == told


def test_what_lasted_longer_than_the_logs_is_said_to() -> None:
    """A flow may begin in the logs and end long after them: its time is longer than theirs, and the page says why."""
    logs = Axis(0.0, 7_200.0)
    assert _lasting(10_080.0, logs) == "for 2.8 hours; it lasted longer than the logs"
    assert _lasting(60.0, logs).startswith("for ")
    assert "longer" not in _lasting(60.0, logs)
    assert _lasting(0.5, logs) == "at once"
