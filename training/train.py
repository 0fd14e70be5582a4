"""From flows to a model: choose rows, learn features and model, calibrate on the same time.

The steps, for a frame in order of time: choose what to train on and what is taken for benign; learn from all of it,
each stretch judged by what did not see it (``training.learn``). How good that is, ``training.evaluation`` measures. All
randomness comes from the recipe's seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.files import build_bundle
from detector.bundle.initial_state import MAX_BYTES, InitialState
from detector.bundle.manifest import LabelsTaught, TrainingData
from detector.decisions.budget import IncidentCalibration
from detector.features.extra import extra_columns, has_addresses
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.perflow import FAMILIES
from detector.features.spec import FeatureSpec
from detector.features.windows import default_windows
from detector.models.base import Model
from detector.models.baseline_ranges import BaselineRanges
from detector.models.calibration import Calibration
from detector.models.ensemble import Ensemble
from detector.models.single_flows import SingleFlows
from detector.models.training_sample import TrainingSample
from detector.records.flow import LABEL
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.flow_state import FlowState
from training.calibration_audit import oddest
from training.cards.card import card_files
from training.cards.facts import NOTHING_TOLD, RATES, CardFacts, Parent, Told
from training.cards.matters import shares_of
from training.cards.words import span
from training.cut_incidents import Cut, learn_without
from training.estimators import DROPPED
from training.evaluation.headline import quality_of
from training.feature_choice import without
from training.labels import TrainOn, Truth
from training.learn import Attacks, Choice, Fitting, Learnt, learn
from training.member_weights import shares
from training.watched import DAY_S, Watched, ends_of

TellStep = Callable[[str], None]

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
    """Finds more than a forest alone, at twice the cost; where it is weak is in docs/explanation/models.md."""
    train_on: TrainOn = field(default_factory=lambda: TrainOn.parse("all"))
    seed: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    """The estimator's own, by its library's names."""
    folds: int = 5
    """How many times it is trained on a part and measured on the rest; fewer than 2: not measured."""
    windows: Mapping[str, Any] | None = field(default_factory=default_windows)
    """Parameters of the windowed features; None: none."""
    partitions: int = 1
    """Of the topic that will be read: windows are computed over each by itself."""
    inside: tuple[str, ...] = ()
    """Networks in CIDR that are inside though their addresses are public."""
    leave_out: tuple[str, ...] = ()
    """Features that the model does without: by family, by name, or by a pattern such as ``pair_*`` or ``*_10s``."""
    learns: bool = True
    """Whether a forest's leaves are learnt from flows that people judged, where there are any."""
    cut: bool = False
    """Whether what a first model finds as one incident is left out; never where rows are chosen by their labels."""

    @property
    def told(self) -> dict[str, Any]:
        """What a manifest tells of its parameters."""
        left_out = {"leave_out": ",".join(self.leave_out)} if self.leave_out else {}
        return {**self.params, **left_out}

    def came_by(self, read: Dataset) -> NDArray[np.int32] | None:
        """The partition of each flow, where the topic read has as many as the recipe names; None: by their sources."""
        return read.partitions if self.partitions == len(read.sources) else None

    def over(self, read: Dataset) -> Recipe:
        """The same with the partitions of the topic that flows were read from; as it is for those of files."""
        return self if read.topic is None else replace(self, partitions=len(read.sources))

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

    def fitted_by(self, attacks: Attacks | None = None) -> Fitting:
        """What is fitted, and how; ``attacks`` are flows that people judged true."""
        return Fitting(
            kind=self.kind,
            seed=self.seed,
            params=self.fitting,
            drop=self.drop,
            learns=self.learns,
            attacks=attacks,
        )

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
    beginning: InitialState | None
    """The windows and the evidence after the last flow; None where flows have no addresses, or it is too large."""
    usual: BaselineRanges
    sample: TrainingSample
    watched: Watched
    """When flows were seen."""
    training_rows: NDArray[np.intp]
    """Places in the frame of the rows that the model was trained on."""
    self_test_rows: NDArray[np.float32]
    labels: Mapping[str, int]
    """Rows by label in the whole frame."""
    oddest: pl.DataFrame | None
    """What thresholds stand on, of ``training.calibration_audit``; None where incidents are not what counts. Not in the
    bundle: it names addresses."""
    cut: Cut
    """What was left out since it stands out as one incident. The bundle has the numbers alone, for the same reason."""
    matters: Mapping[str, float]
    """By feature: what the oddest flows' scores are made of; of ``training.cards.matters``."""
    varying: NDArray[np.bool_]
    """Which features took more than one value among the rows trained on."""

    def doubts(self, incidents_per_day: float) -> list[str]:
        """What is to be said where so many false incidents a day cannot be kept to, a sentence each."""
        told = []
        if self.watched.at_weekends_alone:
            told.append(
                "all flows are of a weekend: what hosts do on working days will be new to the model, and raised; train"
                " on a working day, too"
            )
        if self.incidents is not None and incidents_per_day and incidents_per_day * self.incidents.days < 1:
            told.append(
                f"{incidents_per_day:g} false incidents a day are fewer than one in the"
                f" {span(self.incidents.seconds)} that it was calibrated on, so that their threshold is beyond all that"
                f" was seen; train on {span(DAY_S / incidents_per_day)} or more"
            )
        return told

    def bundle(
        self,
        name: str,
        data: Dataset,
        parent: Parent | None = None,
        others: Mapping[str, bytes] | None = None,
        told: Told = NOTHING_TOLD,
    ) -> dict[str, bytes]:
        """Give the files of the bundle ``name``, trained on ``data``, with ``others`` that go along.

        The card tells what it takes the place of, and what was ``told`` of it. Raises ConfigurationError for a bad
        name.
        """
        facts = self._facts(data, parent, told)
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
            sample=self.sample,
            training=training_data(data, len(self.training_rows), self.recipe, self.watched, told.taught),
            parameters=self.recipe.told,
            seeds={"training": self.recipe.seed},
            quality=quality_of(told.report),
            parent=None if parent is None else parent.version,
            card=lambda manifest: card_files(manifest, facts),
            others=others,
        )

    def _facts(self, data: Dataset, parent: Parent | None, told: Told) -> CardFacts:
        names = self.extractor.spec.names
        return CardFacts(
            labels=self.labels,
            rejected=data.rejected,
            passed_over=data.passed_over,
            thresholds={rate: self.calibration.threshold(rate) for rate in RATES},
            constant=[name for name, varies in zip(names, self.varying, strict=True) if not varies],
            dropped=float(self.recipe.fitting.get("drop", 0.0)),
            cut=_told_of_cut(self.cut),
            members=shares(self.model),
            directions=[] if self.incidents is None else self.incidents.apart,
            matters=self.matters,
            report=told.report,
            verdict=told.verdict,
            parent=parent,
            drift=told.drift,
        )


def train(
    frame: pl.DataFrame,
    recipe: Recipe,
    tell: TellStep = lambda _: None,
    partitions: NDArray[np.int32] | None = None,
    attacks: Attacks | None = None,
) -> Trained:
    """Train on a frame of flows in order of time, with its labels where it has any; ``tell`` is told each step.

    ``partitions`` are those that the flows came by; None: those that a topic keyed by source would have them in.
    ``attacks`` are flows that people judged true, which are not in the frame.

    Raises InputError for too few rows or missing labels, ConfigurationError for a recipe that cannot be followed.
    """
    return train_and_keep(frame, recipe, tell, partitions, attacks)[0]


def train_and_keep(
    frame: pl.DataFrame,
    recipe: Recipe,
    tell: TellStep = lambda _: None,
    partitions: NDArray[np.int32] | None = None,
    attacks: Attacks | None = None,
) -> tuple[Trained, Learnt]:
    """Train likewise, and give what was learnt on the way: how odd each flow is by what did not see it."""
    truth = Truth.of(frame)
    calm = recipe.train_on.calm(truth)
    chosen = recipe.train_on.rows(truth, np.ones(len(frame), np.bool_), recipe.seed)
    watched = Watched.of(frame["ts"].to_numpy(), ends_of(frame))
    among = _attacks_among(truth, chosen, recipe)
    if among:
        tell(among)
    choice, spec, fitting = (
        Choice(calm=calm, chosen=chosen, peaceful=~truth.attack),
        spec_for(frame, recipe),
        recipe.fitted_by(attacks),
    )

    def learning(of: Choice) -> Learnt:
        return learn(frame, of, spec, fitting, watched, partitions, tell)

    if recipe.cut and not recipe.train_on.needs_labels:
        learnt, cut = learn_without(frame, choice, learning, tell)
    else:
        learnt, cut = learning(choice), Cut.nothing(len(frame))
    tell(f"calibrated on {len(learnt.calm):,} flows, watched for {span(learnt.judging.calibration.seconds)}")
    seen = learnt.matrix
    stand_out = None
    if learnt.incidents is not None and learnt.assessment is not None:
        stand_out = oddest(frame[learnt.calm], learnt.assessment, learnt.incidents, learnt.extractor.inside)
    trained = Trained(
        recipe=recipe,
        extractor=learnt.extractor,
        model=learnt.judging.model,
        calibration=learnt.judging.calibration,
        single=learnt.judging.single,
        incidents=learnt.incidents,
        beginning=ended_with(learnt.state, tell),
        usual=BaselineRanges.fit(seen, learnt.known),
        sample=TrainingSample.fit(seen, learnt.known),
        watched=watched,
        training_rows=learnt.rows,
        self_test_rows=_sample(seen, recipe.seed),
        labels=label_counts(frame),
        oddest=stand_out,
        cut=cut,
        matters=shares_of(learnt.judging.model, seen, learnt.judged.scores.overall, learnt.extractor.spec.names),
        varying=np.asarray(seen.min(axis=0) < seen.max(axis=0)),
    )
    return trained, learnt


def _attacks_among(truth: Truth, chosen: NDArray[np.bool_], recipe: Recipe) -> str:
    """What is said of labelled attacks among the rows chosen, where nobody asked for them."""
    count = int(truth.attack[chosen].sum())
    if not count or recipe.train_on.attacks_per_normal is not None:
        return ""
    return f"of the flows to train on, {count:,} are labelled attacks: --train-on normal leaves these out"


def spec_for(frame: pl.DataFrame, recipe: Recipe) -> FeatureSpec:
    """List the features that the flows allow: sets without addresses have neither address features nor windows.

    Raises ConfigurationError where the recipe leaves out all of them, or what is no feature.
    """
    extra = extra_columns(frame)
    if has_addresses(frame):
        spec = build_spec(extra=extra, windows=recipe.windows, partitions=recipe.partitions, inside=recipe.inside)
    else:
        families = [name for name in FAMILIES if name not in ADDRESS_FAMILIES]
        spec = build_spec(families, extra=extra, partitions=recipe.partitions)
    return without(spec, recipe.leave_out)


def ended_with(state: FlowState, tell: TellStep = lambda _: None) -> InitialState | None:
    """What a daemon begins with: the state after the last flow of training."""
    parts = state.parts
    partitions = sorted(set[int]().union(*(part.partitions for part in parts.values())))
    kept = {n: {name: part.snapshot(n) for name, part in parts.items() if n in part.partitions} for n in partitions}
    clocks = [clock for part in parts.values() for n in kept if (clock := part.event_time_s(n)) is not None]
    beginning = InitialState(max(clocks, default=0.0), kept)
    if beginning.size > MAX_BYTES:
        tell(f"the state after training, {beginning.size >> 20} MiB, is too large to ship: daemons begin without it")
        return None
    return beginning if clocks else None


def training_data(
    data: Dataset, rows: int, recipe: Recipe, watched: Watched, taught: LabelsTaught | None = None
) -> TrainingData:
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
        dataset=data.dataset or msgspec.UNSET,
        dataset_sha256=data.dataset_sha256 or msgspec.UNSET,
        taught=taught if taught and taught.are_there else msgspec.UNSET,
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


def _told_of_cut(cut: Cut) -> str:
    """What a card says: numbers, no addresses."""
    return f"{cut.flows:,} flows of {len(cut.incidents):,} sources, destinations or pairs" if cut.flows else "none"


def _sample(rows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    wanted = min(SELF_TEST_SAMPLE, len(rows))
    places = np.sort(np.random.default_rng(seed).choice(len(rows), wanted, replace=False))
    return rows[places]
