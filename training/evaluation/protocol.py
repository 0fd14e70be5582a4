"""How an evaluation is asked for: the defaults, and what cannot be asked."""

from __future__ import annotations

from typing import Any

import msgspec

from detector.errors import ConfigurationError
from training.evaluation.report import Protocol

DEFAULT = Protocol(
    folds=5,
    repeats=2,
    time_splits=2,
    block_s=3600.0,
    prevalence=0.01,
    resamples=200,
    attacks="labelled",
    incidents_per_day=10.0,
    seed=1,
    most_rows=10_000,
    most_flows=150_000,
)
"""Ten random runs and two by time: on a million flows less than the training itself takes, twice."""

MOST_RUNS = 1000


def protocol_of(**changes: Any) -> Protocol:
    """The default protocol with changes, by field.

    ``attacks`` is "labelled" for labels where there are any, else transplanted ones; "transplanted" for these in any
    case; "none" for none. Raises ConfigurationError for what cannot be measured by.
    """
    asked = msgspec.structs.replace(DEFAULT, **changes)
    bounds = {
        "folds": (asked.folds == 0 or 2 <= asked.folds <= 100, "0 for no random splits, or 2 to 100"),
        "repeats": (asked.repeats >= 1 and asked.folds * asked.repeats <= MOST_RUNS, f"1 or more, {MOST_RUNS} runs"),
        "time_splits": (0 <= asked.time_splits <= 100, "0 to 100"),
        "block_s": (1.0 <= asked.block_s < float("inf"), "1 second or more"),
        "prevalence": (0.0 < asked.prevalence < 1.0, "a share above 0 and below 1, such as 0.01"),
        "resamples": (1 <= asked.resamples <= 10_000, "1 to 10,000"),
        "incidents_per_day": (0.0 < asked.incidents_per_day < float("inf"), "a number above 0"),
        "seed": (asked.seed >= 0, "0 or more"),
        "most_rows": (asked.most_rows >= 100, "100 or more"),
        "most_flows": (asked.most_flows >= 100, "100 or more"),
    }
    for name, (possible, give) in bounds.items():
        if not possible:
            raise ConfigurationError(f"evaluating with {name} = {getattr(asked, name)}: give {give}")
    if not (asked.folds or asked.time_splits):
        raise ConfigurationError("evaluating with neither folds nor time_splits: there is nothing to measure")
    return asked
