"""Training an ensemble: its members on the same rows, then what their scores mean.

Parameters: ``members``, names of :data:`MEMBERS` with commas between; each one's ``…_weight``, such as
``forest_weight``, how much it counts beside the others (1; ``single_weight``, of the clusters of single flows, 0.25);
``sharpness`` (``detector.models.ensemble``);
``segments``, names of features with commas between, by which populations are told; ``segment_rows``, how many rows a
segment must have for a table of its own; ``blend``, of how many rows' weight the table of all rows is in it;
``folds``, into how many stretches of time rows are cut, so that tables are learnt from scores of rows that a member
did not see (0: of those that it did); ``power``, to which power a member counts less than the best by how well it tells
probes from rows that it did not see (``training.probes``; 2, and 0, not at all, where features are windowed); and each
member's own after its name, such as ``forest_n_estimators=200`` or ``clusters_n_clusters=256``, or by its bare name
where only one of them has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import IsolationForest as ScikitForest

from detector.models.base import Model
from detector.models.ensemble import LARGEST_SHARPNESS, LARGEST_WEIGHT, SINGLE, Ensemble
from detector.models.ensemble import MEMBERS as KNOWN
from detector.models.kinds.hbos_ecod import Ecod, Hbos
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from detector.models.rows import first_columns
from detector.models.segments import MAX_CELLS, MAX_COLUMNS, Segments
from training.p_tables import fit_tails
from training.probes import none_of, power_of, probes, relative
from training.stretches import STRETCHES, Stretches, Taught, fitted, unseen

Matrix = NDArray[np.float32]


class Fit(Protocol):
    """Trains one member."""

    def __call__(self, kind: str, matrix: Matrix, seed: int, params: dict[str, Any]) -> Model:
        """Of a kind, on rows, with its own parameters."""
        ...


MEMBERS = {
    "forest": IsolationForest.kind,
    "clusters": DiagonalKMeans.kind,
    "kmeans": KMeans.kind,
    "hbos": Hbos.kind,
    "ecod": Ecod.kind,
    "pca": Pca.kind,
    "single": SINGLE,
}
"""What members are called in parameters."""

OWN = {"forest": frozenset(ScikitForest().get_params()), "clusters": frozenset(MiniBatchKMeans().get_params())}
"""Parameters that may be given without the member's name."""


def weight_of(member: str) -> str:
    """The parameter that says how much a member counts."""
    return f"{member}_weight"


SETTINGS: dict[str, Any] = {
    "members": "forest,clusters,single",
    **{weight_of(name): 0.25 if called == SINGLE else 1.0 for name, called in MEMBERS.items()},
    "sharpness": 0.0,
    "segments": "",
    "segment_rows": 2000,
    "blend": 500.0,
    "folds": STRETCHES,
    "power": None,
}

SQUARE, LARGEST_POWER = 2.0, 3.0
"""The first unless ``power`` is told, where no features are windowed. Where some are, members keep their weights: a
forest hardly sees probes, and yet keeps benign flows from the top of windowed scores (docs/research/models.md)."""

TABLE_ROWS = 60_000
"""So many rows, evenly spread, are what tables are learnt from."""

MOST_VALUES = 12
"""A column that takes so many values at most is cut between each two of them, another into thirds."""


class Fitted(NamedTuple):
    """An ensemble, and what its training rows score where they are not seen."""

    model: Ensemble
    unseen: dict[str, NDArray[np.float64]]
    """By member, by models of it that were trained on other stretches of time; shape (rows,) each."""


def fit_ensemble(  # noqa: PLR0917 - one recipe
    matrix: Matrix,
    kept: NDArray[np.bool_],
    stretches: Stretches | None,
    seed: int,
    params: dict[str, Any],
    fit: Fit,
    names: Sequence[str] | None = None,
    single: int | None = None,
    taught: Taught | None = None,
) -> Fitted:
    """Train on the ``kept`` of rows × features, whose ``names`` are needed only for segments.

    What is ``taught`` counts as often as it says.

    Unseen scores are by ``stretches`` of the rows, None for as many as the parameter ``folds`` says.

    The first ``single`` columns are told by a flow alone (None: all); where that is all of them, there is no member for
    them. Raises ValueError for what cannot be.
    """
    settings = {**SETTINGS, **params}
    sharpness, blend = float(settings.pop("sharpness")), float(settings.pop("blend"))
    if not 0 <= sharpness <= LARGEST_SHARPNESS:
        raise ValueError(f"sharpness {sharpness:g} is not from 0 to {LARGEST_SHARPNESS:g}")
    fewest, by = int(settings.pop("segment_rows")), _listed(settings.pop("segments"))
    folds, asked_power = int(settings.pop("folds")), settings.pop("power")
    weighed = {name: _weight(weight_of(name), settings.pop(weight_of(name))) for name in MEMBERS}
    if fewest < 2 or blend < 0:
        raise ValueError("segment_rows is at least 2, blend at least 0")
    width = matrix.shape[1]
    own = single or width
    power = float((SQUARE if own == width else 0.0) if asked_power is None else asked_power)
    if not 0 <= power <= LARGEST_POWER:
        raise ValueError(f"power {power:g} is not from 0 to {LARGEST_POWER:g}")
    chosen = _members(settings.pop("members"))
    for name in MEMBERS:
        if name not in chosen and weight_of(name) in params and name != "single":
            raise ValueError(f"{weight_of(name)}: {name} is none of the members {', '.join(chosen)}")
    theirs = _by_member(settings, chosen)
    if own == width and len(chosen) > 1:
        chosen.pop("single", None)

    def fit_member(name: str, rows: Matrix) -> Model:
        kind = chosen[name]
        return fit(KNOWN[kind].kind, first_columns(rows, own if kind == SINGLE else width), seed, theirs[name])

    usual = fitted(matrix, kept, taught)
    members = {kind: fit_member(name, usual) for name, kind in chosen.items()}
    segments = fit_segments(usual, _places(by, names), fewest) if by else None
    del usual  # a copy of many rows, which what follows makes again of others
    tables = 1 if segments is None else segments.n_tables
    asked = np.flatnonzero(kept)
    asked = asked[:: -(-len(asked) // TABLE_ROWS)]
    places = None if segments is None else segments.tables(matrix[asked]).astype(np.int64)
    stretches = stretches or Stretches.of(len(matrix), folds)
    scores, tails, powers = {}, {}, []
    for name, kind in chosen.items():
        seen = first_columns(matrix, members[kind].n_features)
        refit = partial(fit_member, name)
        scores[kind], probed = unseen(seen, kept, stretches, members[kind], refit, taught, probes if power else none_of)
        tails[kind] = fit_tails(scores[kind][asked], places, tables, blend)
        powers.append(power_of(tails[kind].surprise(probed, np.zeros(len(probed), np.int32))))
    weights = np.array([weighed[name] for name in chosen])
    if power:
        whole = np.array([member.n_features == width for member in members.values()])
        weights = np.maximum(weights * relative(np.array(powers), whole) ** power, 1 / LARGEST_WEIGHT)
    return Fitted(Ensemble(members, weights, tails, segments, sharpness, width), scores)


def fit_segments(matrix: Matrix, columns: Sequence[int], fewest: int) -> Segments | None:
    """Cut the columns, and give a table to every cell of ``fewest`` rows or more; None if none varies."""
    cut = [(column, _cuts(matrix[:, column])) for column in columns]
    cut = [(column, cuts) for column, cuts in cut if len(cuts)]
    if not cut:
        return None
    count = int(np.prod([len(cuts) + 1 for _, cuts in cut]))
    if len(cut) > MAX_COLUMNS or count > MAX_CELLS:
        raise ValueError(f"segments: {len(cut)} columns make {count} cells, more than {MAX_CELLS}; name fewer")
    bare = Segments(
        columns=np.array([column for column, _ in cut], dtype=np.int64),
        cuts=np.concatenate([cuts for _, cuts in cut]),
        starts=np.cumsum([0, *(len(cuts) for _, cuts in cut)], dtype=np.int64),
        cells=np.zeros(count, dtype=np.int32),
    )
    rows = np.bincount(bare.places(matrix), minlength=count)
    enough = rows >= fewest
    cells = np.where(enough, np.cumsum(enough), 0).astype(np.int32)
    return Segments(bare.columns, bare.cuts, bare.starts, cells)


def _cuts(column: NDArray[np.float32]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.unique(column)
    if len(values) > MOST_VALUES:
        values = np.append(np.unique(np.quantile(column, [1 / 3, 2 / 3]).astype(np.float32)), column.max())
        values = np.unique(values)
    cuts: NDArray[np.float32] = values[:-1]
    return cuts


def _weight(name: str, given: Any) -> float:
    weight = float(given)
    if not 1 / LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
        raise ValueError(f"{name} {weight:g} is not from {1 / LARGEST_WEIGHT:g} to {LARGEST_WEIGHT:g}")
    return weight


def _listed(given: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else list(given)


def members_named(given: str | Sequence[str]) -> list[str]:
    """Names of members, in the order in which the model combines them. Raises ValueError for what is none."""
    return list(_members(given))


def _members(given: str | Sequence[str]) -> dict[str, str]:
    """Members by name, in the order in which the model combines them."""
    wanted = _listed(given)
    for name in wanted:
        if name not in MEMBERS:
            raise ValueError(f"members: {name!r} is none of {', '.join(MEMBERS)}")
    if not wanted:
        raise ValueError(f"members: name some of {', '.join(MEMBERS)}")
    return {name: kind for kind in KNOWN for name, called in MEMBERS.items() if called == kind and name in wanted}


def _by_member(settings: dict[str, Any], chosen: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Sort parameters by the member whose name they begin with, or who alone has one of that name."""
    found: dict[str, dict[str, Any]] = {name: {} for name in chosen}
    for key, value in settings.items():
        owners = [name for name in chosen if key in OWN.get(name, ())]
        name, _, own = (owners[0], "", key) if len(owners) == 1 else key.partition("_")
        if name not in chosen or not own:
            raise ValueError(f"{key} is no parameter of it or of its members {', '.join(chosen)}")
        found[name][own] = value
    return found


def _places(by: Sequence[str], names: Sequence[str] | None) -> list[int]:
    known = list(names or ())
    for name in by:
        if name not in known:
            raise ValueError(f"segments: there is no feature {name!r}" if known else "segments: features have no names")
    return [known.index(name) for name in by]
