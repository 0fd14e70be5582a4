"""What people read of figures, moments and lengths of time."""

from __future__ import annotations

from datetime import UTC, datetime

WORDS: dict[str, str] = {
    "roc_auc": "Chance that an attack scores above a benign flow (ROC AUC)",
    "average_precision": "Average precision, at this data's own share of attacks",
    "average_precision_at_prevalence_0.0001": "Average precision if 1 in 10,000 flows were an attack",
    "tpr_at_fpr_0.01": "Attack flows found when 1 in 100 benign flows is raised",
    "tpr_at_fpr_0.001": "Attack flows found when 1 in 1,000 benign flows is raised",
    "precision_at_prevalence_0.01": "Precision if 1 in 100 flows were an attack, and as many raised",
    "precision": "Raised flows that are attacks (precision)",
    "recall": "Attack flows that are raised (recall)",
    "false_incidents_per_day": "False incidents a day",
    "attacks_found": "Attacks with a flow raised",
}
"""What each figure means; a figure that is not here is shown by its name."""


def named(figure: str) -> str:
    """What a figure means, also at a prevalence that few ask for."""
    at = figure.removeprefix("precision_at_prevalence_")
    if figure in WORDS or at == figure:
        return WORDS.get(figure, figure)
    return f"Precision if {at} of the flows were attacks, and as many raised"


def moment(seconds: float | None) -> str:
    """A time as people read it."""
    if seconds is None:
        return "unknown"
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # a clock may say anything
        return f"{seconds:g} s"


def span(seconds: float) -> str:
    """A length of time as people read it."""
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def count(number: float, what: str) -> str:
    """So many of something: «1 host», «2,000 hosts»."""
    return f"{number:,.0f} {what}{'' if round(number) == 1 else 's'}"


def percent(share: float) -> str:
    """A share as people read it, with enough digits to tell it from none."""
    return "0 %" if share == 0 else f"{share:.0%}".replace("%", " %") if share >= 0.1 else f"{100 * share:.2g} %"


def rate(per_day: float) -> str:
    """So many a day."""
    return f"{per_day:.0f}" if per_day >= 10 else f"{per_day:.1f}"
