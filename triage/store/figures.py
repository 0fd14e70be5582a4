"""How well models do, by what people say of their incidents: for the page and for metrics."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import false, func, select, true
from sqlalchemy.orm import Session

from triage.store.tables import INCIDENTS

MOST_VERSIONS = 10
"""Those that raised incidents last; what older ones did is not told any more."""

DAY_S = 86_400.0

BOUNDS_S = (60.0, 300.0, 900.0, 3_600.0, 4 * 3_600.0, DAY_S, 3 * DAY_S, 7 * DAY_S, 30 * DAY_S)
"""Of the histogram of how long it took until incidents were judged."""

Z = 1.959964
"""Of 95 of 100 intervals, the true share is within."""

I = INCIDENTS.c  # noqa: E741 - its columns


@dataclass(frozen=True, slots=True)
class Precision:
    """The share of true ones among those called true or false."""

    share: float
    low: float
    """95 % of such intervals hold what it would be with labels without end (Wilson, 1927)."""
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one model version; ``""`` where documents tell none."""

    model_version: str
    incidents: int
    """All that are stored."""
    verdicts: Mapping[str, int]
    """How many were called true, false, unsure; ``none`` for the others."""
    precision: Precision | None
    """None where none was called true or false."""
    waits: tuple[int, ...]
    """How many were judged within each of :data:`BOUNDS_S` after they were first told, and at the end all."""
    waits_sum_s: float
    last_day: int
    """Incidents first told within a day before ``now``, those that are suppressed left out."""
    budget_share: float | None
    """Those, by how many false ones a day the settings allow; more than one where some of them are no false ones, or
    the model is noisier than it was. None where the budget is none."""


def figures(session: Session, now: float, budget_per_day: float) -> list[Figures]:
    """Of each version, that which raised an incident last first."""
    counts: dict[str, dict[str, int]] = {}
    latest: dict[str, float] = {}
    for row in session.execute(
        select(I.model_version, I.verdict, func.count().label("how_many"), func.max(I.first_told).label("latest"))
        .where(I.shown == true())
        .group_by(I.model_version, I.verdict)
    ):
        verdicts = counts.setdefault(row.model_version, {"true": 0, "false": 0, "unsure": 0, "none": 0})
        verdicts[row.verdict or "none"] = row.how_many
        latest[row.model_version] = max(row.latest, latest.get(row.model_version, row.latest))
    versions = sorted(counts, key=lambda version: (latest[version], version), reverse=True)[:MOST_VERSIONS]
    last_day = select(I.model_version, func.count().label("how_many")).where(
        I.shown == true(), I.first_told > now - DAY_S, I.first_told <= now, I.suppressed == false()
    )
    days = {row.model_version: row.how_many for row in session.execute(last_day.group_by(I.model_version))}
    return [_of(session, version, counts[version], days.get(version, 0), budget_per_day) for version in versions]


def precision(true_: int, false_: int) -> Precision | None:
    """By Wilson's interval, which is right for few labels and near 0 and 1, too."""
    count = true_ + false_
    if not count:
        return None
    share, square = true_ / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return Precision(share, max(middle - half, 0.0), min(middle + half, 1.0))


def histogram(waits_s: Sequence[float]) -> tuple[int, ...]:
    """How many are within each of :data:`BOUNDS_S`, and all; a clock that was set back makes none of them negative."""
    counts = [0] * (len(BOUNDS_S) + 1)
    for wait in waits_s:
        counts[bisect_left(BOUNDS_S, max(wait, 0.0))] += 1
    return tuple(sum(counts[: place + 1]) for place in range(len(counts)))


def _of(session: Session, version: str, verdicts: Mapping[str, int], last_day: int, budget_per_day: float) -> Figures:
    judged = (I.model_version == version, I.shown == true(), I.verdict.is_not(None))
    waits = [
        max(row.said_at - row.first_told, 0.0)
        for row in session.execute(select(I.said_at, I.first_told).where(*judged))
    ]
    return Figures(
        model_version=version,
        incidents=sum(verdicts.values()),
        verdicts=verdicts,
        precision=precision(verdicts["true"], verdicts["false"]),
        waits=histogram(waits),
        waits_sum_s=sum(waits),
        last_day=last_day,
        budget_share=last_day / budget_per_day if budget_per_day > 0 else None,
    )
