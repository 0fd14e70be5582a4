"""What a daemon will know, which what judged a stretch of training time did not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.records.flow import DIRECTIONS
from training.novelty import met_anew, share_still_new

OUTBOUND, INTERNAL, INBOUND = (DIRECTIONS.index(name) for name in ("outbound", "internal", "inbound"))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_hosts_are_met_anew_as_often_as_told(count: int) -> None:
    """Of hosts that are each there on three days in four, as many are new on the next day as their share says."""
    seen = np.random.default_rng(7).random((count + 1, 500_000)) < 0.75
    times = seen[:count].sum(axis=0)
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    new = int((seen[count] & (times == 0)).sum())
    assert share_still_new(once, twice, count) == pytest.approx(new / (once / count), abs=0.03)


def test_where_all_are_there_each_day_nothing_is_left_out() -> None:
    """No host of one day alone: nothing to take for known."""
    assert share_still_new(0, 9, 2) == 1.0


Rows = list[tuple[int, int, int]]
"""Of source, direction and stretch."""


def kept_of(rows: Rows, count: int = 2) -> NDArray[np.bool_]:
    """Which of the rows are kept."""
    source, direction, stretch = np.array(rows, np.int64).reshape(-1, 3).T
    return met_anew(source.astype(np.uint64), direction, stretch.astype(np.intp), count)


USUAL: Rows = [(host, OUTBOUND, day) for host in range(29) for day in (0, 1)]
"""Hosts that are there on both days."""


def test_a_host_that_was_away_on_one_day_sets_no_threshold() -> None:
    """One of thirty hosts was there on one day of two: what it did then, as a new host, is left out."""
    kept = kept_of([*USUAL, (99, INTERNAL, 0), (99, OUTBOUND, 0)])
    assert kept[: len(USUAL)].all()
    assert not kept[len(USUAL) :].any()


def test_hosts_that_are_always_others_are_kept() -> None:
    """Where each day has hosts that no other has, as a guests' network does, they are as new as ever."""
    assert kept_of([(host, OUTBOUND, host % 2) for host in range(50)]).all()


def test_strangers_from_outside_are_kept() -> None:
    """A source on the Internet that came once is no host of the network that was away."""
    assert kept_of([*USUAL, (99, INBOUND, 0)]).all()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 4)), max_size=60),
    count=st.integers(1, 5),
)
def test_hosts_are_left_out_as_a_whole_and_those_of_several_stretches_never(rows: Rows, count: int) -> None:
    """Whatever there is: a host is kept or left out with all that it sent, and kept if it was there twice."""
    rows = [(source, direction, stretch % count) for source, direction, stretch in rows]
    kept = kept_of(rows, count)
    inside = [(row, bool(keep)) for row, keep in zip(rows, kept, strict=True) if row[1] in {OUTBOUND, INTERNAL}]
    for source in range(10):
        fates = {keep for row, keep in inside if row[0] == source}
        assert len(fates) <= 1
        assert fates <= {True} or len({row[2] for row, _ in inside if row[0] == source}) == 1
    assert sum(kept) >= len(rows) - len(inside)
    assert kept.all() or count > 1
