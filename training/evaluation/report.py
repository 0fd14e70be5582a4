"""What an evaluation found, as one document: ``evaluation.json`` of a bundle, and what gate, card and tables read.

Every figure is a :class:`Spread` over runs, never one lucky number. Shares are 0 to 1, times seconds, rates per day of
watched time. Nothing in it names an address of a host outside; segments name subnets of inside ones.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from detector.bundle.document import decode_document, encode_document
from detector.errors import InputError

REPORT_VERSION = 1

REPORT = "evaluation.json"
"""The file of a bundle that holds it."""


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A figure over runs: what to expect, and within which range."""

    mean: float
    least: float
    most: float
    interval: tuple[float, float]
    """In which the mean lies with 95 %. Over random splits: by Student's t, its variance made larger since runs share
    training rows (Nadeau and Bengio 2003); both ends are the mean where there was one run. Over splits by time: of
    resamples of whole attacks and blocks of the tested flows; what another training would give is not in it."""
    runs: tuple[float, ...]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How it was measured."""

    folds: int
    repeats: int
    """Random splits: ``folds`` × ``repeats`` runs."""
    time_splits: int
    """Runs on flows later than all that were trained on."""
    block_s: float
    """Flows of one source within so many seconds are never on both sides of a random split."""
    prevalence: float
    """Share of attacks that precision and recall are told at, by resampling."""
    resamples: int
    attacks: Literal["labelled", "transplanted", "none"]
    """Where attacks come from: labels of the data, or the simulator's, put on the data's own hosts."""
    incidents_per_day: float
    """The budget that flows were raised at."""
    seed: int
    most_rows: int
    """More rows are not trained on, nor as many more tested, in one random run; a sample of whole blocks is."""
    most_flows: int
    """More flows are not in the splits by time; those of a sample of sources are, whole."""
    tested_from: float | None = None
    """Splits by time test flows from then on alone; None: those of the second half of the time watched."""


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it was measured on."""

    rows: int
    attack_rows: int
    start: float
    end: float
    watched_s: float
    hosts: int
    """Inside addresses that began a flow."""


class AttackFound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How well one kind of attack is found at the budget, over the runs by time."""

    kind: str
    """The label, or the simulator's name of the kind."""
    attacks: int
    """How many such attacks there were, over all runs."""
    flows: int
    found: Spread
    """Share of the attacks with at least one flow raised."""
    flows_found: Spread
    seconds: float | None
    """Median time from an attack's first flow to the first that is raised; None if none is."""


class BudgetObtained(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """False incidents a day asked for, and those raised on days that were not trained on."""

    asked: float
    obtained: Spread
    days: float
    """Watched, over all runs."""


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the traffic, by which a bias or a blind spot shows."""

    by: Literal["service", "subnet", "direction", "hour"]
    value: str
    benign: int
    attacks: int
    benign_raised: float
    """Share of its benign flows that is raised at the budget."""
    incidents_per_day: float
    """False incidents in it."""
    recall: float | None
    """Share of its attack flows that is raised; None where there are none."""


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A curve over the runs: at each ``x``, the mean, the least and the most of y."""

    x: tuple[float, ...]
    mean: tuple[float, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]


class Histogram(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Scores of unseen rows; one more edge than counts."""

    edges: tuple[float, ...]
    benign: tuple[int, ...]
    attacks: tuple[int, ...]


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A figure of the usual recipe and of the one chosen, on the same flows, which had no part in choosing."""

    name: str
    usual: Spread
    chosen: Spread
    gain: float
    """Chosen less usual."""
    interval: tuple[float, float]
    """In which the gain lies with 95 %, by resampling attacks and blocks for both alike."""


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a recipe was chosen, what that cost, and what it was good for."""

    objective: str
    """What was chosen by: a mean over random splits of the flows before ``untouched_from``."""
    untouched_from: float
    """Flows from then on had no part in choosing; the report is of these alone."""
    space: tuple[str, ...]
    """All that was chosen from."""
    chosen: dict[str, str | int | float | bool | None]
    """Parameters in which the chosen recipe differs from the usual one."""
    left_out: tuple[str, ...]
    """Features that it does without."""
    usual_value: float
    """The objective of the usual recipe."""
    chosen_value: float
    """That of the chosen one: the best of many, so more than it is worth."""
    trials: int
    """That ended; of these, ``pruned`` were given up before their last split, and ``failed`` could not be trained."""
    pruned: int
    failed: int
    cut_off: int
    """That an interruption ended, beside those."""
    seconds: float
    """What the trials took, by the clock."""
    processor_seconds: float
    workers: str
    """Where they ran."""
    beside: tuple[Beside, ...]
    verdict: str
    """A sentence: whether the chosen one is better where it was not chosen."""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The whole of it. Figures by name: ``roc_auc``, ``average_precision_at_prevalence_0.0001`` (were 1 in 10,000 flows
    an attack), ``tpr_at_fpr_0.01``, ``tpr_at_fpr_0.001`` (of flows by score); ``precision``, ``recall`` (of flows at
    the prevalence, raised at the budget; over random splits, beyond all but one in a thousand of the other folds'
    benign rows); ``precision_at_prevalence_X`` (as many raised as there are attacks, at the prevalence X); by time
    alone ``false_incidents_per_day``, and ``attacks_found`` (share of the attacks with a flow raised at the budget)."""

    report_version: int
    created: str
    """UTC, ISO 8601."""
    kind: str
    model: str | None = None
    """Name and version of the published model that was measured; None where a recipe's runs were."""
    parameters: dict[str, str | int | float | bool | None]
    protocol: Protocol
    data: Data
    random: dict[str, Spread]
    """Over the repeated random splits."""
    by_time: dict[str, Spread]
    """Over the splits by time; of a published model over the flows that it was given, as one run."""
    attacks: tuple[AttackFound, ...]
    budget: tuple[BudgetObtained, ...]
    segments: tuple[Segment, ...]
    roc: Band | None
    """x: false-positive rate, y: true-positive rate; None without attacks."""
    precision_recall: Band | None
    """x: recall, y: precision at the protocol's prevalence."""
    scores: Histogram
    notes: tuple[str, ...]
    """Sentences on what could not be measured and why."""
    seconds: float
    """What it took."""
    search: Search | None = None
    """Of a recipe that was searched for."""

    def encode(self) -> bytes:
        """The document's bytes: the same report gives the same bytes."""
        return encode_document(self)


def decode_report(data: bytes) -> Report:
    """Read ``evaluation.json``. Raises InputError for anything else."""
    return decode_document(
        data, Report, REPORT, "report_version", REPORT_VERSION, InputError, "evaluate the model again"
    )
