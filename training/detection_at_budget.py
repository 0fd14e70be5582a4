"""What alerts are decided by, measured on labelled flows: how much of the attacks a budget of false incidents finds.

An incident is a key, source–destination–destination port. At a budget of n, as many flows are raised as keep the benign
keys raised, in the evaluated time, to n; what is told is the share of attack flows raised, and how long it took from
the first attack flow to the first that is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUDGETS = (3, 10, 30)
"""False incidents in the evaluated time."""


@dataclass(frozen=True, slots=True)
class Found:
    """At one budget."""

    share: float
    """Of the attack flows."""
    seconds: float | None
    """From the first attack flow to the first raised one; None if none is."""


def found_at(  # noqa: PLR0917 - columns of one table
    budget: int,
    rates: NDArray[np.float64],
    keys: NDArray[np.uint64],
    ts: NDArray[np.float64],
    attacks: NDArray[np.bool_],
    benign: NDArray[np.bool_],
) -> Found | None:
    """Measure at one budget; rows of each array belong together. None where there are no attacks or no benign flows.

    ``rates`` are those of ``IncidentCalibration.rates``: the lower, the odder.
    """
    if not attacks.any() or not benign.any():
        return None
    raised = rates < first_refused(rates[benign], keys[benign], budget)
    hits = raised & attacks
    seconds = float(ts[hits].min() - ts[attacks].min()) if hits.any() else None
    return Found(float(hits.sum() / attacks.sum()), seconds)


def attacks_found(  # noqa: PLR0917 - columns of one table
    budget: int,
    rates: NDArray[np.float64],
    keys: NDArray[np.uint64],
    ts: NDArray[np.float64],
    attack_ids: NDArray[np.str_],
    within_s: float,
) -> dict[str, bool]:
    """Which attacks have a flow raised within so many seconds of their first, by id; the empty id is benign.

    Rows of each array belong together. Raises ValueError where no flow is benign: no budget can be kept then.
    """
    benign = attack_ids == ""
    if not benign.any():
        raise ValueError("no flow is benign")
    raised = rates < first_refused(rates[benign], keys[benign], budget)
    ids, number = np.unique(attack_ids, return_inverse=True)
    first, raised_at = np.full(len(ids), np.inf), np.full(len(ids), np.inf)
    np.minimum.at(first, number, ts)
    np.minimum.at(raised_at, number[raised], ts[raised])
    soon = np.isfinite(raised_at) & (raised_at - first <= within_s)
    return {name: bool(found) for name, found in zip(ids.tolist(), soon.tolist(), strict=True) if name}


def first_refused(rates: NDArray[np.float64], keys: NDArray[np.uint64], budget: int) -> float:
    """The rate of the oddest flow that would raise one key too many; infinite where there are too few keys."""
    _, number = np.unique(keys, return_inverse=True)
    lowest = np.full(int(number.max()) + 1, np.inf)
    np.minimum.at(lowest, number, rates)
    return float(np.sort(lowest)[budget]) if budget < len(lowest) else np.inf


def found_figures(
    rates: NDArray[np.float64] | None,
    keys: NDArray[np.uint64],
    ts: NDArray[np.float64],
    attacks: NDArray[np.bool_],
    benign: NDArray[np.bool_],
) -> dict[str, Any]:
    """Give ``found_at_false_incidents`` and ``seconds_to_first_alert``, by budget; None where they cannot be told."""
    found = {
        str(budget): None if rates is None else found_at(budget, rates, keys, ts, attacks, benign) for budget in BUDGETS
    }
    return {
        "found_at_false_incidents": {budget: each and each.share for budget, each in found.items()},
        "seconds_to_first_alert": {budget: each and each.seconds for budget, each in found.items()},
    }
