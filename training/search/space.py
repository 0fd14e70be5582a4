"""What a search may choose from: ranges of parameters, member weights, features to leave out; and what a choice means.

Whatever a person has fixed by ``--param`` is not searched. Values that are the recipe's own are no choice: the first
trial is the recipe as it is, and what a choice says is how it differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from detector.errors import ConfigurationError
from detector.features.perflow import FAMILIES
from detector.features.spec import WINDOWS, FeatureSpec
from detector.features.windows_columns import scale_name
from detector.models.ensemble import Ensemble
from detector.models.kinds.hbos_ecod import Hbos
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from training import ensembles
from training.train import Recipe

Part = Literal["parameters", "features", "weights"]
PARTS: tuple[Part, ...] = ("parameters", "features", "weights")

ALWAYS = "volumes"
"""The family that every model has: without any of a flow by itself there would be no flows to tell apart."""

WITH = "with "
"""What a choice about features is called by, before the family or pattern."""


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number between two, both included."""

    name: str
    low: float
    high: float
    usual: float
    """What it is unless it is chosen."""
    whole: bool = False
    log: bool = False
    """Whether doubling matters as much anywhere, so that it is drawn by its logarithm."""


class Space(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is chosen from."""

    ranges: tuple[Range, ...]
    features: tuple[str, ...]
    """Families and patterns of names, each of which may be left out."""

    @property
    def usual(self) -> dict[str, Any]:
        """The choice that is the recipe as it is."""
        numbers = {each.name: int(each.usual) if each.whole else each.usual for each in self.ranges}
        return {**numbers, **{f"{WITH}{word}": True for word in self.features}}

    def recipe(self, base: Recipe, choice: Mapping[str, Any]) -> Recipe:
        """What a choice makes of the recipe; the usual one gives it back as it is."""
        params, left = self.differing(choice)
        return replace(base, params={**base.params, **params}, leave_out=(*base.leave_out, *left))

    def differing(self, choice: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What of a choice is not usual: parameters, shortened to digits that people read, and features left out."""
        usual = self.usual
        params = {each.name: _short(choice[each.name]) for each in self.ranges if choice[each.name] != usual[each.name]}
        return params, tuple(word for word in self.features if not choice[f"{WITH}{word}"])


def _short(value: float) -> float:
    """The same to four digits: more of them change nothing that anyone could measure."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


_FOREST = (
    Range("n_estimators", 50, 300, 100, whole=True, log=True),
    Range("max_samples", 64, 1024, 256, whole=True, log=True),
    Range("max_features", 0.2, 1.0, 1.0),
)
_SPREAD_KMEANS = (
    Range("n_clusters", 16, 512, 128, whole=True, log=True),
    Range("shrink", 10.0, 1000.0, 100.0, log=True),
)

OF_KIND: dict[str, tuple[Range, ...]] = {
    IsolationForest.kind: _FOREST,
    DiagonalKMeans.kind: _SPREAD_KMEANS,
    KMeans.kind: (Range("n_clusters", 8, 512, 64, whole=True, log=True),),
    Hbos.kind: (
        Range("n_bins", 5, 100, 20, whole=True, log=True),
        Range("alpha", 0.01, 0.9, 0.1, log=True),
        Range("tol", 0.1, 0.9, 0.5),
    ),
    Pca.kind: (Range("n_components", 0.5, 0.999, 0.95),),
}
"""By kind; the usual values are those of ``training.estimators`` and ``training.reductions``."""

_SHARPNESS = Range("sharpness", 0.0, 4.0, 0.0)
_LEAST_WEIGHT, _MOST_WEIGHT = 0.05, 20.0
_MOST_DROPPED = 0.05

KEYS = ("source_*", "destination_*", "pair_*")
"""The windows' features by whom they are of."""


def space_for(base: Recipe, spec: FeatureSpec, parts: Sequence[Part] = PARTS, rows: int | None = None) -> Space:
    """List what may be chosen for a recipe on features of ``spec``, whose smallest training has so many ``rows``.

    Raises ConfigurationError where nothing is left to choose.
    """
    ranges = [each for each in _ranges(base, spec, parts) if not _fixed(each.name, base)]
    features = tuple(_features(spec)) if "features" in parts else ()
    found = Space(tuple(_within(each, rows) for each in ranges), features)
    if not (found.ranges or found.features):
        raise ConfigurationError(
            f"searching: of {base.kind}, nothing is left to choose among {', '.join(parts)}; fix fewer by --param, or"
            f" name more of {', '.join(PARTS)} by --choose"
        )
    return found


def members_of(base: Recipe, spec: FeatureSpec) -> list[str]:
    """An ensemble's members by name; those that these features allow."""
    names = ensembles.members_named(base.params.get("members", ensembles.SETTINGS["members"]))
    windowed = spec.single_flows < len(spec.features)
    return [name for name in names if name != "single" or windowed or len(names) == 1]


def _ranges(base: Recipe, spec: FeatureSpec, parts: Sequence[Part]) -> Iterator[Range]:
    ensemble = base.kind == Ensemble.kind
    members = members_of(base, spec) if ensemble else []
    if "parameters" in parts:
        for name in members:
            for each in OF_KIND.get(_kind_of(name), ()):
                yield msgspec.structs.replace(each, name=f"{name}_{each.name}")
        if ensemble:
            yield _SHARPNESS
        yield from OF_KIND.get(base.kind, ())
        usual = float(base.fitting.get("drop", 0.0))
        yield Range("drop", 0.0, max(_MOST_DROPPED, usual), usual)
    if "weights" in parts:
        for name in members[1:]:  # beside the first, whose weight stays: it is their proportion that counts
            weight = ensembles.weight_of(name)
            yield Range(weight, _LEAST_WEIGHT, _MOST_WEIGHT, ensembles.SETTINGS[weight], log=True)


def _kind_of(member: str) -> str:
    called = ensembles.MEMBERS[member]
    return DiagonalKMeans.kind if member == "single" else called


def _fixed(name: str, base: Recipe) -> bool:
    """Whether a person has said what it is, in full or by the bare name that only one member has."""
    bare = name.partition("_")[2]
    owner = name.partition("_")[0]
    return name in base.params or (bare in base.params and bare in ensembles.OWN.get(owner, ()))


def _within(each: Range, rows: int | None) -> Range:
    """No more rows to a tree than there are."""
    if rows is None or not each.name.endswith("max_samples"):
        return each
    high = max(min(each.high, rows), 2)
    return msgspec.structs.replace(each, low=min(each.low, high), high=high, usual=min(each.usual, high))


def _features(spec: FeatureSpec) -> Iterator[str]:
    """Families and patterns that leave out some of these features, and not all of a flow's own."""
    families = dict.fromkeys(feature.family for feature in spec.features)
    yield from (name for name in families if name not in {ALWAYS, WINDOWS} and name in {*FAMILIES, "extra"})
    windowed = [feature.name for feature in spec.features if feature.family == WINDOWS]
    scales = [f"*_{scale_name(scale)}" for scale in spec.windows.get("half_lives_s", ())]
    for pattern in (*KEYS, *scales):
        if any(fnmatchcase(name, pattern) for name in windowed):
            yield pattern
