"""A recipe beside the champion, on the same later flows: what each would raise at the same budget.

The new model itself has seen all flows, the champion has not: so the recipe is trained again on the first part of the
time, and both are held against the rest, with the same attacks in it. The champion's windows are filled by the first
part, as a daemon's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.errors import BundleError, InputError
from detector.net.networks import networks_of
from detector.scoring.dataset import Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state
from detector.scoring.scorer import Scorer
from detector.transport.kafka.partitioner import partitions_of
from training.evaluation.blocks import sampled_sources
from training.evaluation.marked import Marked
from training.evaluation.measure import EACH_TIME
from training.evaluation.prepared import attacks_for
from training.evaluation.report import Protocol
from training.evaluation.time_splits import Cut, Judged, cuts_of, joined, judged_by, time_run
from training.evaluation.transplant import transplanted
from training.gate.facts import Paired
from training.train import Recipe

COVERED = 0.95


def against(read: Dataset, recipe: Recipe, champion: LoadedModel, protocol: Protocol) -> Paired:
    """Compare. Raises InputError, with the reason, where it cannot be done."""
    whole = Marked.of(read.frame, read.partitions)
    kept = sampled_sources(whole.frame["src_ip"], protocol.most_flows, protocol.seed)
    few = whole if kept.all() else whole.take(kept)
    protocol = msgspec.structs.replace(protocol, time_splits=1, attacks=attacks_for(few, recipe, protocol, []))
    cuts = cuts_of(few, protocol)
    if not cuts:
        raise InputError("flows span no time, so that none are later")
    each = EACH_TIME if protocol.attacks == "transplanted" else 0
    run = time_run(cuts[0], few, recipe, protocol, each)
    theirs = _by_champion(cuts[0], few, recipe, champion, protocol, each)
    return paired(champion.version, theirs, run.judged, run.days, protocol)


def _by_champion(  # noqa: PLR0917 - what is compared, and how
    cut: Cut, marked: Marked, recipe: Recipe, champion: LoadedModel, protocol: Protocol, each: int
) -> Judged:
    if champion.incidents is None:
        raise InputError("the champion cannot tell false incidents")
    ts = marked.frame["ts"].to_numpy()
    past, later = marked.take(ts < cut.start), marked.take(ts >= cut.start)
    partitions, networks = champion.extractor.spec.partitions, networks_of(recipe.inside)
    state = FlowState.fresh(champion)
    came_by = partitions_of(past.frame["src_ip"], partitions) if past.partitions is None else past.partitions
    try:
        begin_state(champion, came_by, state)
        Scorer(champion, state).score(past.frame, came_by)
        before = state if not each else deepcopy(state)
        judged = judged_by(Scorer(champion, before), later, partitions, networks, protocol)
        if not each:
            return judged
        end = min(cut.end, float(later.frame["ts"][-1]))
        seed = protocol.seed + 100 * cut.number
        attacks = transplanted(later.frame, cut.start, end, each=each, seed=seed, networks=networks)
        if attacks is None:
            return judged
        mixed = later.with_attacks(attacks)
        return joined(judged, judged_by(Scorer(champion, state), mixed, partitions, networks, protocol))
    except BundleError as error:
        raise InputError(f"the champion cannot go on from its training's end: {error}") from error


def paired(version: str, champion: Judged, model: Judged, days: float, protocol: Protocol) -> Paired:
    """Compare what both found of the same rows. Raises InputError where no attack is among them."""
    attack = model.attack
    if not attack.any():
        raise InputError("no attack is among the later flows, by which both could be compared")
    instances = np.unique(model.instances[attack], return_inverse=True)[1]
    sizes = np.bincount(instances)
    raised = [
        np.bincount(instances, weights=each.rates[attack] <= protocol.incidents_per_day) / sizes
        for each in (champion, model)
    ]
    losses = raised[0] - raised[1]
    low, high = interval_of(losses, protocol)
    false = [_false_a_day(each, days, protocol) for each in (champion, model)]
    return Paired(
        champion=version,
        attacks=len(sizes),
        lost=float(losses.mean()),
        interval=(low, high),
        false_champion=false[0],
        false_model=false[1],
    )


def interval_of(losses: Sequence[float] | NDArray[np.float64], protocol: Protocol) -> tuple[float, float]:
    """In which the mean of the losses, one an attack, lies with 95 %, by drawing attacks anew."""
    values = np.asarray(losses, np.float64)
    rng = np.random.default_rng([protocol.seed, 23])
    means = values[rng.integers(0, len(values), (max(protocol.resamples, 200), len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.5 - COVERED / 2.0, 0.5 + COVERED / 2.0])
    return float(low), float(high)


def _false_a_day(judged: Judged, days: float, protocol: Protocol) -> float:
    raised = judged.incidents[judged.benign & (judged.rates <= protocol.incidents_per_day)]
    return len(np.unique(raised)) / days if days else 0.0
