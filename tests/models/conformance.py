"""What every kind of model promises, as checks that raise AssertionError; each is tried on broken models, too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detector.models.base import Model

Matrix = NDArray[np.float32]
Check = Callable[[Model, Matrix], None]

LARGEST = np.finfo(np.float32).max


def training_rows(count: int, seed: int = 0) -> Matrix:
    """Rows of eight features: two clusters, a flag, counts, a long tail, a constant, and two that go together."""
    rng = np.random.default_rng(seed)
    cluster = rng.random(count) < 0.3
    base = rng.normal(size=count)
    columns = [
        rng.normal(np.where(cluster, 5.0, -5.0), 1.0),
        rng.normal(np.where(cluster, 2.0, 8.0), 1.0),
        rng.random(count) < 0.1,
        rng.poisson(3.0, count),
        rng.lognormal(2.0, 1.0, count),
        np.full(count, 4.0),
        base,
        2.0 * base + rng.normal(0.0, 0.1, count),
    ]
    return np.column_stack(columns).astype(np.float32)


def check_finite(model: Model, rows: Matrix) -> None:
    """Scores are float64, one per row, and finite for every finite row, the largest and smallest included."""
    extremes = np.zeros((5, rows.shape[1]), dtype=np.float32)
    extremes[0], extremes[1] = LARGEST, -LARGEST
    extremes[2], extremes[3, ::2] = np.finfo(np.float32).smallest_subnormal, LARGEST
    for matrix in (rows, extremes, rows[:0]):
        scores = model.score(matrix)
        assert scores.dtype == np.float64
        assert scores.shape == (len(matrix),)
        assert np.isfinite(scores).all()


def check_direction(model: Model, rows: Matrix) -> None:
    """Rows far from the training rows in every feature score above nine in ten of these."""
    away = rows[:50] + 12 * (1 + rows.std(axis=0)) * np.where(np.arange(rows.shape[1]) % 2, -1, 1)
    assert model.score(away.astype(np.float32)).min() > np.quantile(model.score(rows), 0.9)


def check_batches(model: Model, rows: Matrix) -> None:
    """No split into batches changes a bit of a score."""
    whole = model.score(rows)
    for size in (1, 2, 7, 16, 127, 128, 129, 500):
        parts = [model.score(rows[start : start + size]) for start in range(0, min(len(rows), 40 * size), size)]
        split = np.concatenate(parts)
        assert np.array_equal(split, whole[: len(split)]), f"batches of {size}"


def check_order(model: Model, rows: Matrix) -> None:
    """A row keeps its score whatever stands beside it, in whatever memory layout."""
    order = np.random.default_rng(5).permutation(len(rows))
    whole = model.score(rows)
    assert np.array_equal(model.score(np.ascontiguousarray(rows[order])), whole[order])
    assert np.array_equal(model.score(np.asfortranarray(rows)), whole)
    assert np.array_equal(model.score(rows[::2]), whole[::2])
    assert np.array_equal(model.score(rows), whole)


def check_leaves_rows_alone(model: Model, rows: Matrix) -> None:
    """Neither scoring nor explaining writes to the rows, nor to the model."""
    before, arrays = rows.copy(), {name: array.copy() for name, array in model.to_arrays().items()}
    model.score(rows)
    model.explain(rows[:50])
    assert np.array_equal(rows, before)
    assert all(np.array_equal(array, arrays[name]) for name, array in model.to_arrays().items())


def check_explanation(model: Model, rows: Matrix) -> None:
    """Contributions and base add up to the output; the output rises and falls with the score; the base is its mean."""
    some = np.ascontiguousarray(rows[:300])
    why = model.explain(some)
    assert why.contributions.shape == some.shape
    assert np.allclose(why.contributions.sum(axis=1) + why.base, why.output, rtol=1e-9, atol=1e-9)
    order = np.argsort(model.score(some), kind="stable")
    steps = np.diff(why.output[order])
    assert (steps >= -1e-9 * np.maximum(1.0, np.abs(why.output).max())).all()
    spread = max(1e-9, float(why.output.std()))
    assert abs(float(model.explain(rows).output.mean()) - why.base) < spread


def check_varies(model: Model, rows: Matrix) -> None:
    """It tells rows apart."""
    assert len(np.unique(model.score(rows))) > 10


def check_round_trip(model: Model, rows: Matrix) -> None:
    """Restored from its arrays it scores and explains the same to the last bit."""
    again = type(model).from_arrays(model.to_arrays(), model.n_features)
    assert np.array_equal(again.score(rows), model.score(rows))
    assert np.array_equal(again.explain(rows[:20]).contributions, model.explain(rows[:20]).contributions)


CHECKS: tuple[Check, ...] = (
    check_finite,
    check_direction,
    check_batches,
    check_order,
    check_leaves_rows_alone,
    check_explanation,
    check_varies,
    check_round_trip,
)
