"""The forest's kernel beside scikit-learn's ``score_samples``: the same trees and rows, in batches of three sizes.

usage: python -m bench.kernel  (prints one JSON object last)
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from training.estimators import forest_arrays

FEATURES = 27
TRAINING_ROWS = 20_000
TREES, SAMPLES = 100, 256
BATCHES = {1: (50, 5_000), 500: (4, 400), 20_000: (2, 12)}
"""Batch size → how many calls of scikit-learn's and of ours are timed in a round."""
ROUNDS = 5

Score = Callable[[NDArray[np.float32]], object]


def measure_kernel() -> dict[str, float]:
    """Give ``kernel_ratio_<batch>`` and ``kernel_<batch>_per_s``: medians of interleaved rounds, on one core."""
    rows = synthetic_rows(TRAINING_ROWS, seed=1)
    library = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0).fit(rows)
    ours = forest_arrays(library, FEATURES)
    figures: dict[str, float] = {}
    for size, (library_calls, own_calls) in BATCHES.items():
        batch = np.ascontiguousarray(rows[:size])
        ours.score(batch)
        library_s, own_s = [], []
        for _ in range(ROUNDS):
            library_s.append(seconds_per_call(library.score_samples, batch, library_calls))
            own_s.append(seconds_per_call(ours.score, batch, own_calls))
        figures[f"kernel_ratio_{size}"] = statistics.median(library_s) / statistics.median(own_s)
        figures[f"kernel_{size}_per_s"] = size / statistics.median(own_s)
    return figures


def synthetic_rows(count: int, seed: int) -> NDArray[np.float32]:
    """Rows like features: long-tailed and binary columns mixed."""
    rng = np.random.default_rng(seed)
    rows = rng.lognormal(size=(count, FEATURES))
    rows[:, ::4] = rng.random((count, rows[:, ::4].shape[1])) < 0.2
    return rows.astype(np.float32)


def seconds_per_call(score: Score, batch: NDArray[np.float32], calls: int) -> float:
    """Time so many calls."""
    started = time.perf_counter()
    for _ in range(calls):
        score(batch)
    return (time.perf_counter() - started) / calls


if __name__ == "__main__":
    print(json.dumps({name: round(value, 1) for name, value in measure_kernel().items()}))
