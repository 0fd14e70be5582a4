"""How good a published model is on flows that it is given, as the report that a recipe gets before it is trained.

Nothing is trained: the model scores all flows once as a daemon would, from the state that its training ended with, and
intervals are of resampled attacks and blocks. Where no flow is labelled an attack, the simulator's are put on the
flows' own hosts, and the flows pass twice from the same state: as they are, for what is falsely raised, and with the
attacks among them, for what is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.drift.familiarity import Raised
from detector.errors import InputError
from detector.features.extra import has_addresses
from detector.scoring.dataset import Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state, partitions_in
from detector.scoring.scorer import Scorer
from training.evaluate import doubts_of
from training.evaluation.figures import FPR_GRID, RECALL_GRID, Ranking, band, precision_recall_at, roc_at
from training.evaluation.marked import Marked
from training.evaluation.measure import SHORT_DAYS, data_of, histogram_of, marked_of, plain
from training.evaluation.prepared import settled
from training.evaluation.report import REPORT_VERSION, Band, Protocol, Report
from training.evaluation.segments import segments_of, worst_told
from training.evaluation.time_figures import attacks_of, budgets_obtained, groups_of, tested_rows, time_figures
from training.evaluation.time_splits import Cut, Judged, TimeRun, attacked, judged_beside
from training.labels import Truth
from training.overlap import overlap
from training.train import Recipe, TellStep
from training.watched import Watched, ends_of


@dataclass(frozen=True, slots=True)
class OnFlows:
    """What was found, and what the figures' worth depends on."""

    report: Report
    doubts: list[str]
    """Why the figures cannot be relied on, a sentence each; the report's notes have them, too."""


def measure_published(
    model: LoadedModel,
    read: Dataset,
    before: Dataset | None,
    protocol: Protocol,
    tell: TellStep = lambda _: None,
) -> OnFlows:
    """Measure a model on flows in order of time, after those of ``before``, which are not told of.

    Raises InputError where there are only attacks, or where no incidents can be told; BundleError for a model whose
    state does not fit this oddflow.
    """
    began = monotonic()
    if model.incidents is None or not has_addresses(read.frame):
        raise InputError(
            f"evaluating {model.name} {model.version} for --report: false incidents cannot be told, since the model's"
            " flows or these have no times or addresses; leave --report out"
        )
    recipe = Recipe(kind=model.manifest.kind, inside=tuple(model.manifest.features.inside))
    whole = marked_of(read.frame, recipe, read.partitions)
    notes: list[str] = []
    protocol = settled(whole, recipe, protocol, notes)
    state = FlowState.fresh(model)
    begin_state(model, partitions_in(model, read if before is None else before), state)
    if before is not None:
        Scorer(model, state).score(before.frame, partitions_in(model, before))
    tell(f"scoring {len(whole.frame):,} flows")
    run = _scored(model, whole, state, protocol)
    tell("resampling")
    found, spread = attacks_of([run], protocol)
    figures = time_figures([run], protocol)
    if spread is not None:
        figures["attacks_found"] = spread
    segments = segments_of(tested_rows([run], protocol), run.days)
    notes += worst_told(segments)
    if run.days < SHORT_DAYS:
        notes.append(
            f"the flows span {run.days:.2f} days alone: what other hours of the day raise is not in it; give a day or"
            " more"
        )
    same = overlap(model.manifest.training, read)
    name = f"{model.name} {model.version}"
    doubts = doubts_of(name, same, _raised(run.judged, Truth.of(read.frame), protocol), len(read.frame))
    unsure = [same.told(len(read.frame))] if same is not None and not same.certain else []
    roc, precision_recall = _curves(run.judged, protocol)
    report = Report(
        report_version=REPORT_VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=model.manifest.kind,
        model=name,
        parameters={name: plain(value) for name, value in model.manifest.parameters.items()},
        protocol=protocol,
        data=data_of(whole, recipe),
        random={},
        by_time=figures,
        attacks=found,
        budget=budgets_obtained([run], protocol),
        segments=segments,
        roc=roc,
        precision_recall=precision_recall,
        scores=histogram_of(run.judged.scores[run.judged.benign], run.judged.scores[run.judged.attack]),
        notes=(*doubts, *unsure, *notes),
        seconds=monotonic() - began,
    )
    return OnFlows(report, doubts)


def _scored(model: LoadedModel, whole: Marked, state: FlowState, protocol: Protocol) -> TimeRun:
    """Score the flows as they are, and again with attacks where these are transplanted."""
    frame = whole.frame
    cut = Cut(0, float(frame["ts"][0]), float("inf"))
    watched = Watched.of(frame["ts"].to_numpy(), ends_of(frame))
    mixed = attacked(whole, cut, protocol, model.extractor.inside)
    return TimeRun(cut, whole, mixed, judged_beside(model, state, whole, mixed, protocol), watched.days, 0)


def _curves(judged: Judged, protocol: Protocol) -> tuple[Band | None, Band | None]:
    """What is found by what is falsely raised, over resamples; None without attacks."""
    rows = np.flatnonzero(judged.attack | judged.benign)
    attack = judged.attack[rows]
    if not attack.any():
        return None, None
    ranking = Ranking(judged.scores[rows], attack, groups_of(judged, rows))
    rng = np.random.default_rng([protocol.seed, 17])
    drawn = [ranking.drawn(rng) for _ in range(protocol.resamples)]
    return (
        band(FPR_GRID, [roc_at(*each) for each in drawn]),
        band(RECALL_GRID, [precision_recall_at(*each, protocol.prevalence) for each in drawn]),
    )


def _raised(judged: Judged, truth: Truth, protocol: Protocol) -> Raised:
    raised: NDArray[np.bool_] = judged.rates[judged.benign] <= protocol.incidents_per_day
    return Raised(int(raised.sum()), len(raised), bool(truth.benign.any()))
