"""Splits by time: trained on the past, thresholds and all, then the real scorer over later flows from where it ended.

Where attacks are transplanted, the later flows pass twice from the same state: as they are, for what is falsely raised,
and with the attacks among them, for what is found.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.calibrated_model import ScoringModel
from detector.decisions.passed import evidence_keys
from detector.errors import InputError
from detector.net.networks import Networks
from detector.scoring.flow_state import FlowState
from detector.scoring.scorer import Scorer
from training.evaluation.marked import Marked
from training.evaluation.report import Protocol
from training.evaluation.segments import segment_values
from training.evaluation.transplant import transplanted
from training.learn import Choice, learn
from training.train import Recipe, spec_for
from training.watched import DAY_S, Watched, ends_of

FIRST_PART = 0.5
"""Of the time watched, nothing in it is tested: models need a past."""

EACH = 3
"""Transplanted attacks of each kind among the flows of each run."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One run: trained on all before ``start``, tested until ``end``, which is after the last flow for the last."""

    number: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Later flows and what they were found to be; arrays of shape (rows,)."""

    scores: NDArray[np.float64]
    rates: NDArray[np.float64]
    attack: NDArray[np.bool_]
    benign: NDArray[np.bool_]
    instances: NDArray[np.int64]
    kinds: pl.Series
    ts: NDArray[np.float64]
    blocks: NDArray[np.int64]
    incidents: NDArray[np.uint64]
    """Target on a day: which incident each would be."""
    values: pl.DataFrame
    """Of segments."""

    def falsely_raised(self, budget: float) -> NDArray[np.intp]:
        """Places of the benign flows by which each false incident begins, at so many a day."""
        raised = np.flatnonzero(self.benign & (self.rates <= budget))
        return raised[np.unique(self.incidents[raised], return_index=True)[1]]


@dataclass(frozen=True, slots=True)
class TimeRun:
    """What became of one run."""

    cut: Cut
    later: Marked
    """The flows tested, as they came."""
    mixed: Marked | None
    """The same with transplanted attacks among them; None: there are none."""
    judged: Judged
    days: float
    """Watched in the flows tested."""
    trained: int


def cuts_of(marked: Marked, protocol: Protocol) -> list[Cut]:
    """Cut the later part of the time watched into as many parts as there are runs."""
    ts = marked.frame["ts"].to_numpy()
    watched = Watched.of(ts, ends_of(marked.frame))
    if not watched.seconds or not protocol.time_splits:
        return []
    first = FIRST_PART
    if protocol.tested_from is not None:
        first = float(watched.clock(np.array([protocol.tested_from]))[0]) / watched.seconds
    shares = first + (1.0 - first) * np.arange(protocol.time_splits) / protocol.time_splits
    starts = watched.moments(shares * watched.seconds).tolist()
    if protocol.tested_from is not None:
        starts[0] = protocol.tested_from
    ends = [*starts[1:], np.inf]
    return [Cut(number, *each) for number, each in enumerate(zip(starts, ends, strict=True))]


def time_run(cut: Cut, marked: Marked, recipe: Recipe, protocol: Protocol) -> TimeRun:
    """Train and test once.

    Raises InputError where there is too little before or after, or nothing to hold incidents against.
    """
    ts = marked.frame["ts"].to_numpy()
    past, later = marked.take(ts < cut.start), marked.take((ts >= cut.start) & (ts < cut.end))
    if not later.benign.any():
        raise InputError("no benign flow comes after it")
    calm = past.calm(recipe.train_on)
    chosen = past.chosen(recipe.train_on, np.ones(len(past.frame), np.bool_), recipe.seed)
    spec = spec_for(past.frame, recipe)
    learnt = learn(
        past.frame,
        Choice(calm=calm, chosen=chosen, peaceful=~past.attack),
        spec,
        recipe.fitted_by(),
        Watched.of(past.frame["ts"].to_numpy(), ends_of(past.frame)),
        past.partitions,
    )
    if learnt.incidents is None:
        raise InputError("its flows span no time, by which incidents could be counted")
    scoring, state, trained = learnt.scoring, learnt.state, len(learnt.rows)
    del learnt, past
    watched = Watched.of(later.frame["ts"].to_numpy(), ends_of(later.frame))
    mixed = attacked(later, cut, protocol, scoring.extractor.inside)
    return TimeRun(cut, later, mixed, judged_beside(scoring, state, later, mixed, protocol), watched.days, trained)


def attacked(later: Marked, cut: Cut, protocol: Protocol, networks: Networks) -> Marked | None:
    """A run's flows with transplanted attacks among them; None where these are not what is asked for, or cannot be."""
    if protocol.attacks != "transplanted":
        return None
    attacks = transplanted(
        later.frame,
        cut.start,
        min(cut.end, float(later.frame["ts"][-1])),
        each=EACH,
        seed=protocol.seed + 100 * cut.number,
        networks=networks,
    )
    return None if attacks is None else later.with_attacks(attacks)


def judged_beside(
    model: ScoringModel, state: FlowState, later: Marked, mixed: Marked | None, protocol: Protocol
) -> Judged:
    """Score flows as they came, which goes on in ``state``, and those mixed with attacks from where it was."""
    before = None if mixed is None else deepcopy(state)
    calm = judged_by(model, state, later, protocol)
    return calm if mixed is None or before is None else joined(calm, judged_by(model, before, mixed, protocol))


def judged_by(model: ScoringModel, state: FlowState, later: Marked, protocol: Protocol) -> Judged:
    """Score flows as a daemon would, and keep what is measured by. Raises InputError where it tells no incidents."""
    frame, extractor = later.frame, model.extractor
    scored = Scorer(model, state).score(frame, later.came_by(extractor.spec.partitions))
    if scored.rates is None:
        raise InputError("it cannot tell false incidents")
    ts = frame["ts"].to_numpy()
    keys = evidence_keys(frame)
    days = np.floor((ts - ts[0]) / DAY_S).astype(np.int64).astype(np.uint64)
    slots = np.floor((ts - ts[0]) / protocol.block_s).astype(np.int64)
    return Judged(
        scores=scored.scores,
        rates=scored.rates,
        attack=later.attack,
        benign=later.benign,
        instances=later.instances,
        kinds=later.kinds,
        ts=ts,
        blocks=slots,
        incidents=keys.targets ^ (days * np.uint64(0x9E3779B97F4A7C15)),
        values=segment_values(frame, extractor.inside),
    )


def joined(calm: Judged, mixed: Judged) -> Judged:
    """The flows as they came, and the attacks alone of what was scored with them."""
    rows = np.flatnonzero(mixed.attack)

    def both(name: str) -> NDArray[np.generic]:
        joined: NDArray[np.generic] = np.concatenate([getattr(calm, name), getattr(mixed, name)[rows]])
        return joined

    arrays = {
        name: both(name) for name in ("scores", "rates", "attack", "benign", "instances", "ts", "blocks", "incidents")
    }
    return Judged(
        **arrays,  # type: ignore[arg-type]  # each is of its own field
        kinds=pl.concat([calm.kinds.alias("kind"), mixed.kinds.gather(rows).alias("kind")]),
        values=pl.concat([calm.values, mixed.values[rows]]),
    )
