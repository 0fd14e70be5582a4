"""What a card is made from, beyond the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from detector.bundle.manifest import LabelsTaught, Manifest
from detector.bundle.verdict import Verdict
from training.evaluation.report import Report

RATES = (0.01, 0.001, 0.0001)
"""Budgets whose thresholds are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The model that this one is to take the place of, as far as it can be read."""

    version: str
    manifest: Manifest | None = None
    report: Report | None = None
    why_not: str = ""
    """Why it cannot be compared with; empty where it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What others know of a model beyond its training."""

    report: Report | None = None
    verdict: Verdict | None = None
    drift: Mapping[str, float] | None = None
    """By feature: population stability index against the parent's training; None where it is not known."""
    taught: LabelsTaught | None = None
    """What people's labels taught it."""


NOTHING_TOLD = Told()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the card tells beyond the manifest."""

    labels: Mapping[str, int]
    """Flows by label in all that was read."""
    rejected: Mapping[str, int]
    passed_over: Mapping[str, int]
    thresholds: Mapping[float, float]
    """The score that alerts begin at, by false-positive rate."""
    constant: Sequence[str] = field(default=())
    """Features that had one value throughout the training rows."""
    dropped: float = 0.0
    """Share of the training rows that the model was fitted without, as the oddest: attacks may be among them."""
    cut: str = "none"
    """How many flows were left out since they stand out as one incident."""
    members: str = ""
    """How much each member of an ensemble counts; empty for other kinds."""
    directions: Sequence[str] = field(default=())
    """Directions of flows that have thresholds of their own where false incidents are counted."""
    matters: Mapping[str, float] = field(default_factory=dict)
    """By feature: see :func:`training.cards.matters.shares_of`."""
    report: Report | None = None
    verdict: Verdict | None = None
    parent: Parent | None = None
    drift: Mapping[str, float] | None = None
    """By feature: population stability index against the parent's training; None where it is not known."""
