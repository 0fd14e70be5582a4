"""Quality as a range, and figures on real captures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.features.replay import features_of, fresh_windows
from detector.models.base import Model
from detector.scoring.dataset import read_dataset
from training.estimators import fit_estimator
from training.labels import TrainOn, Truth
from training.metrics import figures
from training.quality import found_by_label, measure, stretches
from training.train import Recipe, train


@given(st.lists(st.booleans(), min_size=20, max_size=200), st.integers(2, 6))
def test_stretches_cover_every_row(benign: list[bool], folds: int) -> None:
    """Stretches follow each other, leave no row out, and hold equally many benign rows, give or take one."""
    mask = np.array([*benign, *[True] * folds])
    cut = stretches(mask, folds)
    assert [start for start, _ in cut] == [0, *(end for _, end in cut[:-1])]
    assert cut[-1][1] == len(mask)
    counts = [int(mask[start:end].sum()) for start, end in cut]
    assert max(counts) - min(counts) <= 1


def test_no_row_is_measured_by_a_model_that_saw_it() -> None:
    """Each fold trains outside its stretch, and the figures' range comes from all folds."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(600, 2)).astype(np.float32)
    attack = np.arange(600) % 20 == 0
    matrix[attack] += 4
    seen: list[NDArray[np.intp]] = []

    def fit(rows: NDArray[np.intp], fold: int) -> Model:
        seen.append(rows)
        return fit_estimator("isolation-forest", matrix[rows], seed=fold, params={"n_estimators": 20})

    labels = pl.Series("label", np.where(attack, "scan", "benign"))
    quality = measure(matrix, Truth(attack, ~attack), labels, np.flatnonzero(~attack), 4, fit)
    cut = stretches(~attack, 4)
    assert [len(np.intersect1d(rows, np.arange(*span))) for rows, span in zip(seen, cut, strict=True)] == [0] * 4
    figure = quality.figures["roc_auc"]
    assert 0.9 < (figure.low or 0) <= figure.value <= (figure.high or 0)
    assert quality.found.keys() == {"scan"}


def test_found_by_label_counts_ties_against() -> None:
    """Rows that score as a benign row beyond the allowed share are not found."""
    scores = np.array([1.0, 1.0, 2.0, 1.0])
    labels = pl.Series("label", ["benign", "a", "a", "b"])
    assert found_by_label(scores, np.array([False, True, True, True]), labels) == {"a": 0.5, "b": 0.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("capture", "auc", "found"),
    [
        ("stratosphere-008-mixed.conn.log.labeled.gz", 0.999, 0.99),
        ("iot23-34-1.conn.log.labeled.gz", 0.96, 0.7),
    ],
)
def test_real_captures(shared_data: Path, capture: str, auc: float, found: float) -> None:
    """Trained on the first half's benign flows and 1 % attacks, windows find the second half's attacks at 1 %."""
    data = read_dataset([shared_data / "zeek" / capture], "zeek", labels=True)
    middle = (data.start + data.end) / 2
    first, second = data.frame.filter(pl.col("ts") < middle), data.frame.filter(pl.col("ts") >= middle)
    trained = train(first, Recipe(train_on=TrainOn.parse("normal+0.01"), folds=0))
    windows = fresh_windows(trained.extractor)
    features_of(trained.extractor, first, windows)
    scores = trained.model.score(features_of(trained.extractor, second, windows))
    told = figures(scores, Truth.of(second).attack)
    assert (told["roc_auc"] or 0) > auc
    assert (told["tpr_at_fpr_0.01"] or 0) > found
