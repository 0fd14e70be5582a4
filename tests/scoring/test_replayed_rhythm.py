"""What a replayed alert tells of a regular pair."""

from __future__ import annotations

import numpy as np

from detector.alerts.rhythm import Rhythm
from detector.decisions.assessment import assess
from detector.decisions.views import REGULARITY
from detector.scoring.replay import rhythm_of
from tests.decisions.test_regular import after_a_day, calls, passed


def test_a_regular_pair_is_told_by_the_numbers_of_its_alert() -> None:
    """Of a flow that is found again, all that words are made of; nothing of one before its pair was regular."""
    found = assess(passed(calls(300.0, 0.1, lasts_s=7200.0)), {REGULARITY.state[0]: after_a_day()}, (REGULARITY,))
    first, last = (rhythm_of(found.take(np.array([row]))) for row in (0, -1))
    assert first == {}
    assert Rhythm(**last).words.text == (
        "calls every 4.9 min ± 8 %, 24 times in 115 min, about 575 bytes sent each, no other host goes there"
    )
