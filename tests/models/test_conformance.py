"""Every kind keeps the promises of ``detector.models.base``; the checks themselves find a model that does not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import BundleError
from detector.models.base import Attribution, Model
from detector.models.every_kind import KINDS
from tests.models.conformance import (
    CHECKS,
    Check,
    Matrix,
    check_batches,
    check_direction,
    check_explanation,
    check_finite,
    check_leaves_rows_alone,
    check_order,
    check_round_trip,
    check_varies,
    training_rows,
)
from training.estimators import TRAINERS, fit_estimator


@cache
def fitted(kind: str) -> Model:
    """A model of the kind on a thousand rows."""
    return fit_estimator(kind, training_rows(1_000), seed=1)


def test_every_kind_can_be_trained() -> None:
    """Every kind that a bundle can hold has a trainer, and the other way round."""
    assert sorted(KINDS) == sorted([*TRAINERS, "ensemble"])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kind_keeps_promise(kind: str, check: Check) -> None:
    """The kind passes the check."""
    check(fitted(kind), training_rows(1_000, seed=2))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_same_seed_same_model(kind: str) -> None:
    """Training twice with one seed gives the same arrays, to the last bit."""
    once, again = (fit_estimator(kind, training_rows(400), seed=7).to_arrays() for _ in range(2))
    assert {name: array.tobytes() for name, array in once.items()} == {
        name: array.tobytes() for name, array in again.items()
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_missing_and_unknown_arrays_are_refused(kind: str) -> None:
    """A model lacking any of its arrays, or with one more, is refused by name."""
    arrays = fitted(kind).to_arrays()
    for name in arrays:
        with pytest.raises(BundleError, match="missing"):
            KINDS[kind].from_arrays({key: array for key, array in arrays.items() if key != name}, 8)
    with pytest.raises(BundleError, match="does not belong"):
        KINDS[kind].from_arrays({**arrays, "more": np.zeros(1)}, 8)


def hostile(array: NDArray[Any]) -> list[NDArray[Any]]:
    """The array with another type, other shapes, and values out of bounds."""
    flat = np.ravel(array)
    worst: list[NDArray[Any]] = [
        array.astype(np.complex128),
        array.astype(">f8"),
        flat[:0],
        array[None],
        np.zeros((2,) * array.ndim, array.dtype) if array.ndim > 1 else np.zeros((1, 1), array.dtype),
    ]
    extremes = (np.nan, np.inf, -np.inf) if array.dtype.kind == "f" else (np.iinfo(array.dtype).max, -1)
    for extreme in extremes:
        wrong = array.copy()
        wrong.flat[0] = extreme
        worst.append(wrong)
    return worst


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_hostile_arrays_are_refused_or_harmless(kind: str) -> None:
    """A spoilt array is refused, or else the model still gives finite scores: it never reads out of its arrays."""
    arrays, rows = fitted(kind).to_arrays(), training_rows(64, seed=3)
    refused = 0
    for name, array in arrays.items():
        for wrong in hostile(array):
            try:
                model = KINDS[kind].from_arrays({**arrays, name: wrong}, 8)
            except BundleError:
                refused += 1
                continue
            assert np.isfinite(model.score(rows)).all()
    assert refused > 5 * len(arrays)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_another_width_is_refused(kind: str) -> None:
    """A model of eight features is not taken for one of fewer, nor rows of another width scored."""
    with pytest.raises(BundleError):
        KINDS[kind].from_arrays(fitted(kind).to_arrays(), 3)
    with pytest.raises(ValueError, match="the model wants"):
        fitted(kind).score(np.zeros((4, 7), dtype=np.float32))


class Broken:
    """A real forest, of which each subclass spoils one promise."""

    kind: ClassVar[str] = "broken"

    def __init__(self) -> None:
        self.sound = fitted("isolation-forest")
        self.calls = 0

    @property
    def n_features(self) -> int:
        """As the forest's."""
        return self.sound.n_features

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """As the forest's."""
        return self.sound.score(matrix)

    def explain(self, matrix: Matrix) -> Attribution:
        """As the forest's."""
        return self.sound.explain(matrix)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As the forest's."""
        return self.sound.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_features: int) -> Self:
        """The forest again, however its arrays are."""
        assert arrays
        assert n_features
        return cls()


class Constant(Broken):
    """Scores every row the same."""

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """0.5 for each."""
        return np.full(len(matrix), 0.5)


class Relative(Broken):
    """Scores a row by those beside it."""

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """The rank within the batch."""
        return np.argsort(np.argsort(super().score(matrix))) / max(1, len(matrix))


class UpsideDown(Broken):
    """Scores what is usual high."""

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """The negative."""
        return -super().score(matrix)


class Overflowing(Broken):
    """Gives infinity for what is far away."""

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """Infinite where a value is huge."""
        return np.where(np.abs(matrix).max(axis=1, initial=0) > 1e30, np.inf, super().score(matrix))


class Writing(Broken):
    """Scales the rows in place."""

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """After which the rows are others."""
        scores = super().score(matrix)
        matrix *= 2
        return scores


class Vague(Broken):
    """Attributes about right."""

    def explain(self, matrix: Matrix) -> Attribution:
        """A hundredth too much for the first feature."""
        why = super().explain(matrix)
        why.contributions[:, 0] += 0.01
        return why


class Drifting(Broken):
    """Remembers how often it was asked."""

    def score(self, matrix: Matrix) -> NDArray[np.float64]:
        """Higher each time."""
        self.calls += 1
        return super().score(matrix) + 1e-12 * self.calls


class Forgetful(Broken):
    """Restores something else."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_features: int) -> Self:
        """A forest with another seed."""
        again = super().from_arrays(arrays, n_features)
        again.sound = fit_estimator("isolation-forest", training_rows(400), seed=2)
        return again


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Constant, check_varies),
        (Constant, check_direction),
        (Relative, check_batches),
        (Relative, check_order),
        (UpsideDown, check_direction),
        (UpsideDown, check_explanation),
        (Overflowing, check_finite),
        (Writing, check_leaves_rows_alone),
        (Vague, check_explanation),
        (Drifting, check_order),
        (Forgetful, check_round_trip),
    ],
    ids=lambda part: part.__name__,
)
def test_broken_model_fails(broken: type[Broken], check: Check) -> None:
    """A model that breaks a promise fails the check that stands for it."""
    check(fitted("isolation-forest"), training_rows(1_000, seed=2))
    with pytest.raises(AssertionError):
        check(broken(), training_rows(1_000, seed=2))
