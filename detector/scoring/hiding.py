"""Suppressions held against the alerts of a batch, by the features that these were scored by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.decisions.findings import Findings
from detector.incidents.put_together import Hiding, hides_nothing
from detector.suppression.matching import NO_RULE, Matcher

Rules = Callable[[], Matcher]
"""Gives the suppressions that stand now; it neither waits nor raises."""

COLUMNS = ("src_ip", "dst_ip", "dst_port", "proto")
"""Of a flow, that rules look at, beside its time."""


def hiding(rules: Matcher, now: float, findings: Findings, alerts: NDArray[np.intp], model: LoadedModel) -> Hiding:
    """What hides the ``alerts``, rows of ``findings``, at ``now``, the wall's clock in seconds since 1970."""
    if not rules.rules or not len(alerts):
        return hides_nothing

    def ids(times: NDArray[np.float64]) -> Sequence[str]:
        frame = findings.frame.select(COLUMNS)[alerts].with_columns(pl.Series("ts", times))
        names = model.extractor.spec.names
        places = {name: names.index(name) for name in rules.features if name in names}
        features = {name: findings.matrix[alerts, place] for name, place in places.items()}
        matched = rules.match(frame, now, features)
        return ["" if place == NO_RULE else matched.rules[place].id for place in matched.which.tolist()]

    return ids
