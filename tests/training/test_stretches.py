"""Cross-fitting: each stretch judged by what did not see it, on the scale of the model that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.decisions.evidence import EvidenceState
from detector.decisions.passed import DESTINATIONS, SOURCES, EvidenceKeys, Passed, Surprises
from detector.decisions.views import VIEWS, columns_of
from detector.decisions.volume import VolumeState
from tests.models.conformance import training_rows
from training.estimators import fit_estimator
from training.incidents import Passing, unseen_assessment
from training.stretches import Stretches, aligned, fitted_rows, unseen_scores
from training.watched import DAY_S


@given(st.integers(1, 2000), st.integers(1, 9))
def test_every_row_is_in_one_stretch(rows: int, wanted: int) -> None:
    """Stretches follow each other from the first row to the last, and none has too few rows."""
    stretches = Stretches.of(rows, wanted)
    assert sum(stretch.stop - stretch.start for stretch in stretches.ranges) == rows
    assert (np.diff(stretches.number) >= 0).all()
    assert len(stretches.ranges) == 1 or min(np.diff(stretches.bounds)) >= 35
    assert len(stretches.ranges) == max(1, min(wanted, rows // 35))


@pytest.mark.parametrize(("days", "stretches"), [(1.0, 5), (1.95, 2), (3.0, 3), (10.0, 5)])
def test_stretches_of_days_are_whole_days(days: float, stretches: int) -> None:
    """Of two days watched or more each hour is judged by what has seen that hour of another day."""
    clock = np.linspace(0.0, days * DAY_S, 4_000)
    found = Stretches.between(np.ones(4_000, np.bool_), clock)
    assert len(found.ranges) == stretches
    if days > 1.9:
        cuts = clock[found.bounds[1:-1]] / DAY_S
        assert cuts == pytest.approx(np.round(cuts), abs=0.01)


@pytest.mark.parametrize(("usual", "fitted"), [(99_999, 99_999), (100_001, 50_001), (450_000, 90_000)])
def test_rows_that_are_fitted_are_evenly_spread(usual: int, fitted: int) -> None:
    """At most a hundred thousand of the usual ones, the same number of them between any two, from first to last."""
    mask = np.arange(usual + 1_000) >= 1_000
    rows = fitted_rows(mask)
    assert (len(rows), len(np.unique(np.diff(rows)))) == (fitted, 1)
    assert rows[0] == 1_000
    assert usual + 1_000 - rows[-1] <= rows[1] - rows[0]


def test_days_that_are_nearly_empty_are_no_stretches() -> None:
    """Where a day has too few rows to be judged by, stretches have equally many instead."""
    clock = np.concatenate([np.linspace(0.0, DAY_S, 20), np.linspace(DAY_S, 3 * DAY_S, 980)])
    found = Stretches.between(np.ones(1_000, np.bool_), clock)
    assert np.diff(found.bounds).tolist() == [200] * 5


def test_no_row_is_judged_by_what_saw_its_stretch() -> None:
    """What judges a stretch is fitted to rows of the others alone, and of these to none that was left out."""
    matrix = np.arange(700, dtype=np.float32)[:, None]
    kept = np.ones(700, np.bool_)
    kept[::7] = False
    stretches, fitted = Stretches.of(700), []

    def refit(rows: np.ndarray) -> object:
        fitted.append(rows[:, 0].astype(int))
        return model

    model = fit_estimator("isolation-forest", training_rows(100)[:, :1].copy(), seed=1, params={"n_estimators": 5})
    unseen_scores(matrix, kept, stretches, model, refit)  # type: ignore[arg-type]
    assert len(fitted) == len(stretches.ranges)
    for stretch in stretches.ranges:  # judged side by side, in any order
        others = kept.copy()
        others[stretch] = False
        assert any(np.array_equal(rows, np.flatnonzero(others)) for rows in fitted)


def test_scores_come_to_the_scale_of_the_model_that_is_kept() -> None:
    """Where one model's scores are three times another's and two more, they are the same after."""
    scores = np.random.default_rng(1).exponential(size=5_000)
    assert aligned(scores[:100], scores, 3 * scores + 2) == pytest.approx(3 * scores[:100] + 2)
    assert aligned(scores[:100], np.ones(9), scores).tolist() == scores[:100].tolist()


def test_the_middle_and_the_highest_hundredth_come_to_those_of_the_other() -> None:
    """Of models that differ as no straight line does, those two are where one's scores become the other's."""
    theirs = np.random.default_rng(1).exponential(size=5_000)
    ours = theirs**3 + 1.0
    assert aligned(np.quantile(theirs, [0.5, 0.99]), theirs, ours) == pytest.approx(np.quantile(ours, [0.5, 0.99]))


def passing(known: np.ndarray) -> Passing:
    """Two stretches of the same hundred targets, one flow a second each."""
    targets = np.tile(np.arange(100, dtype=np.uint64) + 7, 2)
    keys = EvidenceKeys(targets, np.full(200, 1, np.uint64), np.full(200, 2, np.uint64), targets + np.uint64(1000))
    odd = np.full(200, 5.0)
    told = dict.fromkeys(columns_of(VIEWS), np.zeros(200, np.float32)) | {SOURCES: keys.ports, DESTINATIONS: targets}
    flows = Passed(keys, np.arange(200.0), Surprises(odd, odd), np.zeros(200, np.int32), told)
    return Passing(flows, known, np.repeat([0, 1], 100))


def test_the_first_stretch_is_not_all_new() -> None:
    """A target that is in another stretch is known to each, so that its flows have no breadth of a new one."""
    found = unseen_assessment(passing(np.ones(200, np.bool_)), 199.0)
    nothing_known = unseen_assessment(passing(np.zeros(200, np.bool_)), 199.0)
    assert nothing_known["breadth"][:100].max() > 100
    assert found["breadth"][:100].max() < nothing_known["breadth"][:100].max()


def test_what_may_not_become_known_is_not_in_what_daemons_begin_with() -> None:
    """Labelled attacks and what was left out as oddest leave no trace in the evidence that is shipped."""
    none, half = np.zeros(200, np.bool_), np.arange(200) < 50
    sizes = [len(passing(known).ended_with()["evidence"].snapshot(0)) for known in (none, half, np.ones(200, np.bool_))]
    assert sizes[0] == len(EvidenceState().snapshot(0)) < sizes[1] < sizes[2]


def test_a_view_that_counts_all_knows_what_was_left_out_as_oddest() -> None:
    """What daemons begin with has the same volumes, whatever was left out: its counts are not without their tail."""
    none, every = (
        passing(known).ended_with()["volumes"].snapshot(0)
        for known in (np.zeros(200, np.bool_), np.ones(200, np.bool_))
    )
    assert none == every
    assert len(none) > len(VolumeState().snapshot(0))
