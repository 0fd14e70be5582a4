"""Measuring what the gate's rules ask, of a candidate that nobody has seen yet."""

from __future__ import annotations

from collections.abc import Mapping
from time import process_time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.drift.monitor import index_of
from detector.features.extra import extra_columns
from detector.features.replay import features_at
from detector.models.training_sample import ROWS, TrainingSample, place_among
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.scorer import Scorer
from detector.transport.kafka.partitioner import partitions_of
from training.evaluation.by_time import ByTime
from training.gate.facts import Records
from training.labels import Truth
from training.metrics import operating_curve, roc_auc
from training.watched import DAY_S, TIME_APART, ends_of

TIMED_ROWS = 20_000
"""Scored twice; the faster counts, since others use the machine too."""

BINS = 10
"""Of equally many of the champion's training rows, where values allow it."""

LEAST_DRIFT_ROWS = 1_000
"""Of fewer on either side, the index is noise."""


def records_of(read: Dataset) -> Records:
    """Count what could not be used, and times that cannot be."""
    apart = read.rejected.get(TIME_APART, 0)
    return Records(total=read.records, unusable=read.rejects - apart, time_apart=apart + jumping(read))


def jumping(read: Dataset) -> int:
    """How many records have times a day or more from those beside them, in the order that their source has them.

    A sensor whose clock is wrong, among others of one source, makes two jumps a record. One jump is where a log ends
    and the next begins.
    """
    frame = read.frame
    ends, sources = ends_of(frame), frame[SOURCE].to_numpy()
    order = np.lexsort([frame[OFFSET].to_numpy(), sources])
    far = (np.abs(np.diff(ends[order])) > DAY_S) & (np.diff(sources[order]) == 0)
    return int(far.sum()) // 2


def speed(model: LoadedModel, frame: pl.DataFrame) -> float:
    """Records a second of processor time, features and all, of the first of these flows: what else runs does not count.

    The better of two runs: the first may compile a kernel.
    """
    few = frame.head(TIMED_ROWS)
    partitions = partitions_of(few["src_ip"], model.extractor.spec.partitions)
    seconds = []
    for _ in range(2):
        scorer = Scorer(model, FlowState.fresh(model))
        began = process_time()
        scorer.score(few, partitions)
        seconds.append(process_time() - began)
    return len(few) / max(min(seconds), 1e-9)


def own_roc_auc(model: LoadedModel, tested: ByTime | None) -> float | None:
    """How well the model itself tells attacks among the last flows tested by time; None where there are none.

    It has seen the flows, though not the attacks put on them, so that this is no figure to expect. But it is of the
    model that is published: what else is measured, is of others by the same recipe.
    """
    for run in reversed(tested.runs if tested is not None else ()):
        marked = run.later if run.mixed is None else run.mixed
        if marked.attack.any() and marked.benign.any():
            known, came_by = marked.attack | marked.benign, marked.came_by(model.extractor.spec.partitions)
            scores = Scorer(model, FlowState.fresh(model)).score(marked.frame, came_by).scores
            return roc_auc(operating_curve(scores[known], marked.attack[known]))
    return None


def drift(parent: TrainingSample, model: LoadedModel, read: Dataset) -> dict[str, float]:
    """Population stability index of each feature, these flows against those of the model's training.

    Of flows as of training, an even sample is looked at, with windows filled from the first flow on.
    """
    count = len(read.frame)
    places = np.linspace(0, count - 1, min(ROWS, count)).round().astype(np.intp)
    chosen = np.nan_to_num(features_at(model.extractor, read.frame, places, read.partitions))
    names = model.extractor.spec.names
    return {
        name: stability_index(old, place_among(edges, column))
        for name, edges, old, column in zip(names, parent.edges, parent.places, chosen.T, strict=True)
    }


def stability_index(before: NDArray[np.integer], now: NDArray[np.integer]) -> float:
    """How far two lots of places among quantiles differ, as a population stability index."""
    cuts = np.unique(np.quantile(before, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    was, is_now = (
        np.bincount(np.searchsorted(cuts, each, side="left"), minlength=len(cuts) + 1) / len(each)
        for each in (before, now)
    )
    return index_of(was, is_now)


def own_features(frame: pl.DataFrame) -> Mapping[str, float]:
    """How well each column of the user's own tells labelled attacks by itself; none where one side is missing."""
    truth = Truth.of(frame)
    if not (truth.attack.any() and truth.benign.any()):
        return {}
    found = {}
    for name in extra_columns(frame):
        values = np.nan_to_num(frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), nan=0.0)
        auc = roc_auc(operating_curve(values[truth.known], truth.attack[truth.known]))
        found[name] = max(auc, 1.0 - auc)
    return found
