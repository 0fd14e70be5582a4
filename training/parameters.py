"""Kinds and their parameters, held against what there is before a flow is read: reading may take long.

Names alone, and for scikit-learn's estimators values as well; what only the rows can tell is told when it is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import IsolationForest as ScikitForest

from detector.errors import ConfigurationError
from detector.listed import listed
from detector.models.ensemble import SINGLE, Ensemble
from detector.models.kinds.hbos_ecod import Ecod, Hbos
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from detector.settings.life_cycle import Training
from training import ensembles, reductions
from training import kmeans_diagonal as spreads
from training.feature_choice import check_choice

EVERY_KIND = frozenset({"drop"})
"""What ``fit_estimator`` takes itself."""

MOST_TREES = 10_000
"""More take minutes to grow, and a bundle that no registry wants."""

OURS = frozenset({"random_state"})
"""The seed's business: it has an option of its own."""


def parameters_for(settings: Training, kind: str | None, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Lay what a command is given over the settings, and check it: the kind, and its parameters.

    Those of the settings are of their kind: another one that is given has none of them. Raises ConfigurationError as
    :func:`check_recipe` does, and for features that there can't be.
    """
    chosen = kind or settings.kind
    params = {**(settings.parameters if chosen == settings.kind else {}), **given}
    check_recipe(chosen, params)
    check_choice(settings.leave_out, settings.half_lives_s)
    return chosen, params


def check_recipe(kind: str, params: Mapping[str, Any]) -> None:
    """Raise ConfigurationError, with the nearest name, for a kind or a parameter that there isn't."""
    if kind not in NAMES:
        raise ConfigurationError(f"--kind {kind}: there is no such kind; {nearest(kind, NAMES)}")
    known = NAMES[kind]() | EVERY_KIND
    for name in params:
        if name not in known:
            raise ConfigurationError(
                f"--param {name}: {kind} has no such parameter; {nearest(name, sorted(known))};"
                " docs/explanation/models.md"
            )
        value = params[name]
        if name.endswith("n_estimators") and isinstance(value, int | float) and value > MOST_TREES:
            raise ConfigurationError(
                f"--param {name}={value}: a forest has at most {MOST_TREES:,} trees; some hundreds tell as much"
            )
    estimator = ESTIMATORS.get(kind)
    if estimator is not None:
        _check_values(estimator, kind, params)
    if kind == Ensemble.kind:
        for member, called in ensembles.MEMBERS.items():
            own = {name.removeprefix(f"{member}_"): value for name, value in params.items() if _is_of(name, member)}
            if own and called in ESTIMATORS:
                _check_values(ESTIMATORS[called], f"{kind}'s {member}", own)


def nearest(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """A hint: the name that was meant, else those that there are."""
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6) or [each for each in names if name in each][:1]
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there is {listed(names, most)}"


def _is_of(name: str, member: str) -> bool:
    return name.startswith(f"{member}_") or name in ensembles.OWN.get(member, ())


def _check_values(estimator: type[BaseEstimator], kind: str, params: Mapping[str, Any]) -> None:
    theirs = {name: value for name, value in params.items() if name in estimator().get_params()}
    try:
        estimator(**theirs)._validate_params()  # noqa: SLF001 - what its fit calls first
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"--param: {kind}: {str(error).splitlines()[0]}") from error


def _of_forest() -> set[str]:
    return set(ScikitForest().get_params()) - OURS


def _of_kmeans() -> set[str]:
    return set(MiniBatchKMeans().get_params()) - OURS | reductions.KMEANS.keys()


def _of_spread_kmeans() -> set[str]:
    return set(MiniBatchKMeans().get_params()) - OURS | spreads.SETTINGS.keys()


def _of_hbos() -> set[str]:
    from pyod.models import hbos  # noqa: PLC0415 - slow to import

    return set(hbos.HBOS().get_params()) | reductions.HBOS.keys()


def _of_pca() -> set[str]:
    from pyod.models import pca  # noqa: PLC0415 - slow to import

    return set(pca.PCA().get_params()) - OURS | reductions.PCA.keys()


def _of_ensemble() -> set[str]:
    found = set(ensembles.SETTINGS)
    for member, called in ensembles.MEMBERS.items():
        kind = DiagonalKMeans.kind if called == SINGLE else called
        found |= {f"{member}_{name}" for name in NAMES[kind]()}
        found |= ensembles.OWN.get(member, frozenset()) - OURS
    return found


NAMES: dict[str, Callable[[], set[str]]] = {
    Ensemble.kind: _of_ensemble,
    IsolationForest.kind: _of_forest,
    KMeans.kind: _of_kmeans,
    DiagonalKMeans.kind: _of_spread_kmeans,
    Hbos.kind: _of_hbos,
    Ecod.kind: lambda: set(reductions.ECOD),
    Pca.kind: _of_pca,
}
"""By kind: gives the names of its parameters."""

ESTIMATORS: dict[str, type[BaseEstimator]] = {
    IsolationForest.kind: ScikitForest,
    KMeans.kind: MiniBatchKMeans,
    DiagonalKMeans.kind: MiniBatchKMeans,
    SINGLE: MiniBatchKMeans,
}
"""By kind: the estimator of scikit-learn behind it, which can tell a value that cannot be."""
