"""From flows to a model: choose rows, learn features and model, calibrate on what came later, measure.

The steps, for a frame in order of time: cut it by time; choose what to train on from before the cut; learn encoders
and usual ranges from the chosen rows; compute features over *every* flow, trained on or not; fit; score the calm rows
after the cut and calibrate on them; and, where there are labels, train again on parts to see how good it is and how
much that varies (``training.quality``). All randomness comes from the recipe's seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.evidence import EvidenceState, Surprises
from detector.alerts.incident_budget import IncidentCalibration
from detector.alerts.suspect import calibrate_incidents, suspect
from detector.alerts.suspicion import Suspicion
from detector.beginning import MAX_BYTES, Beginning
from detector.dataset import OFFSET, SOURCE, Dataset
from detector.features.extra import extra_columns, has_addresses
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.networks import NOWHERE, Networks
from detector.features.perflow import FAMILIES
from detector.features.replay import features_of, fresh_windows
from detector.features.spec import FeatureSpec
from detector.features.windows import WindowState, default_windows
from detector.models.base import Model
from detector.models.bundle import build_bundle
from detector.models.calibration import Calibration
from detector.models.ensemble import Ensemble
from detector.models.manifest import TrainingData
from detector.models.single_flows import SingleFlows
from detector.models.usual import UsualRange
from detector.partitioner import partitions_of
from detector.records.flow import LABEL
from training.card import RATES, CardFacts, card
from training.estimators import DROPPED, fit_estimator
from training.labels import TrainOn, Truth
from training.oddest import oddest
from training.quality import Quality, measure
from training.single_flows import calibrated
from training.split import split_by_time
from training.steadiness import shares
from training.watched import Watched, ends_of

Tell = Callable[[str], None]

DROPPED_AMONG = 0.03
"""As DROPPED, where attacks are known to be among the rows: more, since what is left of them is learnt by heart."""

UNLABELLED = "unlabelled"
"""How flows without a label are counted."""

ADDRESS_FAMILIES = ("addresses", "ports")
"""What tells nothing where flows have no addresses."""

SELF_TEST_SAMPLE = 64
"""Rows drawn from those trained on, by which a bundle proves that it scores elsewhere as it did here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train; together with the flows it determines the model."""

    kind: str = Ensemble.kind
    """Finds more than a forest alone, at twice the cost; where it is weak is in docs/models.md."""
    train_on: TrainOn = field(default_factory=lambda: TrainOn.parse("all"))
    seed: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    """The estimator's own, by its library's names."""
    holdout: float = 0.2
    """Share of the calm flows, the latest, that the model is calibrated on instead of trained on; of two days or more,
    at least the last."""
    folds: int = 5
    """How many times a labelled set is trained on in part and measured on the rest; fewer than 2: not measured."""
    windows: Mapping[str, Any] | None = field(default_factory=default_windows)
    """Parameters of the windowed features; None: none."""
    partitions: int = 1
    """Of the topic that will be read: windows are computed over each by itself."""
    inside: tuple[str, ...] = ()
    """Networks in CIDR that are inside though their addresses are public."""

    @property
    def drop(self) -> float:
        """Share of rows, the oddest, that an ensemble and the model of single flows are trained without.

        None unless told, where attacks are known not to be among the rows.
        """
        return float(self.params.get("drop", self._usual_drop))

    @property
    def fitting(self) -> Mapping[str, Any]:
        """The estimator's parameters."""
        return {"drop": self._usual_drop, **self.params} if self.kind == Ensemble.kind else self.params

    @property
    def _usual_drop(self) -> float:
        among = self.train_on.attacks_per_normal
        return DROPPED if among is None else DROPPED_AMONG if among else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model and all that its bundle tells of it."""

    recipe: Recipe
    extractor: FeatureExtractor
    model: Model
    calibration: Calibration
    single: SingleFlows | None
    """What evidence is made of; None where no features are windowed."""
    incidents: IncidentCalibration | None
    beginning: Beginning | None
    """The windows and the evidence after the last flow; None where flows have no addresses, or it is too large."""
    usual: UsualRange
    quality: Quality
    watched: Watched
    """When flows were seen."""
    training_rows: NDArray[np.intp]
    """Places in the frame of the rows that the model was trained on."""
    self_test_rows: NDArray[np.float32]
    labels: Mapping[str, int]
    """Rows by label in the whole frame."""
    oddest: pl.DataFrame | None
    """What thresholds stand on, of ``training.oddest``; None where incidents are not what counts. Not in the bundle: it
    names addresses."""
    varying: NDArray[np.bool_]
    """Which features took more than one value among the rows trained on."""

    def bundle(self, name: str, data: Dataset, parent: str | None = None) -> dict[str, bytes]:
        """Give the files of the bundle ``name``, trained on ``data``. Raises ConfigurationError for a bad name."""
        facts = self._facts(data)
        return build_bundle(
            name=name,
            extractor=self.extractor,
            model=self.model,
            calibration=self.calibration,
            single=self.single,
            incidents=self.incidents,
            beginning=self.beginning,
            self_test_rows=self.self_test_rows,
            usual=self.usual,
            training=training_data(data, len(self.training_rows), self.recipe, self.watched),
            parameters=dict(self.recipe.params),
            seeds={"training": self.recipe.seed},
            quality=self.quality.figures,
            parent=parent,
            card=lambda manifest: card(manifest, facts).encode(),
        )

    def _facts(self, data: Dataset) -> CardFacts:
        names = self.extractor.spec.names
        return CardFacts(
            labels=self.labels,
            rejected=data.rejected,
            passed_over=data.passed_over,
            found=self.quality.found,
            folds=self.quality.folds,
            thresholds={rate: self.calibration.threshold(rate) for rate in RATES},
            constant=[name for name, varies in zip(names, self.varying, strict=True) if not varies],
            dropped=float(self.recipe.fitting.get("drop", 0.0)),
            members=shares(self.model),
            directions=[] if self.incidents is None else self.incidents.apart,
        )


class Passing(NamedTuple):
    """Flows of a frame that pass through evidence, in order of time."""

    rows: NDArray[np.intp]
    surprises: Surprises


def train(
    frame: pl.DataFrame,
    recipe: Recipe,
    tell: Tell = lambda _: None,
    partitions: NDArray[np.int32] | None = None,
) -> Trained:
    """Train on a frame of flows in order of time, with its labels where it has any; ``tell`` is told each step.

    ``partitions`` are those that the flows came by; None: those that a topic keyed by source would have them in.
    Raises InputError for too few rows or missing labels, ConfigurationError for a recipe that cannot be followed.
    """
    truth = Truth.of(frame)
    watched = Watched.of(frame["ts"].to_numpy(), ends_of(frame))
    split = split_by_time(frame, recipe.train_on.calm(truth), recipe.holdout, watched)
    chosen = np.flatnonzero(recipe.train_on.rows(truth, split.before(len(frame)), recipe.seed))
    tell(f"computing features of {len(frame):,} flows")
    extractor = FeatureExtractor.fit(frame[chosen], spec_for(frame, recipe))
    windows = fresh_windows(extractor)
    matrix = features_of(extractor, frame, windows, partitions)
    tell(f"training {recipe.kind} on {len(chosen):,} flows{_attacks_among(truth, chosen, recipe)}")
    seen = matrix[chosen]
    names = extractor.spec.names
    width = extractor.spec.single_flows
    model = fit_estimator(recipe.kind, seen, seed=recipe.seed, params=recipe.fitting, names=names, single=width)
    tell(f"calibrating on {len(split.held_out):,} later flows")
    late = matrix[split.held_out]
    judging, held_scores = calibrated(
        model, seen, late, split.held_out_seconds, width, seed=recipe.seed, drop=recipe.drop
    )
    if judging.model is not model:
        tell(f"counting less the members that later flows surprise too much: {shares(judging.model)}")
    evidence, incidents, stand_out = EvidenceState(), None, None
    if has_addresses(frame[split.held_out]):
        earlier = Passing(chosen, judging.surprises(judging.score(seen)))
        held_out = Passing(split.held_out, judging.surprises(held_scores))
        came_by = partitions_of(frame["src_ip"], recipe.partitions) if partitions is None else partitions
        inside = extractor.inside
        suspicion, incidents = learnt_incidents(
            frame, earlier, held_out, evidence, came_by, inside, split.held_out_seconds
        )
        stand_out = None if incidents is None else oddest(frame[split.held_out], suspicion, incidents, inside)
    quality = _measured(frame, matrix, truth, chosen, extractor.spec, recipe, tell)
    return Trained(
        recipe=recipe,
        extractor=extractor,
        model=judging.model,
        calibration=judging.calibration,
        single=judging.single,
        incidents=incidents,
        beginning=ended_with(windows, evidence, tell),
        usual=UsualRange.fit(seen),
        quality=quality,
        watched=watched,
        training_rows=chosen,
        self_test_rows=_sample(seen, recipe.seed),
        labels=label_counts(frame),
        oddest=stand_out,
        varying=np.asarray(seen.min(axis=0) < seen.max(axis=0)),
    )


def _attacks_among(truth: Truth, chosen: NDArray[np.intp], recipe: Recipe) -> str:
    """What is said of labelled attacks among the rows chosen, where nobody asked for them."""
    count = int(truth.attack[chosen].sum())
    if not count or recipe.train_on.attacks_per_normal is not None:
        return ""
    return f", of which {count:,} are labelled attacks: --train-on normal leaves these out"


def spec_for(frame: pl.DataFrame, recipe: Recipe) -> FeatureSpec:
    """List the features that the flows allow: sets without addresses have neither address features nor windows."""
    extra = extra_columns(frame)
    if has_addresses(frame):
        return build_spec(extra=extra, windows=recipe.windows, partitions=recipe.partitions, inside=recipe.inside)
    families = [name for name in FAMILIES if name not in ADDRESS_FAMILIES]
    return build_spec(families, extra=extra, partitions=recipe.partitions)


def learnt_incidents(  # noqa: PLR0917 - what passes, and through what
    frame: pl.DataFrame,
    earlier: Passing,
    held_out: Passing,
    state: EvidenceState,
    came_by: NDArray[np.int32],
    inside: Networks = NOWHERE,
    seconds: float | None = None,
) -> tuple[Suspicion, IncidentCalibration | None]:
    """Weigh the held-out flows, after those trained on, and calibrate on them; None where they span no time.

    Both go into ``state``. ``seconds`` were watched by the held-out flows; None for what they span.
    """
    suspect(frame[earlier.rows], earlier.surprises, state, came_by[earlier.rows])
    later = frame[held_out.rows]
    suspicion = suspect(later, held_out.surprises, state, came_by[held_out.rows])
    return suspicion, calibrate_incidents(later, suspicion, inside, seconds)


def ended_with(windows: WindowState | None, evidence: EvidenceState, tell: Tell = lambda _: None) -> Beginning | None:
    """What a daemon begins with: the state after the last flow of training."""
    parts: dict[str, WindowState | EvidenceState] = {"evidence": evidence, **({"windows": windows} if windows else {})}
    partitions = sorted(set[int]().union(*(part.partitions for part in parts.values())))
    kept = {n: {name: part.snapshot(n) for name, part in parts.items() if n in part.partitions} for n in partitions}
    clocks = [clock for part in parts.values() for n in kept if (clock := part.event_time_s(n)) is not None]
    beginning = Beginning(max(clocks, default=0.0), kept)
    if beginning.size > MAX_BYTES:
        tell(f"the state after training, {beginning.size >> 20} MiB, is too large to ship: daemons begin without it")
        return None
    return beginning if clocks else None


def _measured(  # noqa: PLR0917  (what is measured, row by row)
    frame: pl.DataFrame,
    matrix: NDArray[np.float32],
    truth: Truth,
    chosen: NDArray[np.intp],
    spec: FeatureSpec,
    recipe: Recipe,
    tell: Tell,
) -> Quality:
    if recipe.folds < 2 or not (truth.attack.any() and truth.benign.any()):
        return Quality.unknown()
    tell(f"measuring on labels: {recipe.folds} trainings on parts")

    def fit(rows: NDArray[np.intp], fold: int) -> Model:
        seed, params = recipe.seed + fold, recipe.fitting
        return fit_estimator(
            recipe.kind, matrix[rows], seed=seed, params=params, names=spec.names, single=spec.single_flows
        )

    return measure(matrix, truth, frame[LABEL], chosen, recipe.folds, fit)


def training_data(data: Dataset, rows: int, recipe: Recipe, watched: Watched) -> TrainingData:
    """The facts about the data that go into the manifest."""
    return TrainingData(
        rows=rows,
        rows_read=len(data.frame),
        sources=sources_of(data),
        format=data.format,
        train_on=recipe.train_on.text,
        start=watched.start,
        end=watched.end,
        watched_s=watched.seconds,
        sha256=data.sha256,
    )


def sources_of(data: Dataset) -> tuple[str, ...]:
    """Names of the files without folders; of a topic, each partition's range of offsets."""
    if data.topic is None:
        return tuple(PurePath(source).name for source in data.sources)
    ranges = data.frame.group_by(SOURCE).agg(pl.col(OFFSET).min().alias("first"), pl.col(OFFSET).max().alias("last"))
    return tuple(f"{data.sources[number]} offsets {a} to {b}" for number, a, b in ranges.sort(SOURCE).rows())


def label_counts(frame: pl.DataFrame) -> dict[str, int]:
    """Rows by label, the commonest first; those without one as :data:`UNLABELLED`."""
    if LABEL not in frame.columns:
        return {UNLABELLED: len(frame)}
    counts = Counter({label or UNLABELLED: count for label, count in frame[LABEL].value_counts().rows()})
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _sample(rows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    wanted = min(SELF_TEST_SAMPLE, len(rows))
    places = np.sort(np.random.default_rng(seed).choice(len(rows), wanted, replace=False))
    return rows[places]
