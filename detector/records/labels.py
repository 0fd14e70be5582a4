"""The truth about a flow, as different tools spell it, in one vocabulary: ``benign``, or the attack's name.

Background traffic and traffic said to be normal count as benign.
"""

from __future__ import annotations

import polars as pl

from detector.records.flow import BENIGN

_BENIGN = frozenset({"benign", "normal", "background", "legitimate"})

KNOWN_LABELS = _BENIGN | {"malicious", "attack", "botnet", "suspicious", "unknown", "infected", "c&c"}
"""Labels, in lower case, by which a column without a name is known to hold them."""


def name_label(label: str) -> str | None:
    """One spelling of a label in the common vocabulary; None where it says nothing."""
    label = label.strip()
    if label in {"", "-", "(empty)", "?"} or label.lower() == "unknown":
        return None
    return BENIGN if label.lower() in _BENIGN else label


def join_labels(label: pl.Series, detailed: pl.Series) -> pl.Series:
    """The label, and where that is an attack, its detailed name if it has one.

    Both are as :func:`name_label` gives them. A detail beside a benign label (such as the service's owner) is dropped.
    """
    frame = pl.DataFrame([label.alias("label"), detailed.alias("detailed")])
    attack = pl.col("label") != BENIGN
    named = pl.col("detailed").is_not_null() & (pl.col("detailed") != BENIGN)
    return frame.select(pl.when(attack & named).then(pl.col("detailed")).otherwise(pl.col("label"))).to_series()
