"""Has everything compiled or loaded that a first batch would wait for: a second or two, before any record is read.

When an image is built, ``python -m detector.scoring.warm_up`` compiles the kernels ahead. They are kept in
``NUMBA_CACHE_DIR``, and found there even where it can only be read, so that a container starts in seconds. What a build
passes over is compiled at the daemon's start instead; nothing depends on it.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import polars as pl

from detector.bundle.loaded_model import LoadedModel
from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.decisions.calibrated_model import ScoringModel
from detector.decisions.findings import Findings
from detector.features.extra import EXTRA
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.windows import default_windows
from detector.features.windows_keys import hashes_of
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.ensemble import Ensemble
from detector.models.kinds.hbos_ecod import Ecod, Hbos, StepModel
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from detector.models.p_tables import PTables
from detector.models.rows import MANY
from detector.models.scaling import Scaling
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import SCHEMA, Decoder
from detector.scoring.flow_state import FlowState
from detector.scoring.scorer import Scorer

FLOW = {"ts": 1.7e9, "src_ip": "10.0.0.1", "src_port": 50_000, "dst_ip": "192.0.2.1", "dst_port": 443, "proto": "tcp"}


def warm_up(model: LoadedModel, decoder: Decoder) -> None:
    """Send messages without a flow through ``decoder``, which is thrown away, and two flows through the model."""
    decoder.decode([b"{}", b"x", b"x\nx"])
    if not any(feature.family == EXTRA for feature in model.extractor.spec.features):
        warm_flows(model)  # else there are columns that only the format's own records have


def warm_flows(model: ScoringModel) -> Findings:
    """Score two flows."""
    state = FlowState.fresh(model)
    scorer = Scorer(model, state)
    findings = scorer.find(pl.DataFrame([FLOW, FLOW], schema=SCHEMA), np.zeros(2, dtype=np.int32))
    scorer.rates(findings)
    if state.windows is not None:
        state.windows.known_sources().knows(hashes_of(findings.frame["src_ip"]))
    return findings


def smallest_model(extractor: FeatureExtractor) -> ScoringModel:
    """The smallest ensemble, calibrated on one row."""
    none, nowhere = np.zeros(1), np.zeros(1, dtype=np.int64)
    return ScoringModel(
        model=smallest_ensemble(len(extractor.spec.features)),
        calibration=Calibration.fit(none, 1.0),
        single=None,
        extractor=extractor,
        incidents=IncidentCalibration.fit(nowhere.astype(np.uint64), nowhere, none, Assessment.blank(1), seconds=1.0),
    )


def smallest_ensemble(n_features: int) -> Ensemble:
    """One split, one centre, one component, one cut a feature; of every kind that can be a member."""
    scaling = Scaling(np.zeros(n_features), np.ones(n_features), 1.0)
    none, point = np.zeros(n_features), np.zeros((n_features, 1))
    single = point.astype(np.float32)
    members: tuple[Model, ...] = (
        _forest(n_features),
        KMeans(scaling, point, none),
        DiagonalKMeans(scaling, single, single, single, none),
        _steps(Hbos, scaling),
        _steps(Ecod, scaling),
        Pca(scaling, point, np.ones(1), none),
    )
    tails = PTables(np.zeros((1, 1)), np.zeros((1, 1)), np.ones(1))
    return Ensemble(
        members={member.kind: member for member in members},
        weights=np.ones(len(members)),
        tails={member.kind: tails for member in members},
        segments=None,
        sharpness=0.0,
        n_features=n_features,
    )


def _forest(n_features: int) -> IsolationForest:
    split = np.zeros((1, 1), dtype=np.int16), np.zeros((1, 1), dtype=np.float32)
    return IsolationForest.build(*split, np.ones((1, 3)), 1.0, n_features)


def _steps(kind: type[StepModel], scaling: Scaling) -> StepModel:
    n_features = len(scaling.centre)
    starts = np.arange(n_features + 1, dtype=np.int64)
    return kind(scaling, np.zeros(n_features), starts, np.zeros(2 * n_features), np.zeros(n_features))


NEEDS_MAPPING = {"mapping": {name: name for name in ("ts", "src_ip", "dst_ip", "proto")}}
"""Formats that are opened with field names."""

RECORD = b'{"ts": 1.5, "proto": "tcp", "conn_state": "SF"}'


def precompile() -> None:
    """Call every kernel once, with arrays of the types that the daemon calls it with."""
    for name in FORMATS:
        open_decoder(name, mapping=NEEDS_MAPPING.get(name)).decode([RECORD, b"0", b"0\n0"])
    frame = pl.DataFrame([FLOW, FLOW], schema=SCHEMA)
    extractor = FeatureExtractor.fit(frame, build_spec(windows=default_windows()))
    model = smallest_model(extractor)
    model.model.explain(np.repeat(warm_flows(model).matrix, MANY, axis=0))


def main() -> int:
    """Compile, and say where to."""
    precompile()
    processor = os.environ.get("NUMBA_CPU_NAME", "this processor")
    sys.stdout.write(f"kernels compiled for {processor} into {os.environ.get('NUMBA_CACHE_DIR', 'place')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
