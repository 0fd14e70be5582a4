"""The figures of a report that a bundle's manifest tells, and lists of models show."""

from __future__ import annotations

from detector.bundle.manifest import Figure
from training.evaluation.report import Report, Spread

FALSE_ALERTS = "false_incidents_per_day"


def quality_of(report: Report | None) -> dict[str, Figure]:
    """Mean and 95 % interval by name, over random splits where there are any; none where nothing was measured.

    Simulated attacks say little of others: figures of attacks are told where labels are what they were measured by.
    """
    if report is None:
        return {}
    spreads = {**report.by_time, **report.random}
    if report.protocol.attacks != "labelled":
        spreads = {name: spread for name, spread in spreads.items() if name == FALSE_ALERTS}
    return {name: _figure(spread) for name, spread in spreads.items()}


def _figure(spread: Spread) -> Figure:
    low, high = spread.interval
    return Figure(spread.mean, low, high)
