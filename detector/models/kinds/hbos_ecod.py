"""Models whose score is a sum over features of a step function of the value: HBOS and ECOD.

Each feature has ascending cuts; the value between two neighbouring cuts (above the one, at most the other) stands for
everything between them. Attribution is exact and immediate: a feature's contribution is its own summand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled
from detector.models import scaling
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays, Attribution
from detector.models.rows import as_rows
from detector.models.scaling import Scaling

MAX_CUTS = 1 << 24
"""Over all features: 256 MiB with their values."""

LARGEST_VALUE = 1e6
"""Of one feature's summand: a negative logarithm of a share is far below."""


@dataclass(frozen=True, slots=True)
class StepModel:
    """Step functions of scaled features; the kinds differ in how they are learnt and in what their values mean."""

    kind: ClassVar[str]
    quantity: ClassVar[str]

    scaling: Scaling
    cuts: NDArray[np.float64]
    """Shape (cuts,): each feature's, ascending, one feature after the other; in scales."""
    starts: NDArray[np.int64]
    """Shape (features + 1,): where each feature's cuts begin, and the end."""
    values: NDArray[np.float64]
    """Shape (cuts + features,): one more than cuts per feature."""
    expected: NDArray[np.float64]
    """Shape (features,): the mean of each feature's summand over the training rows."""

    @property
    def n_features(self) -> int:
        """How many columns ``score`` expects."""
        return len(self.expected)

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): the sum of the summands, higher is more anomalous."""
        rows = as_rows(matrix, self.n_features)
        scores = np.empty(len(rows), dtype=np.float64)
        self._run(_sum_steps, rows, scores)
        return scores

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score: by how much each feature's summand is above its mean in training.

        For a sum of single features' functions these are its Shapley values against the training rows.
        """
        rows = as_rows(matrix, self.n_features)
        summands = np.empty(rows.shape, dtype=np.float64)
        self._run(_each_step, rows, summands)
        return Attribution(
            quantity=self.quantity,
            base=float(self.expected.sum()),
            output=self.score(rows),
            contributions=summands - self.expected,
        )

    def _run(self, kernel: Callable[..., None], rows: NDArray[np.float32], out: NDArray[np.float64]) -> None:
        scale = self.scaling
        kernel(rows, scale.centre, scale.scale, scale.clip, self.cuts, self.starts, self.values, out)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {
            **self.scaling.to_arrays(),
            "cuts": self.cuts,
            "starts": self.starts,
            "values": self.values,
            "expected": self.expected,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything that could lead a search astray."""
        part = f"model ({cls.kind})"
        check_names(arrays, (*scaling.NAMES, "cuts", "starts", "values", "expected"), part)
        largest = scaling.LARGEST_CLIP
        cuts = take(arrays, "cuts", part, dtype=np.float64, shape=(None,), low=-largest, high=largest)
        if len(cuts) > MAX_CUTS:
            raise broken(part, f"{len(cuts)} cuts are more than {MAX_CUTS}")
        starts = take(arrays, "starts", part, dtype=np.int64, shape=(n_features + 1,), low=0, high=len(cuts))
        if starts[0] != 0 or starts[-1] != len(cuts) or bool(np.any(np.diff(starts) < 0)):
            raise broken(part, "the features' cuts do not follow each other")
        falls = np.diff(cuts) < 0
        edges = starts[(starts > 0) & (starts < len(cuts))]
        falls[edges - 1] = False  # from one feature to the next
        if bool(falls.any()):
            raise broken(part, "a feature's cuts do not ascend")
        shape = (len(cuts) + n_features,)
        values, expected = (
            take(arrays, name, part, dtype=np.float64, shape=of, low=-LARGEST_VALUE, high=LARGEST_VALUE)
            for name, of in (("values", shape), ("expected", (n_features,)))
        )
        return cls(Scaling.from_arrays(arrays, n_features, part), cuts, starts, values, expected)


class Hbos(StepModel):
    """Histogram-based outlier score (Goldstein and Dengel, KI 2012), as PyOD's: −log2 of each bin's density.

    A value outside the histogram by more than a share of its last bin's width counts as the rarest bin does.
    """

    kind = "hbos"
    quantity = "negative_log_density"


class Ecod(StepModel):
    """Empirical cumulative distributions (Li et al., TKDE 2022), as PyOD's: −log of each feature's tail share.

    Equal to PyOD's scores of the rows that it was trained on. A value beyond all of them counts as the outermost of
    them; PyOD would have it share in the distribution, so that a row's score depends on those beside it.
    """

    kind = "ecod"
    quantity = "negative_log_tail"


@compiled
def _each_step(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    cuts: NDArray[np.float64],
    starts: NDArray[np.int64],
    values: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Give each feature's summand in each row, into ``out`` (rows × features)."""
    for row in range(len(matrix)):
        for feature in range(len(centre)):
            value = min(max((matrix[row, feature] - centre[feature]) / scale[feature], -clip), clip)
            low, high = starts[feature], starts[feature + 1]
            while low < high:
                middle = (low + high) >> 1
                if value > cuts[middle]:
                    low = middle + 1
                else:
                    high = middle
            out[row, feature] = values[low + feature]


@compiled
def _sum_steps(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    cuts: NDArray[np.float64],
    starts: NDArray[np.int64],
    values: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add up each row's summands in the order of the features, into ``out`` (rows,)."""
    for row in range(len(matrix)):
        total = 0.0
        for feature in range(len(centre)):
            value = min(max((matrix[row, feature] - centre[feature]) / scale[feature], -clip), clip)
            low, high = starts[feature], starts[feature + 1]
            while low < high:
                middle = (low + high) >> 1
                if value > cuts[middle]:
                    low = middle + 1
                else:
                    high = middle
            total += values[low + feature]
        out[row] = total
