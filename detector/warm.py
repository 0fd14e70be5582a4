"""Has everything compiled or loaded that a first batch would wait for: a second or two, before any record is read."""

from __future__ import annotations

import numpy as np
import polars as pl

from detector.alerts.evidence import EvidenceState, evidence_keys
from detector.features.extra import EXTRA
from detector.features.replay import fresh_windows
from detector.models.bundle import LoadedModel
from detector.records.flow import SCHEMA, Decoder

FLOW = {"ts": 1.7e9, "src_ip": "10.0.0.1", "src_port": 50_000, "dst_ip": "192.0.2.1", "dst_port": 443, "proto": "tcp"}


def warm(model: LoadedModel, decoder: Decoder) -> None:
    """Send two records that are none through ``decoder``, which is thrown away, and two flows through the features."""
    decoder.decode([b"{}", b"x"])
    if any(feature.family == EXTRA for feature in model.extractor.spec.features):
        return  # columns that only the format's own records have
    frame = pl.DataFrame([FLOW, FLOW], schema=SCHEMA)
    partitions = np.zeros(2, dtype=np.int32)
    matrix = model.extractor.transform(frame, partitions, fresh_windows(model.extractor))
    EvidenceState().update(evidence_keys(frame), frame["ts"].to_numpy(), model.model.score(matrix), partitions)
