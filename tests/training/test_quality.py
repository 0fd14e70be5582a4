"""Figures on real captures, and of each kind of attack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector.features.replay import features_of, fresh_windows
from detector.scoring.dataset import read_dataset
from training.labels import TrainOn, Truth
from training.metrics import figures, found_by_label
from training.train import Recipe, train


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
