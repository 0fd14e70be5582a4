"""MIDAS's protocol: edges of DARPA's evaluation of 1998, in order of time, each scored as it comes.

MIDAS, MIDAS-R and MIDAS-F are told nothing before, and go through all nine weeks; ROC AUC is over all edges, as
published. oddflow learns from the first week, unlabelled, with its attacks in it, as ``oddflow train`` does; then it
scores the other eight, without learning more. Both are told on these eight as well.

An edge has addresses and a minute. Ports, protocols, bytes and durations, which most of oddflow's features are made of,
are not there. An attack is *quiet* where edges of its name are :data:`QUIET_EDGES` a day at most: the definition is
ours, and was set before any figure was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.midas import VARIANTS, midas
from bench.published_case import OURS, Case, Told, auc
from bench.published_sets import DAY_S, FIRST_DAY, Edges, darpa_edges, fingerprint
from detector.decisions.passed import evidence_keys
from detector.records.flow import SCHEMA
from detector.scoring.scorer import Scorer
from training.detection_at_budget import found_at
from training.train import Recipe, train_and_keep

Floats = NDArray[np.float64]

QUIET_EDGES = 100

LEARNT_DAYS = 7.0

PUBLISHED = {"midas": "0.897–0.911", "midas-r": "0.951–0.955", "midas-f": "0.984"}
"""The first two: 21 seeds each in their repository's ``doc/Experiment``; the third: measured by their own code."""

FALSE_INCIDENTS = 10


def edges_case(path: Path) -> Case:
    """All of it."""
    protocol = (
        f"MIDAS through all edges, told nothing; oddflow learns the first {LEARNT_DAYS:g} days, unlabelled, and scores"
        f" the rest; quiet: at most {QUIET_EDGES} edges of its name a day"
    )
    return Case(fingerprint([path]), protocol, lambda seed: _run(darpa_edges(path, QUIET_EDGES), seed))


def _run(edges: Edges, seed: int) -> Iterator[Told]:
    rest = edges.flows["ts"].to_numpy() >= FIRST_DAY + LEARNT_DAYS * DAY_S
    # Ten edges are of a day that is none: ticks are in their authors' order, flows in that of time.
    order = np.argsort(edges.ticks, kind="stable")
    for name, variant in VARIANTS.items():
        scores = np.empty(len(order))
        scores[order] = midas(variant, edges.sources[order], edges.destinations[order], edges.ticks[order], seed)
        whole = {"all": auc(scores, edges.attacks)}
        yield Told(name, whole | on_the_rest(edges, rest, scores[rest]), PUBLISHED[name])
    yield from ours(edges, rest, seed)


def ours(edges: Edges, rest: NDArray[np.bool_], seed: int) -> Iterator[Told]:
    """Learn from the edges before the rest; score the rest by all ways together, and by surprise alone."""
    flows = edges.flows.select(SCHEMA.keys())
    _, learnt = train_and_keep(flows.filter(~rest), Recipe(seed=seed, folds=0, cut=True))
    tried = flows.filter(rest)
    scored = Scorer(learnt.scoring, learnt.state).score(tried, np.zeros(len(tried), np.int32))
    if scored.rates is None:
        raise ValueError("edges have addresses")
    yield Told(OURS, on_the_rest(edges, rest, -scored.rates))
    yield Told(f"{OURS}, by surprise alone", on_the_rest(edges, rest, scored.scores))


def on_the_rest(edges: Edges, rest: NDArray[np.bool_], odd: Floats) -> dict[str, float]:
    """ROC AUC of all and of quiet attacks, and the share found at ten false incidents: in all, and a day."""
    attacks, quiet, flows = edges.attacks[rest], edges.quiet[rest], edges.flows.filter(rest)
    either = quiet | ~attacks
    days = flows.select((pl.col("ts") // DAY_S).n_unique()).item()
    targets, ts = evidence_keys(flows).targets, flows["ts"].to_numpy()
    told = {"rest": auc(odd, attacks), "quiet": auc(odd[either], attacks[either])}
    for name, chosen in (("", attacks), (" quiet", quiet)):
        for budget, words in ((FALSE_INCIDENTS, ""), (FALSE_INCIDENTS * days, " a day")):
            found = found_at(budget, -odd, targets, ts, chosen, ~attacks)
            told[f"found@10{words}{name}"] = found.share if found else float("nan")
    return told
