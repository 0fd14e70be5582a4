"""What a budget of false incidents finds."""

from __future__ import annotations

import numpy as np
import pytest

from training.detection_at_budget import attacks_found, found_at

KEYS = np.array([1, 1, 2, 3, 9, 9, 8, 8], np.uint64)
TS = np.arange(8.0) * 30.0
RATES = np.array([5.0, 6.0, 2.0, 9.0, 7.0, 1.0, 8.0, 8.5])
IDS = np.array(["", "", "", "", "scan-1", "scan-1", "beacon-2", "beacon-2"])
ATTACKS = IDS != ""


@pytest.mark.parametrize(("budget", "share", "seconds"), [(0, 0.25, 30.0), (1, 0.25, 30.0), (2, 1.0, 0.0)])
def test_as_many_benign_keys_are_raised_as_the_budget_has(budget: int, share: float, seconds: float) -> None:
    """Attack flows are found above the oddest flow of the first benign key too many."""
    found = found_at(budget, RATES, KEYS, TS, ATTACKS, ~ATTACKS)
    assert found is not None
    assert (found.share, found.seconds) == (share, seconds)


@pytest.mark.parametrize(
    ("budget", "within", "expected"),
    [
        (1, 60.0, {"scan-1": True, "beacon-2": False}),
        (1, 29.0, {"scan-1": False, "beacon-2": False}),
        (1, np.inf, {"scan-1": True, "beacon-2": False}),
    ],
)
def test_attacks_are_found_in_time_or_not(budget: int, within: float, expected: dict[str, bool]) -> None:
    """An attack counts as found if one of its flows is raised soon enough after its first."""
    assert attacks_found(budget, RATES, KEYS, TS, IDS, within) == expected


def test_no_benign_flow_is_no_budget() -> None:
    """Attacks alone give no figure: nothing tells what a budget would raise."""
    with pytest.raises(ValueError, match="benign"):
        attacks_found(1, RATES[4:], KEYS[4:], TS[4:], IDS[4:], 60.0)
    assert found_at(1, RATES[4:], KEYS[4:], TS[4:], ATTACKS[4:], ~ATTACKS[4:]) is None
