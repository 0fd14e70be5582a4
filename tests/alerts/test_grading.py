"""What is said of a severity: its rarity, and what raised and lowered it."""

from __future__ import annotations

from detector.alerts.grading import severities, told_severity
from detector.decisions.severity import Circumstances


def test_the_most_telling_comes_first() -> None:
    """Rarity, then what raised the risk, the most of it first, then what lowered it."""
    given = Circumstances(
        decades=1.0, alerts=1_200, kind_points=-10, bytes_out=747_000_000, from_inside=True, unanswered=True, worth=2.0
    )
    assert told_severity(given, "benign traffic is this odd about once a day", "other") == (
        "benign traffic is this odd about once a day; raised by 747 MB sent out, 1,200 alerts, a source inside,"
        " a host that weighs 2; lowered by its kind (other), the lack of answers"
    )


def test_what_adds_nothing_is_not_told() -> None:
    """Where rarity is all there is, nothing else is said, nor is what hardly weighs."""
    assert told_severity(Circumstances(decades=1.0, alerts=3), "rare") == "rare"
    assert told_severity(Circumstances(decades=1.0, worth=0.5), "rare") == "rare; lowered by a host that weighs 0.5"


def test_one_alert_lacked_an_answer_and_many_answers() -> None:
    """A single answer among many unanswered flows is not denied."""
    assert (
        told_severity(Circumstances(decades=1.0, unanswered=True), "rare") == "rare; lowered by the lack of an answer"
    )
    many = told_severity(Circumstances(decades=1.0, alerts=54, unanswered=True), "rare")
    assert many == "rare; raised by 54 alerts; lowered by the lack of answers"


def test_severities_are_counted() -> None:
    """Risks are counted by severity, without those that did not occur."""
    assert severities([22, 47, 74]) == {"medium": 2, "critical": 1}
