"""Figures that pages repeat are those of the code: whoever changes one is told where else it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detector.decisions import budget as incident_budget
from detector.decisions import evidence
from detector.drift import monitor as drift
from detector.incidents import book as incidents
from detector.incidents import incident
from detector.kernels import clock
from detector.net.states import FAILED_STATES, OTHER_STATES
from detector.records.flow import DIRECTIONS
from detector.settings.tree import Settings
from training import learn, stretches
from training.simulator import flows as simulated

DOCS = Path(__file__).parent.parent / "docs" / "explanation"

WORDS: dict[float, str] = {3: "three", 4: "four", 5: "five", 6: "six", 8: "eight", 10: "ten", 20: "twenty"}


def word(number: float) -> str:
    """As pages write it."""
    return WORDS.get(number, f"{number:g}")


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("alerts", f"at most {incidents.MAX_OPEN:,} open incidents"),
        ("../reference/documents", f"are exact up to {incident.MAX_DISTINCT:,} of each"),
        ("../reference/documents", f"The lists hold the {incident.LISTED} with the most alerts"),
        ("../reference/documents", f"**`flows`** has the first {word(incident.FIRST_FLOWS)}"),
        ("../reference/documents", f"**`strongest`** the {word(incident.STRONGEST)} rarest alerts"),
        ("alerts", f"no more than {word(incidents.GAP_S / 60)} minutes between the flows"),
        ("alerts", f"{word(incidents.GAP_S / 30)} minutes after its last flow"),
        ("alerts", f"fewer than {incident_budget.LEAST_KEYS} targets"),
        ("alerts", f"is known for {word(evidence.KNOWN_S / 3600)} hours"),
        ("alerts", f"less {evidence.DRIFT} and less twice the target's habit, halved every ten minutes"),
        ("alerts", f"the surprise, less {evidence.BREADTH_DRIFT:g}, of flows to targets never seen before"),
        ("alerts", f"less {evidence.CROWD_DRIFT:g}, by destination and port"),
        ("alerts", f"Each halves in {word(evidence.BREADTH_HALF_LIFE_S / 60)} minutes"),
        (
            "design",
            f"{word(clock.STEPS_AHEAD).title()} in succession that agree move the clock ahead",
        ),
        ("design", f"move the clock ahead, {clock.STEPS_BACK} move it back"),
        ("design", f"or {clock.FARTHEST_S / 86_400:.0f} days ahead, what was remembered is void"),
        ("design", f"first record, {word(clock.STEPS_TENTATIVE)} are enough"),
        ("design", f"an hour behind it or {word(clock.AHEAD_S / 60)} minutes ahead counts as happening when it says"),
        ("drift", f"every {drift.SAMPLE_EVERY}nd flow"),
        (
            "drift",
            f"before {drift.LEAST_ROWS:,} sampled flows",
        ),
        ("drift", f"the index is above {drift.INDEX_LIMIT}"),
        ("drift", f"{word(drift.TAIL_LIMIT)} times as many flows in the tail"),
        (
            "drift",
            f"of the features have drifted, each beyond {drift.OUTSIDE_LIMIT}",
        ),
        ("drift", f"more than {drift.UNSEEN_LIMIT} of the flows have a category never seen"),
        ("training", "The first tenth of the time, an hour at most"),
        ("alerts", "`oddflow.alerts`"),
    ],
)
def test_pages_say_what_the_code_does(page: str, sentence: str) -> None:
    """The sentence stands on its page with the figures that are in force."""
    text = re.sub(r"\s+", " ", (DOCS / f"{page}.md").read_text(encoding="utf-8"))
    assert sentence in text


def test_the_units_of_what_words_round_are_right() -> None:
    """Figures of which pages tell the unit alone are that unit: an hour late, an hour of drift, an hour at most."""
    hours = (clock.LATE_S, drift.HALF_LIFE_S, learn.BEGINNING_S)
    assert (hours, evidence.HABIT_HALF_LIFE_S) == ((3600.0,) * 3, 86_400.0)
    assert (evidence.HALF_LIFE_S, evidence.HABIT_WEIGHT) == (600.0, 2.0)
    assert (stretches.FIT_ROWS, learn.BEGINNING_SHARE, drift.DRIFTED_LIMIT) == (100_000, 0.1, 0.1)


def test_words_of_records_are_the_same_everywhere() -> None:
    """States and directions that the simulator makes are those that decoders and features know."""
    assert set(simulated.STATES) <= {*FAILED_STATES, *OTHER_STATES}
    assert set(DIRECTIONS) == {"external", "outbound", "inbound", "internal"}
    assert Settings().output.alerts_topic == "oddflow.alerts"
