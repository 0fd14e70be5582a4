"""The gate: measures a trained model, alone and beside the champion, and says whether it may score.

What cannot be measured is told, and refuses nothing; what is measured and too little, does. Nothing is published here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.errors import InputError, OddflowError
from detector.registry.names import CHAMPION
from detector.registry.registry import Registry, RegistryUnreachableError
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.evaluation.by_time import ByTime
from training.evaluation.by_time import by_time as by_time_of
from training.evaluation.measure import marked_of, measure_and_keep
from training.evaluation.prepared import settled
from training.evaluation.protocol import protocol_of
from training.evaluation.report import Protocol, Report
from training.gate.again import Again
from training.gate.against import against
from training.gate.facts import Facts, Known
from training.gate.known import known_of
from training.gate.measured import (
    LEAST_DRIFT_ROWS,
    drift,
    own_features,
    own_roc_auc,
    records_of,
    speed,
)
from training.lessons.lessons import Lessons
from training.train import Recipe, TellStep

USUAL_BUDGET = 10.0
"""False incidents a day that are tested for where alerts are not counted so."""


def budget_of(settings: Settings) -> float:
    """False incidents a day that are tested for."""
    return settings.alerts.false_incidents_per_day or USUAL_BUDGET


def protocol_for(recipe: Recipe, settings: Settings) -> Protocol | None:
    """How ``train`` measures: as many folds as it is told; None where it is told not to measure."""
    if recipe.folds < 2:
        return None
    return protocol_of(folds=recipe.folds, repeats=1, seed=recipe.seed, incidents_per_day=budget_of(settings))


@dataclass(frozen=True, slots=True)
class Tested:
    """What was measured of a recipe."""

    report: Report | None = None
    by_time: ByTime | None = None
    why: str = ""
    """There is no report."""


def tested(read: Dataset, recipe: Recipe, settings: Settings, tell: TellStep) -> Tested:
    """Measure the recipe on these flows, unless it is not to be measured, or cannot be."""
    protocol = protocol_for(recipe, settings)
    if protocol is None:
        return Tested(why="nothing was measured: --folds is less than 2")
    tell(f"measuring: {recipe.folds} trainings on parts, {protocol.time_splits} on what came before")
    try:
        measured = measure_and_keep(read.frame, recipe, protocol=protocol, partitions=recipe.came_by(read))
    except InputError as error:
        return Tested(why=f"nothing could be measured: {error}")
    return Tested(measured.report, measured.by_time if measured.by_time.runs else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """What is in charge."""

    version: str | None
    """None where nothing is."""
    model: LoadedModel | None = None
    why: str = ""
    """Why it cannot be compared with, where there is one."""

    @classmethod
    def of(cls, registry: Registry, name: str) -> Champion:
        """Fetch it. One that is broken is no reason not to train a better one. Raises RegistryError if unreachable."""
        version = registry.aliases(name).get(CHAMPION)
        if version is None:
            return cls(version=None)
        try:
            return cls(version=version, model=read_bundle(registry.fetch(name, version)))
        except RegistryUnreachableError:
            raise
        except OddflowError as error:
            return cls(version=version, why=f"the champion {version} cannot be compared with: {error}")


def facts_of(  # noqa: PLR0917 - what is judged
    candidate: LoadedModel,
    bundle_bytes: int,
    read: Dataset,
    tested: Tested,
    known: Known | None,
    budget: float,
) -> Facts:
    """Measure all that does not depend on the champion."""
    missing: Mapping[str, str] = {}
    if tested.report is None:
        rules = ("least_roc_auc", "least_recall", "least_attacks_found", "most_false_incidents")
        missing = dict.fromkeys(rules, tested.why)
    return Facts(
        records=records_of(read),
        bundle_bytes=bundle_bytes,
        records_per_s=speed(candidate, read.frame),
        budget=budget,
        report=tested.report,
        own_roc_auc=own_roc_auc(candidate, tested.by_time),
        known=known,
        own_features=own_features(read.frame),
        missing=missing,
    )


def judged_by_people(lessons: Lessons, candidate: LoadedModel, whole: Dataset, settings: Settings) -> Known | None:
    """Hold what people said of flows against what the model raises of them, were they to come again."""
    told = lessons.told
    if not told.are_there:
        return None
    asked = any(len(each.rows) for each in lessons.asked)
    raised = np.zeros(len(whole.frame), np.bool_)
    if asked:
        raised = Again.of(candidate, whole, budget_of(settings)).raised(lessons.keep, lessons.asked)
    return replace(known_of(lessons.asked, raised), said_false=told.false, held_back=lessons.held_back)


def beside(  # noqa: PLR0917 - what is compared
    facts: Facts, champion: Champion, read: Dataset, recipe: Recipe, by_time: ByTime | None, settings: Settings
) -> Facts:
    """Add what the champion says of the same flows, in the runs ``by_time``; None: they are made."""
    if champion.model is None:
        missing = dict(facts.missing)
        if champion.why:
            missing |= dict.fromkeys(("largest_loss", "most_drifted_features"), champion.why)
        return replace(facts, champion=champion.version, missing=missing, paired=None, drift=None)
    missing, paired, drifted = dict(facts.missing), None, None
    if settings.gate.largest_loss is not None:
        try:
            paired = against(by_time or _by_time(read, recipe, settings), champion.model)
        except OddflowError as error:
            missing["largest_loss"] = f"the champion {champion.version} could not be compared with: {error}"
    if settings.gate.most_drifted_features is not None and champion.model.sample is not None:
        drifted, why = _drift(champion.model, read)
        if why:
            missing["most_drifted_features"] = why
    return replace(facts, champion=champion.version, missing=missing, paired=paired, drift=drifted)


def _by_time(read: Dataset, recipe: Recipe, settings: Settings) -> ByTime:
    whole = marked_of(read.frame, recipe, recipe.came_by(read))
    protocol = protocol_of(seed=recipe.seed, incidents_per_day=budget_of(settings))
    return by_time_of(whole, recipe, settled(whole, recipe, protocol, []))


def _drift(champion: LoadedModel, read: Dataset) -> tuple[Mapping[str, float] | None, str]:
    sample = champion.sample
    if sample is None or min(sample.rows, len(read.frame)) < LEAST_DRIFT_ROWS:
        return None, f"there are fewer than {LEAST_DRIFT_ROWS:,} flows to compare with the champion's training"
    try:
        return drift(sample, champion, read), ""
    except OddflowError as error:
        return None, f"the champion's features cannot be computed of these flows: {error}"
