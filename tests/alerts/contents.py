"""Alerts for tests, with as much of a flow as incidents look at."""

from __future__ import annotations

from typing import Any

import numpy as np

from detector.alerts.content import Content
from detector.alerts.identity import record_ids
from detector.decisions.severity import BANDS, Severity
from tests.features.flows import ONE


def alert(
    offset: int,
    *features: str,
    score: float = 0.7,
    severity: int = 2,
    partition: int = 0,
    direction: str = "outbound",
    first_contact: bool | None = None,
    **flow: Any,
) -> Content:
    """An alert of the record at ``offset``, with these leading features and this much of its flow changed."""
    whole = {name: value for name, value in (ONE | flow).items() if value is not None}
    return Content(
        id=record_ids("flows", np.array([partition], np.int32), np.array([offset]))[0],
        time_ms=round(whole["ts"] * 1000),
        start_ms=round(whole["ts"] * 1000),
        end_ms=round(whole["ts"] * 1000),
        severity=severity,
        risk=list(BANDS.values())[severity - Severity.LOW],
        severity_why="rare",
        score=score,
        p_value=0.0005,
        threshold=0.6,
        why="odd",
        title="Unusual flow",
        flow=whole,
        direction=direction,
        ip_version=4,
        protocol=6,
        community_id=None,
        features=[{"name": name, "value": 1.0, "contribution": 0.5} for name in features or ("source_flows_1m",)],
        vector=[1.0],
        explanation={"quantity": "path_length", "base": 0.0, "output": 0.0},
        model={"name": "flows", "version": "v1", "digest": "ab", "kind": "isolation-forest"},
        first_contact=first_contact,
        position={"topic": "flows", "partition": partition, "offset": offset},
    )
