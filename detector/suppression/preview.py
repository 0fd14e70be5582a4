"""What rules would have hidden of what was found, and how much of that people called true. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from msgspec import UNSET
from numpy.typing import NDArray

from detector.feedback.label import Flows, Of
from detector.feedback.latest import Said
from detector.suppression.matching import NO_FEATURES, Features, covers
from detector.suppression.rule import Suppression

INCIDENT, ALERT = "incident", "alert"
"""Columns with the ids of each flow's incident and alert, String."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would have been hidden; ids are sorted."""

    incidents: int
    """All that there were."""
    hidden: tuple[str, ...]
    """Incidents of which no alert would have been told."""
    thinned: tuple[str, ...]
    """Incidents of which some would not."""
    judged_true: tuple[str, ...]
    """Of the hidden ones, those called true, by themselves or by one of their alerts or flows."""
    true_thinned: tuple[str, ...]
    """Of the others, those of which an alert would not have been told though they were called true."""
    judged_false: int
    """Of the hidden ones."""

    @property
    def share(self) -> float:
        """Of all incidents, those hidden."""
        return len(self.hidden) / self.incidents if self.incidents else 0.0

    def words(self, days: float) -> str:
        """Such as ``would have hidden 3 of 40 incidents in the last 7 days, none of them labelled true``."""
        true = f"{len(self.judged_true):,}" if self.judged_true else "none"
        some = f"; and some alerts of {len(self.thinned):,} more" if self.thinned else ""
        told = f"would have hidden {len(self.hidden):,} of {self.incidents:,} incidents in the last {days:g} days"
        return f"{told}, {true} of them labelled true{some}"


def preview(
    rules: Sequence[Suppression], alerted: pl.DataFrame, said: Said, features: Features = NO_FEATURES
) -> Preview:
    """Hold rules against past alerts, whatever their time.

    ``alerted`` has a row for each alerted flow of some time, as :class:`~detector.suppression.matching.Matcher` wants
    them, and :data:`INCIDENT` and :data:`ALERT`, null where they are not known. ``said`` is what people said.
    """
    hides = covers(rules, alerted, features).hidden
    rows = alerted.select(INCIDENT).with_columns(
        pl.Series("hides", hides), pl.Series("true", judged_as(alerted, said, "true"))
    )
    each = (
        rows.drop_nulls(INCIDENT)
        .group_by(INCIDENT)
        .agg(
            all=pl.col("hides").all(),
            any=pl.col("hides").any(),
            true=(pl.col("true")).any(),
            true_hidden=(pl.col("true") & pl.col("hides")).any(),
        )
        .sort(INCIDENT)
    )
    hidden = each.filter("all")
    thinned = each.filter(pl.col("any") & ~pl.col("all"))
    false = [name for name in hidden[INCIDENT] if said.verdict(Of(incident=name)) == "false"]
    return Preview(
        len(each),
        tuple(hidden[INCIDENT]),
        tuple(thinned[INCIDENT]),
        tuple(hidden.filter("true")[INCIDENT]),
        tuple(thinned.filter("true_hidden")[INCIDENT]),
        len(false),
    )


def judged_as(alerted: pl.DataFrame, said: Said, verdict: str) -> NDArray[np.bool_]:
    """Whether people called each flow so: itself, its alert, or its incident; shape (rows,)."""
    subjects = [of for of, standing in said.standings.items() if standing.verdict == verdict]
    found = np.zeros(len(alerted), np.bool_)
    for column in (INCIDENT, ALERT):
        ids = [name for of in subjects if (name := getattr(of, column)) is not UNSET]
        found |= alerted[column].is_in(ids).fill_null(value=False).to_numpy()
    for of in subjects:
        if isinstance(of.flows, Flows):
            found |= _within(of.flows, alerted)
    return found


def _within(flows: Flows, alerted: pl.DataFrame) -> NDArray[np.bool_]:
    given = {name: getattr(flows, name) for name in ("src_ip", "dst_ip", "dst_port", "proto")}
    fits = [pl.col(name) == value for name, value in given.items() if value is not UNSET]
    fits.append(pl.col("ts").is_between(flows.since.timestamp(), flows.until.timestamp(), closed="left"))
    return alerted.select(pl.all_horizontal(fits).fill_null(value=False)).to_series().to_numpy()
