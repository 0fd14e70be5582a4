"""How odd flows are, each by itself and with what came before it: the same online, in training and in evaluation."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.decide import surprise_of
from detector.alerts.evidence import EvidenceKeys, EvidenceState, Surprises, evidence_keys
from detector.alerts.incident_budget import IncidentCalibration
from detector.alerts.suspicion import Suspicion
from detector.errors import InputError
from detector.models.calibration import Calibration
from detector.models.single_flows import Scores, SingleFlows


def surprises_of(scores: Scores, calibration: Calibration, single: SingleFlows | None) -> Surprises:
    """How surprising flows are by all that is known of them, and one by one; the same without ``single``."""
    overall = surprise_of(scores.overall, calibration)
    if single is None or scores.single is None:
        return Surprises(overall, overall)
    return Surprises(overall, surprise_of(scores.single, single.calibration))


def suspect(
    frame: pl.DataFrame,
    surprises: Surprises,
    state: EvidenceState,
    partitions: NDArray[np.int32] | None = None,
    keys: EvidenceKeys | None = None,
) -> Suspicion:
    """Weigh flows in record order, and add them to ``state``.

    ``keys`` are their ``evidence_keys``, where they are known already.
    """
    keys = evidence_keys(frame) if keys is None else keys
    return Suspicion(surprises.overall, *state.update(keys, frame["ts"].to_numpy(), surprises, partitions))


def calibrate_incidents(
    frame: pl.DataFrame,
    surprises: Surprises,
    state: EvidenceState,
    partitions: NDArray[np.int32] | None = None,
) -> IncidentCalibration | None:
    """Learn from flows that were held out, in order of time, what benign keys reach; None where they span no time.

    ``state`` has seen the flows before them, as a daemon's has: what is new, and what is a habit, is told by it.
    """
    suspicion = suspect(frame, surprises, state, partitions)
    try:
        return IncidentCalibration.fit(evidence_keys(frame).targets, frame["ts"].to_numpy(), suspicion)
    except InputError:
        return None
