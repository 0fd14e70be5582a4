"""Which incidents a label would teach most about."""

from __future__ import annotations

import numpy as np

from triage.instructive import Candidate, Labelled, queue

INCIDENTS, PATTERNS, ENOUGH = 600, 60, 0.95


def simulated(seed: int) -> tuple[list[Candidate], dict[str, str]]:
    """Incidents, the newest first, and the truth: a few patterns that come again and again, many that are rare.

    Sizes of patterns fall as of Zipf's law; a pattern is true with the chance of its kind, and now and then one of its
    incidents is not what the others are.
    """
    random = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, PATTERNS + 1)
    chances = {"beacon": 0.15, "scan": 0.5, "exfiltration": 0.8}
    kinds = random.choice(list(chances), PATTERNS)
    truth_of = random.random(PATTERNS) < [chances[kind] for kind in kinds]
    of = random.choice(PATTERNS, INCIDENTS, p=weights / weights.sum())
    found, truth = [], {}
    for number, pattern in enumerate(of.tolist()):
        each = Candidate(f"i{number}", kinds[pattern], f"10.0.0.{pattern % 20}", "10.1.0.1", 1000 + pattern)
        found.append(each)
        truth[each.id] = "true" if truth_of[pattern] ^ (random.random() < 0.03) else "false"
    return found, truth


def needed(found: list[Candidate], truth: dict[str, str], choose: bool) -> int:
    """Labels until what they say of all incidents is right for nearly all that are not exceptions."""
    labelled, left = Labelled(), list(found)
    for count in range(1, len(found) + 1):
        chosen = next(each.id for each in queue(left, labelled, 1)) if choose else left[0].id
        each = next(each for each in left if each.id == chosen)
        left.remove(each)
        labelled.add(each._replace(verdict=truth[each.id]))
        if count % 5 == 0:
            right = [(labelled.chance(each) > 0.5) == (truth[each.id] == "true") for each in found]
            if np.mean(right) >= ENOUGH - 0.03:
                return count
    return len(found)


def test_it_needs_fewer_labels_than_the_newest_first() -> None:
    """On simulated incidents the median of labels until they say what nearly all are is a fifth lower at least."""
    runs = [simulated(seed) for seed in range(7)]
    chosen = np.array([needed(*run, choose=True) for run in runs])
    newest = np.array([needed(*run, choose=False) for run in runs])
    assert np.median(chosen) <= 0.8 * np.median(newest), (chosen, newest)


def of(number: int, kind: str = "scan", source: str = "10.0.0.1", verdict: str | None = None) -> Candidate:
    """One of port 22."""
    return Candidate(f"i{number}", kind, source, "10.0.0.2", 22, verdict)


def test_one_of_each_pattern_comes_before_more_of_the_same() -> None:
    """A list has different questions first; then more of the same, and never one twice."""
    candidates = [of(1), of(2), of(3, "beacon"), of(4)]
    assert [each.id for each in queue(candidates, Labelled(), 9)] == ["i1", "i3", "i2", "i4"]
    assert queue([], Labelled(), 3) == []


def test_labels_make_what_is_alike_certain() -> None:
    """Labels move the chance of their own pattern most, then of their source, their kind, and of all."""
    labelled = Labelled(of(number, verdict="false") for number in range(5))
    chances = [
        labelled.chance(each) for each in (of(9), of(9)._replace(port=23), of(9, source="10.0.0.9"), of(9, "beacon"))
    ]
    assert chances == sorted(chances)
    assert chances[0] < 0.05
    assert chances[-1] < 0.5
    assert Labelled([of(1, verdict="unsure")]).chance(of(2)) == 0.5


def test_unsure_is_an_answer_too() -> None:
    """What somebody looked at and did not know is not asked at once again."""
    labelled = Labelled([of(1, verdict="unsure")])
    assert [each.id for each in queue([of(2), of(3, source="10.0.0.3")], labelled, 1)] == ["i3"]
