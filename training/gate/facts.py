"""What the gate's rules judge by: what was measured of a model, of its data, and of it beside the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from training.evaluation.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A model beside the champion, on the same later flows."""

    champion: str
    """Its version."""
    attacks: int
    lost: float
    """Mean over the attacks of the share of flows that the champion raises and the new model does not; below 0: won."""
    interval: tuple[float, float]
    """In which it lies with 95 %, by resampling attacks."""
    false_champion: float
    """False incidents a day."""
    false_model: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What people have judged, and what the model says of it."""

    judged_false: int
    """Judgements that were found among the flows."""
    raised_again: tuple[str, ...]
    """Ids of those of them that would be raised."""
    judged_true: int
    lost: tuple[str, ...]
    absent: int
    """Judgements whose flows are not in the data."""
    said_false: int = 0
    """Labels false that teach."""
    held_back: Mapping[str, int] = field(default_factory=dict)
    """By who said them: labels false that the guards held back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What was read."""

    total: int
    unusable: int
    """For other reasons than their time."""
    time_apart: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it; what is None could not be measured, and ``missing`` says by rule why."""

    records: Records
    bundle_bytes: int
    records_per_s: float
    budget: float
    """False incidents a day asked for; 0: alerts are not counted so."""
    report: Report | None = None
    """Of the recipe: of models that were trained on parts of the flows."""
    own_roc_auc: float | None = None
    """Of the model itself, on flows that it has seen, with attacks among them."""
    paired: Paired | None = None
    known: Known | None = None
    drift: Mapping[str, float] | None = None
    """By feature: population stability index of the new flows against the champion's training."""
    own_features: Mapping[str, float] | None = None
    """By feature of the user's own: how well it tells labelled attacks by itself, as ROC AUC of 0.5 to 1."""
    champion: str | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
