"""The systems that are compared: ours, and what a data scientist would take from a shelf, each on the same rows.

Every system takes training rows and test rows and gives one score per test row, the higher the odder. Rivals see the
features of single flows; where they are told to see the windows as well, their name says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler

from bench.quality_sets import CONTAMINATION
from detector.features.extractor import build_spec
from detector.features.spec import FeatureSpec
from detector.features.windows import default_windows
from detector.models.base import Model
from detector.models.ensemble import Ensemble
from detector.models.kinds.isolation_forest import IsolationForest
from detector.scoring.scorer import Scored, Scorer
from training.compare.detectors import SHELF, FromShelf
from training.estimators import fit_estimator
from training.labels import TrainOn
from training.learn import Choice, Fitting, learn
from training.train import Recipe
from training.watched import Watched, ends_of

Matrix = NDArray[np.float32]
Scores = NDArray[np.float64]
System = Callable[[Matrix, Matrix, int], Scores]
"""Training rows, rows to score, seed."""

FOREST = {"n_estimators": 200, "max_samples": 1024}
"""Of our forest, chosen on folds of NSL-KDD's training file: docs/research/quality.md has the figures."""

NEIGHBOUR_ROWS = 14_000
"""All of NSL-KDD's; more would make nearest neighbours take minutes on a simulated day."""

STREAMED_ROWS = 20_000
"""A streaming learner in Python sees at most so many training rows, evenly spread: it takes some 0.3 ms for each."""


@dataclass(frozen=True, slots=True)
class Ours:
    """One of our kinds, as ``oddflow train`` fits it."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def recipe(self, *, contaminated: bool) -> Recipe:
        """As ``oddflow train`` has it where attacks are known to be among the rows, or not to be."""
        among = TrainOn.parse(f"normal+{CONTAMINATION:g}" if contaminated else "normal")
        return Recipe(kind=self.kind, params=self.params, train_on=among)

    def fitting(self, recipe: Recipe, rows: int, seed: int) -> Fitting:
        """What ``oddflow train`` fits to so many rows."""
        params = recipe.fitting
        if self.kind == IsolationForest.kind:
            params = {**params, "max_samples": min(FOREST["max_samples"], rows)}
        return Fitting(kind=self.kind, seed=seed, params=params, drop=recipe.drop)

    def fit(
        self,
        train: Matrix,
        seed: int,
        *,
        contaminated: bool,
        names: Sequence[str] | None = None,
        single: int | None = None,
    ) -> Model:
        """Fit it to rows, as ``oddflow train`` would where attacks are known to be among them, or not to be."""
        params = self.fitting(self.recipe(contaminated=contaminated), len(train), seed).params
        return fit_estimator(self.kind, train, seed=seed, params=params, names=names, single=single)


def judged(  # noqa: PLR0917 - what is learnt from, what is tried
    learning: Fitting,
    flows: pl.DataFrame,
    choice: Choice,
    came_by: NDArray[np.int32],
    tried: pl.DataFrame,
    tried_by: NDArray[np.int32],
    spec: FeatureSpec | None = None,
) -> Scored:
    """Learn from ``flows`` as ``oddflow train`` does; score the ``tried`` as daemons do.

    ``came_by`` and ``tried_by`` are the partitions of each; None for ``spec``: all features. There are no rates where
    flows have no addresses.
    """
    watched = Watched.of(flows["ts"].to_numpy(), ends_of(flows))
    learnt = learn(flows, choice, spec or build_spec(windows=default_windows()), learning, watched, came_by)
    return Scorer(learnt.scoring, learnt.state).score(tried, tried_by)


OURS = {"oddflow": Ours(Ensemble.kind), "oddflow-forest": Ours(IsolationForest.kind, FOREST)}


def from_shelf(detector: FromShelf) -> System:
    """One of those that ``oddflow train --compare`` has."""

    def scores(train: Matrix, test: Matrix, seed: int) -> Scores:
        return np.nan_to_num(detector.fit(train, None, seed)(test))

    return scores


def few(system: System) -> System:
    """The same on NEIGHBOUR_ROWS of the training rows at most."""

    def scores(train: Matrix, test: Matrix, seed: int) -> Scores:
        return system(train[:: max(1, -(-len(train) // NEIGHBOUR_ROWS))], test, seed)

    return scores


def half_space_trees(train: Matrix, test: Matrix, seed: int) -> Scores:
    """river's HalfSpaceTrees on features scaled to 0…1, learning from the training rows alone."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415 - slow to import

    scaler = MinMaxScaler(clip=True).fit(train)
    model: Any = HalfSpaceTrees(n_trees=25, height=10, window_size=250, seed=seed)
    names = list(range(train.shape[1]))
    for row in scaler.transform(_spread(train)).tolist():
        model.learn_one(dict(zip(names, row, strict=True)))
    return np.array([model.score_one(dict(zip(names, row, strict=True))) for row in scaler.transform(test).tolist()])


def kitnet(train: Matrix, test: Matrix, seed: int) -> Scores:
    """Kitsune's KitNET by pysad, a tenth of the training rows for its map of features, the others for its nets."""
    from pysad.models import KitNet  # noqa: PLC0415 - slow to import

    np.random.seed(seed)  # noqa: NPY002 - it draws from the global generator
    rows = MinMaxScaler(clip=True).fit(train)
    few = rows.transform(_spread(train))
    model: Any = KitNet(  # type: ignore[no-untyped-call]
        max_size_ae=10, grace_feature_mapping=len(few) // 10, grace_anomaly_detector=len(few) - len(few) // 10
    )
    for row in few:
        model.fit_partial(row)
    scores: Scores = np.nan_to_num(np.array([float(model.score_partial(row)) for row in rows.transform(test)]))
    return scores


def _spread(train: Matrix) -> Matrix:
    step = max(1, -(-len(train) // STREAMED_ROWS))
    return train[::step]


forest = from_shelf(
    FromShelf("sklearn-iforest", "scikit-learn", "sklearn.ensemble:IsolationForest", seeded="random_state")
)
"""scikit-learn's, as it comes."""

_SHELF = {each.name: from_shelf(each) for each in SHELF}

PYOD: Mapping[str, System] = {
    "pyod-knn": few(_SHELF["pyod-knn"]),
    "pyod-hbos": _SHELF["pyod-hbos"],
    "pyod-cblof": _SHELF["pyod-cblof"],
}
"""The best three of nine on folds of NSL-KDD's training file: docs/research/quality.md has the figures."""

STREAMING: Mapping[str, System] = {"river-hst": half_space_trees, "pysad-kitnet": kitnet}
"""Where they are installed."""


def installed() -> dict[str, System]:
    """The streaming rivals that this environment has."""
    found = {}
    for (name, system), module in zip(STREAMING.items(), ("river.anomaly", "pysad.models"), strict=True):
        try:
            __import__(module)
        except ImportError:
            continue
        found[name] = system
    return found
