"""A recipe beside the champion, on the same later flows: what each would raise at the same budget.

The new model itself has seen all flows, the champion has not: so the champion is held against the recipe's splits by
time, each trained on what came before, with the same attacks in them. The champion's windows are filled by the flows
before, as a daemon's are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.errors import BundleError, InputError
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state
from detector.scoring.scorer import Scorer
from training.evaluation.by_time import ByTime
from training.evaluation.report import Protocol
from training.evaluation.time_splits import Judged, judged_beside
from training.gate.facts import Paired

COVERED = 0.95


def against(tested: ByTime, champion: LoadedModel) -> Paired:
    """Compare. Raises InputError, with the reason, where it cannot be done."""
    if champion.incidents is None:
        raise InputError("the champion cannot tell false incidents")
    try:
        theirs = _by_champion(tested, champion)
    except BundleError as error:
        raise InputError(f"the champion cannot go on from its training's end: {error}") from error
    ours = [run.judged for run in tested.runs]
    return paired(champion.version, theirs, ours, sum(run.days for run in tested.runs), tested.protocol)


def _by_champion(tested: ByTime, champion: LoadedModel) -> list[Judged]:
    """What the champion finds in each run, of which it has seen all that came before.

    It begins with what its training ended with where that was before these flows; else it knows more than their past.
    """
    partitions = champion.extractor.spec.partitions
    state = FlowState.fresh(champion)
    ts = tested.marked.frame["ts"].to_numpy()
    if champion.beginning is not None and champion.beginning.ended_at <= ts[0]:
        begin_state(champion, tested.marked.came_by(partitions), state)
    seen, found = -np.inf, []
    for run in tested.runs:
        if len((past := tested.marked.take((ts >= seen) & (ts < run.cut.start))).frame):
            Scorer(champion, state).score(past.frame, past.came_by(partitions))
        found.append(judged_beside(champion, state, run.later, run.mixed, tested.protocol))
        seen = run.cut.end
    return found


def paired(
    version: str, champion: Sequence[Judged], model: Sequence[Judged], days: float, protocol: Protocol
) -> Paired:
    """Compare what both found in the same runs. Raises InputError where no attack is among them."""
    both = [(theirs, ours) for theirs, ours in zip(champion, model, strict=True) if ours.attack.any()]
    if not both:
        raise InputError("no attack is among the later flows, by which both could be compared")
    losses = np.concatenate([_shares(theirs, protocol) - _shares(ours, protocol) for theirs, ours in both])
    low, high = interval_of(losses, protocol)
    return Paired(
        champion=version,
        attacks=len(losses),
        lost=float(losses.mean()),
        interval=(low, high),
        false_champion=_false_a_day(champion, days, protocol),
        false_model=_false_a_day(model, days, protocol),
    )


def _shares(judged: Judged, protocol: Protocol) -> NDArray[np.float64]:
    """Of each attack, the share of its flows that is raised; shape (attacks,)."""
    instances = np.unique(judged.instances[judged.attack], return_inverse=True)[1]
    return np.bincount(instances, judged.rates[judged.attack] <= protocol.incidents_per_day) / np.bincount(instances)


def interval_of(losses: Sequence[float] | NDArray[np.float64], protocol: Protocol) -> tuple[float, float]:
    """In which the mean of the losses, one an attack, lies with 95 %, by drawing attacks anew."""
    values = np.asarray(losses, np.float64)
    rng = np.random.default_rng([protocol.seed, 23])
    means = values[rng.integers(0, len(values), (max(protocol.resamples, 200), len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.5 - COVERED / 2.0, 0.5 + COVERED / 2.0])
    return float(low), float(high)


def _false_a_day(runs: Sequence[Judged], days: float, protocol: Protocol) -> float:
    count = sum(len(judged.falsely_raised(protocol.incidents_per_day)) for judged in runs)
    return count / days if days else 0.0
