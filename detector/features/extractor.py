"""From flows to the matrix that models see: one code path, for training and for serving.

The per-flow families come first, in the order of the spec, then the columns that a format for evaluation carries beyond
the canonical ones (``detector.features.extra``), then the windowed features, whose state belongs to whoever calls: it
outlives a swap of models when ``spec.windows`` stays equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import BundleError
from detector.features.encoders import Encoders
from detector.features.extra import EXTRA, extra_features, fill_extra, is_extra
from detector.features.flows import Flows
from detector.features.perflow import FAMILIES, Family
from detector.features.spec import WINDOWS, Feature, FeatureSpec
from detector.net.networks import canonical, networks_of

_PARTS = ("", EXTRA, WINDOWS)


class Windows(Protocol):
    """The state that windowed features live in: ``detector.features.windows.WindowState``."""

    def update(
        self,
        frame: pl.DataFrame,
        partitions: NDArray[np.int32] | None,
        out: NDArray[np.float32],
        first_column: int,
    ) -> object:
        """Add the flows in order, and fill ``out[:, first_column:]`` with the features of each as of then."""
        ...


def build_spec(
    families: Iterable[str] | None = None,
    *,
    leave_out: Iterable[str] = (),
    extra: Sequence[str] = (),
    windows: Mapping[str, Any] | None = None,
    partitions: int = 1,
    inside: Iterable[str] = (),
) -> FeatureSpec:
    """List the features of ``families`` (None: all), less those left out.

    ``extra`` are columns beyond the canonical ones that become features as they are; ``inside`` are networks that
    count as private (ValueError for text that is none).
    ``windows`` are the parameters of the windowed features; empty or None for a spec without any.
    """
    names = list(FAMILIES) if families is None else list(families)
    dropped = set(leave_out)
    features = [feature for name in names for feature in FAMILIES[name].features]
    features += extra_features(extra)
    features += _window_features(windows or {})
    kept = tuple(feature for feature in features if feature.name not in dropped)
    return FeatureSpec(kept, partitions=partitions, inside=canonical(inside), windows=dict(windows or {}))


class FeatureExtractor:
    """Turns flows into the matrix of ``spec``, with what ``encoders`` have learnt."""

    def __init__(self, spec: FeatureSpec, encoders: Encoders) -> None:
        _check_spec(spec)
        self.spec = spec
        self.encoders = encoders
        self.inside = networks_of(spec.inside)
        self._families = _families_of(spec)
        self._full = [feature.name for family in self._families for feature in family.features]
        self._per_flow = [feature.name for feature in spec.features if feature.family in FAMILIES]
        self._extra = [feature.name for feature in spec.features if feature.family == EXTRA]
        self._picked = None if self._per_flow == self._full else [self._full.index(name) for name in self._per_flow]

    @classmethod
    def fit(cls, frame: pl.DataFrame, spec: FeatureSpec | None = None) -> Self:
        """Learn the encoders from the flows that a model is trained on. Labels are not looked at."""
        chosen = spec or build_spec()
        _check_spec(chosen)
        return cls(chosen, Encoders.fit(frame, _encoded_columns(_families_of(chosen))))

    def transform(
        self,
        frame: pl.DataFrame,
        partitions: NDArray[np.int32] | None = None,
        windows: Windows | None = None,
    ) -> NDArray[np.float32]:
        """Compute the matrix: rows × features, C order, always finite.

        ``windows`` is the state that windowed features are read from and added to, in the order of the rows, by
        ``partitions`` (None: all of one). Raises ValueError if the spec has windowed features and there is none.
        """
        out = np.empty((len(frame), len(self.spec.features)), dtype=np.float32)
        per_flow = len(self._per_flow)
        if self._picked is None:
            self._fill(frame, out[:, :per_flow])
        else:
            full = np.empty((len(frame), len(self._full)), dtype=np.float32)
            self._fill(frame, full)
            out[:, :per_flow] = full[:, self._picked]
        own = per_flow + len(self._extra)
        fill_extra(frame, self._extra, out[:, per_flow:own])
        if self.spec.windows:
            if windows is None:
                raise ValueError("these features have windows: pass the WindowState that they live in")
            windows.update(frame, partitions, out, own)
        return out

    def _fill(self, frame: pl.DataFrame, out: NDArray[np.float32]) -> None:
        flows = Flows(frame, self.encoders, self.inside)
        start = 0
        for family in self._families:
            end = start + len(family.columns)
            family.fill(flows, out[:, start:end])
            start = end

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt, as arrays."""
        return self.encoders.to_arrays()

    @classmethod
    def from_arrays(cls, spec: FeatureSpec, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore it. Raises BundleError for features of another build, or for arrays that are off in any way."""
        _check_spec(spec)
        return cls(spec, Encoders.from_arrays(arrays, _encoded_columns(_families_of(spec))))


def _families_of(spec: FeatureSpec) -> list[Family]:
    names = dict.fromkeys(feature.family for feature in spec.features if feature.family in FAMILIES)
    return [FAMILIES[name] for name in names]


def _encoded_columns(families: Iterable[Family]) -> list[str]:
    return sorted({"proto", *(column for family in families for column in family.categories)})


def _window_features(windows: Mapping[str, Any]) -> tuple[Feature, ...]:
    if not windows:
        return ()
    listed: tuple[Feature, ...] = import_module("detector.features.windows").window_features(windows)
    return listed


def _check_spec(spec: FeatureSpec) -> None:
    """Hold a spec against this build's own definitions. Raises BundleError for what it would compute differently."""
    per_flow = {feature for family in FAMILIES.values() for feature in family.features}
    windowed = _window_features(spec.windows)
    for feature in spec.features:
        if feature not in per_flow and feature not in windowed and not is_extra(feature):
            raise _refused(f"feature {feature.name} (family {feature.family}, revision {feature.revision}) is unknown")
    tail = tuple(feature for feature in spec.features if feature.family == WINDOWS)
    if tail != windowed or spec.features[len(spec.features) - len(tail) :] != tail:
        raise _refused("its windowed features are not those of its windows, all and last")
    order = [_PARTS.index(feature.family if feature.family in _PARTS else "") for feature in spec.features]
    if order != sorted(order):
        raise _refused("its own, extra and windowed features are not in this order")
    if not spec.features or len(set(spec.names)) != len(spec.features):
        raise _refused("it has no features, or one of them twice")
    try:
        sorted_once = canonical(spec.inside)
    except ValueError as error:
        raise _refused(f"inside: {error}") from error
    if spec.inside != sorted_once:
        raise _refused(f"inside is {', '.join(spec.inside)}, and not {', '.join(sorted_once)}")
    if spec.partitions < 1:
        raise _refused(f"partitions is {spec.partitions}, not at least 1")


def _refused(why: str) -> BundleError:
    return BundleError(f"reading features: {why} in this version of oddflow; train the model again")
