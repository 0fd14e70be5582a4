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

from detector.decisions.passed import evidence_keys
from detector.errors import InputError
from detector.net.networks import Networks, networks_of
from detector.scoring.scorer import Scorer
from detector.transport.kafka.partitioner import partitions_of
from training.evaluation.marked import Marked
from training.evaluation.report import Protocol
from training.evaluation.segments import segment_values
from training.evaluation.transplant import transplanted
from training.learn import Choice, Fitting, learn
from training.train import Recipe, spec_for
from training.watched import DAY_S, Watched, ends_of

FIRST_PART = 0.5
"""Of the time watched, nothing in it is tested: models need a past."""


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


def time_run(cut: Cut, marked: Marked, recipe: Recipe, protocol: Protocol, each: int) -> TimeRun:
    """Train and test once; with ``each`` transplanted attacks of every kind, 0 for none.

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
        Fitting(kind=recipe.kind, seed=recipe.seed, params=recipe.fitting, drop=recipe.drop),
        Watched.of(past.frame["ts"].to_numpy(), ends_of(past.frame)),
        past.partitions,
    )
    if learnt.incidents is None:
        raise InputError("its flows span no time, by which incidents could be counted")
    networks, scoring, state = networks_of(recipe.inside), learnt.scoring, learnt.state
    trained = len(learnt.rows)
    del learnt, past
    watched = Watched.of(later.frame["ts"].to_numpy(), ends_of(later.frame))
    attacks = None
    if each:
        attacks = transplanted(
            later.frame,
            cut.start,
            min(cut.end, float(later.frame["ts"][-1])),
            each=each,
            seed=protocol.seed + 100 * cut.number,
            networks=networks,
        )
    before = state if attacks is None else deepcopy(state)
    judged = judged_by(Scorer(scoring, before), later, spec.partitions, networks, protocol)
    mixed = None if attacks is None else later.with_attacks(attacks)
    if mixed is not None:
        hit = judged_by(Scorer(scoring, state), mixed, spec.partitions, networks, protocol)
        judged = joined(judged, hit)
    return TimeRun(cut, later, mixed, judged, watched.days, trained)


def judged_by(scorer: Scorer, later: Marked, partitions: int, networks: Networks, protocol: Protocol) -> Judged:
    """Score flows as a daemon would, and keep what is measured by."""
    frame = later.frame
    came_by = partitions_of(frame["src_ip"], partitions) if later.partitions is None else later.partitions
    scored = scorer.score(frame, came_by)
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
        values=segment_values(frame, networks),
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
