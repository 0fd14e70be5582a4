"""What a data scientist would take from a shelf, each detector at its defaults, and one that is taught by labels.

Each is data alone, so that it can be sent to the process that it is measured in; libraries are imported there. PyOD's
detectors, many of which measure distances, see columns standardised, as its examples do; forests do not care. Nothing
here imports polars: its threads, started by the import, would leave locks behind in the processes that are forked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from detector.errors import ConfigurationError, InputError
from training.compare.contract import Role

Matrix = NDArray[np.float32]
Scores = NDArray[np.float64]
Scoring = Callable[[Matrix], Scores]
"""Rows × features to a score each, the higher the odder."""

EXTRA = "compare"


class Contender(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        ...

    @property
    def package(self) -> str:
        """The Python package that it is of, by the name that people know."""
        ...

    @property
    def role(self) -> Role:
        """What it is there for."""
        ...

    @property
    def params(self) -> Mapping[str, Any]:
        """Those that differ from its library's defaults."""
        ...

    def fit(self, train: Matrix, attack: NDArray[np.bool_], seed: int) -> Scoring:
        """Train on rows × features, of which some are labelled an ``attack``: only an upper bound looks at that."""
        ...


SCORES: Mapping[str, tuple[str, float]] = {
    "PyOD": ("decision_function", 1.0),
    "scikit-learn": ("score_samples", -1.0),
    "coniferest": ("score_samples", -1.0),
}
"""By package: the method that scores rows, and the sign that makes the odd ones high."""


@dataclass(frozen=True, slots=True)
class FromShelf:
    """A detector of a library, as it comes."""

    name: str
    package: str
    place: str
    """Module and class: ``pyod.models.knn:KNN``."""
    params: Mapping[str, Any] = field(default_factory=dict)
    seeded: str = ""
    """The parameter that takes the seed; empty where there is none."""
    role: Role = "shelf"

    def fit(self, train: Matrix, attack: NDArray[np.bool_] | None, seed: int) -> Scoring:
        """Train on the rows."""
        del attack
        module, _, name = self.place.partition(":")
        make = getattr(import_module(module), name)
        model = make(**self.params, **({self.seeded: seed} if self.seeded else {}))
        method, sign = SCORES[self.package]
        scaler = StandardScaler().fit(train) if self.package == "PyOD" else None

        def scaled(rows: Matrix) -> Matrix:
            return rows if scaler is None else scaler.transform(rows)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(scaled(train))

        def score(rows: Matrix) -> Scores:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return sign * np.asarray(getattr(model, method)(scaled(rows)), np.float64)

        return score


@dataclass(frozen=True, slots=True)
class UpperBound:
    """Boosted trees that are taught by the labels of the rows trained on."""

    name: str = "taught-by-labels"
    package: str = "scikit-learn"
    role: Role = "upper bound"
    params: Mapping[str, Any] = field(default_factory=dict)

    def fit(self, train: Matrix, attack: NDArray[np.bool_], seed: int) -> Scoring:
        """Train on the rows and their labels. Raises InputError where there is one class alone."""
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow to import

        if attack.all() or not attack.any():
            raise InputError("of the rows to train on, all or none are labelled attacks")
        classifier = HistGradientBoostingClassifier(random_state=seed, **self.params).fit(train, attack)
        return lambda rows: np.asarray(classifier.decision_function(rows), np.float64)


def _pyod(name: str, module: str, seeded: str = "", **params: Any) -> FromShelf:
    return FromShelf(f"pyod-{name.lower()}", "PyOD", f"pyod.models.{module}:{name}", params, seeded)


SHELF: tuple[FromShelf, ...] = (
    _pyod("IForest", "iforest", "random_state"),
    _pyod("HBOS", "hbos"),
    _pyod("ECOD", "ecod"),
    _pyod("COPOD", "copod"),
    _pyod("KNN", "knn"),
    _pyod("LOF", "lof"),
    _pyod("CBLOF", "cblof", "random_state"),
    _pyod("PCA", "pca", "random_state"),
    _pyod("LODA", "loda"),
    _pyod("INNE", "inne", "random_state"),
    _pyod("GMM", "gmm", "random_state"),
    _pyod("MCD", "mcd", "random_state"),
    _pyod("OCSVM", "ocsvm"),
    _pyod("KDE", "kde"),
    FromShelf("coniferest-forest", "coniferest", "coniferest.isoforest:IsolationForest", {"n_jobs": 1}, "random_seed"),
)
"""Fourteen of PyOD's, and coniferest's forest. Not its SUOD, which is many of these at once."""


def check_installed() -> None:
    """Raise ConfigurationError where a library of the shelf is not there."""
    for each in SHELF:
        package = each.place.partition(".")[0]
        if find_spec(package) is None:
            raise ConfigurationError(f"comparing: no Python package {package}; pip install 'oddflow[{EXTRA}]'")
