"""Measuring a model's scores against labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.table import Table

from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget
from detector.decisions.passed import evidence_keys
from detector.drift.familiarity import Raised
from detector.printable import printable
from detector.records.flow import LABEL
from detector.scoring.dataset import Dataset
from detector.scoring.scorer import Scored
from training.cards.words import WORDS
from training.detection_at_budget import found_figures
from training.labels import Truth
from training.metrics import FOUND_AT, figures, found_by_label
from training.overlap import Overlap, overlap
from training.text import plain_text

BUDGETS = (0.01, 0.001)
"""P-values at which the share of benign flows raised is told: what the calibration promises to keep below."""


def evaluate(model: LoadedModel, read: Dataset, scored: Scored, budget: Budget) -> dict[str, Any]:
    """Give the figures of ``training.metrics`` over the rows with a label, and which rows those are.

    ``rows`` counts every row scored, ``unlabelled`` those in no figure. ``benign_raised_at_p_X`` is the share of benign
    rows with a p-value of at most X, and ``found`` the share of each label's rows above all but 1 % of the benign ones.
    ``raised`` tells how many benign ones are raised at ``budget``: most where the model does not know the network
    (``network_known``). ``trained_on`` tells of flows that the model was, or may have been, trained on.
    """
    frame = read.frame
    truth = Truth.of(frame)
    raised = raised_at(model, scored, truth, budget)
    same = overlap(model.manifest.training, read)
    known = np.flatnonzero(truth.known)
    scores, attacks = scored.scores[known], truth.attack[known]
    told = figures(scores, attacks)
    found = found_by_label(scores, attacks, frame[LABEL].gather(known)) if 0 < attacks.sum() < len(attacks) else {}
    return {
        **told,
        "rows": len(frame),
        "unlabelled": len(frame) - len(known),
        **{f"benign_raised_at_p_{p}": _raised(scored.p_values[truth.benign], p) for p in BUDGETS},
        "found": dict(sorted(found.items())),
        **_by_incidents(frame, scored, truth),
        "raised": {"raised": raised.raised, "flows": raised.flows, "harmless": raised.harmless},
        "network_known": not raised.unknown,
        "trained_on": None if same is None else {"flows": same.flows, "certain": same.certain, "why": same.why},
        "model": model.name,
        "version": model.version,
    }


def raised_at(model: LoadedModel, scored: Scored, truth: Truth, budget: Budget) -> Raised:
    """How many flows labelled benign would be raised; where there are none, of those that are no known attacks."""
    if scored.rates is None or budget.incidents_per_day is None or budget.alerts_per_hour is not None:
        raised = scored.p_values <= budget.share(model.calibration)
    else:
        raised = scored.rates <= budget.incidents_per_day
    harmless = bool(truth.benign.any())
    among = truth.benign if harmless else ~truth.attack
    return Raised(int((raised & among).sum()), int(among.sum()), harmless)


def doubts(found: Mapping[str, Any]) -> list[str]:
    """Why the figures cannot be relied on, a sentence each; none where nothing speaks against them."""
    same = None if found["trained_on"] is None else Overlap(**found["trained_on"])
    return doubts_of(f"{found['model']} {found['version']}", same, Raised(**found["raised"]), found["rows"])


def doubts_of(model: str, same: Overlap | None, raised: Raised, rows: int) -> list[str]:
    """The same, of a model's name and version, and of so many flows."""
    told = [same.told(rows)] if same is not None and same.certain else []
    return [*told, raised.told(model)] if raised.unknown else told


def _by_incidents(frame: pl.DataFrame, scored: Scored, truth: Truth) -> dict[str, Any]:
    return found_figures(scored.rates, evidence_keys(frame).targets, frame["ts"].to_numpy(), truth.attack, truth.benign)


def show(found: Mapping[str, Any]) -> str:
    """Write the figures as a table for people."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("model", f"{found['model']} {found['version']}")
    table.add_row(
        "flows", f"{found['rows']:,}, {found['positives']:,} attacks, {found['unlabelled']:,} without a label"
    )
    for name, value in found.items():
        if name in WORDS:
            table.add_row(WORDS[name], _number(value))
    for p in BUDGETS:
        table.add_row(f"Benign flows with a p-value of at most {p}", _number(found[f"benign_raised_at_p_{p}"]))
    for budget, share in found["found_at_false_incidents"].items():
        first = found["seconds_to_first_alert"][budget]
        after = "" if first is None else f", the first after {first:,.0f} s"
        table.add_row(f"Attack flows found at {budget} false incidents", _number(share) + after)
    for label, share in found["found"].items():
        table.add_row(f"Found of {printable(label)}, at {FOUND_AT:.0%} false positives", _number(share))
    raised = Raised(**found["raised"])
    table.add_row(f"{'Benign flows' if raised.harmless else 'Flows'} raised", f"{raised.raised:,} of {raised.flows:,}")
    if (same := found["trained_on"]) is not None and not same["certain"]:
        table.add_row("Note", Overlap(**same).told(found["rows"]))
    return plain_text(table, width=100)


def _raised(p_values: NDArray[np.float64], budget: float) -> float | None:
    return float((p_values <= budget).mean()) if len(p_values) else None


def _number(value: float | None) -> str:
    return "not known: it needs labelled attacks and benign flows" if value is None else f"{value:.4f}"
