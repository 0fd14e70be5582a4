"""From flows to a calibrated model, its thresholds, and the state that daemons begin with; labels are others' business.

All of the time is trained on, and all but its beginning calibrates: each stretch is judged by what did not see it
(models and evidence), as a daemon's flows will be. One final model is trained on all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.decisions.calibrated_model import CalibratedModel, ScoringModel
from detector.decisions.passed import TAUGHT, Passed
from detector.decisions.views import VIEWS, View, columns_of, told_within
from detector.errors import InputError
from detector.features.extra import has_addresses
from detector.features.extractor import FeatureExtractor
from detector.features.replay import features_at, fresh_windows, pass_through
from detector.features.spec import FeatureSpec
from detector.features.windows_keys import hashes_of
from detector.net.directions import directions_of
from detector.scoring.flow_state import FlowState
from detector.transport.kafka.partitioner import partitions_of
from training.estimators import has_forest
from training.feedback.leaf_weights import Lessons
from training.flow_features import training_features
from training.incidents import Passing, unseen_assessment
from training.member_weights import shares
from training.novelty import met_anew
from training.single_flows import Judged, calibrated
from training.stretches import LEAST_ROWS, STRETCHES, Stretches, Taught
from training.watched import Watched

BEGINNING_SHARE, BEGINNING_S = 0.1, 3600.0
"""Of the time watched, the first: so large a share, but no more seconds, does not calibrate."""

LESSON = "lesson"
"""Column of the flows that are ``TAUGHT``: each one's share of its label's weight, by which leaves are learnt; 0 of all
others. Float32, since columns of Float64 that are not canonical are features."""

TellStep = Callable[[str], None]
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacks:
    """Flows that people judged true, which are not trained on, among all that were there when they came."""

    frame: pl.DataFrame
    """In order of time; they are in it."""
    places: NDArray[np.intp]
    """Theirs, ascending."""
    weights: NDArray[np.float64]
    """Of each its share of its label's weight."""
    partitions: NDArray[np.int32] | None
    """Those that the frame's flows came by; None: by their sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What is fitted, and how."""

    kind: str
    seed: int
    params: Mapping[str, Any] = field(default_factory=dict)
    """The estimator's own."""
    drop: float = 0.0
    """Share of rows, the oddest, that a model of single flows of its own is trained without."""
    views: tuple[View, ...] = VIEWS
    """By which flows are to be raised, as far as there is time enough to calibrate them."""
    learns: bool = False
    """Whether a forest's leaves are learnt from flows that people judged."""
    attacks: Attacks | None = None
    """What they judged true; what they judged false, the frame's columns tell."""

    @property
    def stretches(self) -> int:
        """Into how many the time is cut."""
        return int(self.params.get("folds", STRETCHES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which rows of a frame are what; masks of shape (rows,)."""

    calm: Mask
    """To calibrate on: taken for benign."""
    chosen: Mask
    """To train on; the calm ones are among them."""
    peaceful: Mask
    """All but labelled attacks: of these alone, what daemons begin with is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What came of it. ``rows`` are the places of those that the model was trained on."""

    extractor: FeatureExtractor
    state: FlowState
    """What daemons begin with: after the last flow that is peaceful and was not left out as oddest."""
    rows: NDArray[np.intp]
    matrix: Matrix
    """Of these rows."""
    judged: Judged
    known: Mask
    """Which of them are peaceful, and not left out as oddest: what is usual; shape (rows,)."""
    incidents: IncidentCalibration | None
    calm: NDArray[np.intp]
    """Places of the rows that it is calibrated on."""
    weighed: NDArray[np.intp]
    """Places of the peaceful rows among those that the model was trained on."""
    unseen: Assessment | None
    """Of these, each by what did not see its stretch; None where flows have no addresses."""
    stretches: NDArray[np.intp]
    """The number of each one's stretch, from 0."""

    @property
    def assessment(self) -> Assessment | None:
        """Of the rows that it is calibrated on; None where flows have no addresses."""
        return None if self.unseen is None else self.unseen.take(np.flatnonzero(np.isin(self.weighed, self.calm)))

    @property
    def judging(self) -> CalibratedModel:
        """The calibrated model."""
        return self.judged.judging

    @property
    def scoring(self) -> ScoringModel:
        """All that flows are scored by, as a bundle has it."""
        judging = self.judging
        return ScoringModel(
            model=judging.model,
            calibration=judging.calibration,
            single=judging.single,
            extractor=self.extractor,
            incidents=self.incidents,
        )


def learn(  # noqa: PLR0917 - what is learnt from, and what is known of it
    frame: pl.DataFrame,
    choice: Choice,
    spec: FeatureSpec,
    fitting: Fitting,
    watched: Watched,
    partitions: NDArray[np.int32] | None = None,
    tell: TellStep = lambda _: None,
) -> Learnt:
    """Learn from a frame of flows in order of time, that were ``watched`` then.

    ``partitions`` are those that the flows came by; None: those that a topic keyed by source would have them in.
    Raises InputError for too few rows.
    """
    ts = frame["ts"].to_numpy()
    stretches = stretches_of(choice.calm, watched.clock(ts), fitting.stretches)
    choice, seconds = after_the_beginning(choice, ts, watched)
    addresses = has_addresses(frame)
    if partitions is None:
        partitions = partitions_of(frame["src_ip"], spec.partitions) if addresses else np.zeros(len(frame), np.int32)
    tell(f"computing features of {len(frame):,} flows")
    extractor = FeatureExtractor.fit(frame.filter(pl.Series(choice.chosen & choice.peaceful)), spec)
    rows = np.flatnonzero(choice.chosen)
    matrix, windows = training_features(extractor, frame, stretches.ranges[0], partitions, watched.end - watched.start)
    seen = matrix if len(rows) == len(frame) else matrix[rows]
    del matrix
    tell(f"training {fitting.kind} on {len(rows):,} flows, and on parts of them to judge each by what did not see it")
    calm, cut = choice.calm[rows], stretches.among(rows)
    judged = calibrated(
        fitting.kind,
        seen,
        calm,
        cut,
        seconds,
        spec.single_flows,
        seed=fitting.seed,
        params=fitting.params,
        drop=fitting.drop,
        names=spec.names,
        lessons=leaf_lessons(frame, rows, seen, extractor, fitting),
        taught=taught_of(frame, rows),
    )
    if not judged.steady:
        tell(f"counting less the members that later flows surprise too much: {shares(judged.judging.model)}")
    known = choice.peaceful[rows] & judged.kept
    passed = choice.peaceful.copy()
    passed[rows] = known
    if windows is not None and not passed.all():
        windows = fresh_windows(extractor)
        if windows is not None:
            pass_through(windows, frame.filter(pl.Series(passed)), partitions[passed])
    learnt = Learnt(
        extractor=extractor,
        state=FlowState(windows),
        rows=rows,
        matrix=seen,
        judged=judged,
        known=known,
        incidents=None,
        calm=rows[calm],
        weighed=np.empty(0, np.intp),
        unseen=None,
        stretches=np.empty(0, np.intp),
    )
    if not addresses:
        return learnt
    views = told_within(fitting.views, watched.seconds)
    return _with_incidents(learnt, frame, choice, cut, partitions, watched, views)


def taught_of(frame: pl.DataFrame, rows: NDArray[np.intp]) -> Taught | None:
    """How often these rows count as people called them harmless; None where nothing is taught."""
    if TAUGHT not in frame.columns:
        return None
    taught: Taught = frame[TAUGHT].fill_null(0).to_numpy().astype(np.intp)[rows]
    return taught if taught.any() else None


def leaf_lessons(
    frame: pl.DataFrame, rows: NDArray[np.intp], seen: Matrix, extractor: FeatureExtractor, fitting: Fitting
) -> Lessons | None:
    """What leaves are learnt from: flows judged false among these rows (features ``seen``), and those judged true.

    None where there are none, or the model has no forest.
    """
    if not fitting.learns or not has_forest(fitting.kind, fitting.params):
        return None
    weights = np.zeros(len(rows))
    if LESSON in frame.columns:
        weights = frame[LESSON].fill_null(0.0).to_numpy().astype(np.float64)[rows]
    false, attacks = np.flatnonzero(weights > 0), fitting.attacks
    parts, verdicts, shares = [seen[false]], [np.zeros(len(false), np.bool_)], [weights[false]]
    if attacks is not None and len(attacks.places):
        parts.append(np.nan_to_num(features_at(extractor, attacks.frame, attacks.places, attacks.partitions)))
        verdicts.append(np.ones(len(attacks.places), np.bool_))
        shares.append(attacks.weights)
    if not sum(map(len, parts)):
        return None
    return Lessons(np.concatenate(parts), np.concatenate(verdicts), np.concatenate(shares))


def after_the_beginning(choice: Choice, ts: NDArray[np.float64], watched: Watched) -> tuple[Choice, float]:
    """Take the beginning of the flows from what calibrates; and for how many seconds the rest were watched.

    Windows are empty then, connections torn, and a capture often begins where a device is switched on: nothing of it
    comes again. Still it is trained on, and what it has is known.
    """
    beginning = min(BEGINNING_SHARE * watched.seconds, BEGINNING_S)
    if not beginning:
        return choice, watched.seconds
    later = choice.calm & (ts >= watched.moments(np.array([beginning]))[0])
    if int(later.sum()) < LEAST_ROWS:
        return choice, watched.seconds
    return replace(choice, calm=later), watched.seconds - beginning


def stretches_of(calm: Mask, clock: NDArray[np.float64], wanted: int) -> Stretches:
    """Cut the time. Raises InputError where there is too little to judge any of it by the rest."""
    count, least = int(calm.sum()), 2 * LEAST_ROWS
    if count < least:
        raise InputError(f"training: {count} usable flows are too few, at least {least} are needed; give more data")
    return Stretches.between(calm, clock, max(2, wanted))


def _with_incidents(  # noqa: PLR0917 - what passes, and when
    learnt: Learnt,
    frame: pl.DataFrame,
    choice: Choice,
    cut: Stretches,
    partitions: NDArray[np.int32],
    watched: Watched,
    views: tuple[View, ...],
) -> Learnt:
    """Weigh the flows, and calibrate on the calm ones of them."""
    among = np.flatnonzero(choice.peaceful[learnt.rows])
    rows = learnt.rows[among]
    scores = learnt.judged.scores
    few = type(scores)(scores.overall[among], None if scores.single is None else scores.single[among])
    surprises, inside = learnt.judging.surprises(few), learnt.extractor.inside
    flows = Passed.of(frame[rows], surprises, partitions[rows], columns_of(views), inside=inside)
    taught = taught_of(frame, rows)
    if taught is not None:
        flows = flows.telling(TAUGHT, taught.astype(np.float32))
    passing = Passing(flows, learnt.known[among], cut.number[among], views)
    calm = np.flatnonzero(choice.calm[rows])
    unseen = unseen_assessment(passing, watched.end - watched.start)
    held = frame[rows[calm]]
    directions = directions_of(held, learnt.extractor.inside)
    met = np.flatnonzero(met_anew(hashes_of(held["src_ip"]), directions, passing.stretches[calm], len(cut.ranges)))
    kept = calm[met]
    state, incidents = FlowState(learnt.state.windows, passing.ended_with()), None
    with suppress(InputError):  # of flows that span no time, there is no budget to hold others against
        incidents = IncidentCalibration.fit(
            flows.keys.targets[kept],
            directions[met],
            flows.ts[kept],
            unseen.take(kept),
            learnt.judging.calibration.seconds,
        )
    return replace(learnt, state=state, weighed=rows, unseen=unseen, stretches=passing.stretches, incidents=incidents)
