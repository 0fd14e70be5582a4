"""Has everything compiled or loaded that a first batch would wait for: a second or two, before any record is read."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.decisions.evidence import EvidenceState, Surprises, evidence_keys
from detector.features.extra import EXTRA
from detector.features.extractor import FeatureExtractor
from detector.features.replay import fresh_windows
from detector.models.base import Model
from detector.records.flow import SCHEMA, Decoder

FLOW = {"ts": 1.7e9, "src_ip": "10.0.0.1", "src_port": 50_000, "dst_ip": "192.0.2.1", "dst_port": 443, "proto": "tcp"}


def warm(model: LoadedModel, decoder: Decoder) -> None:
    """Send messages without a flow through ``decoder``, which is thrown away, and two flows through the features."""
    decoder.decode([b"{}", b"x", b"x\nx"])
    if not any(feature.family == EXTRA for feature in model.extractor.spec.features):
        warm_flows(model.extractor, model.model)  # else there are columns that only the format's own records have


def warm_flows(extractor: FeatureExtractor, model: Model) -> NDArray[np.float32]:
    """Send two flows through features, score and evidence; give their matrix."""
    frame = pl.DataFrame([FLOW, FLOW], schema=SCHEMA)
    partitions = np.zeros(2, dtype=np.int32)
    matrix = extractor.transform(frame, partitions, fresh_windows(extractor))
    scores = model.score(matrix)
    EvidenceState().update(evidence_keys(frame), frame["ts"].to_numpy(), Surprises(scores, scores), partitions)
    return matrix
