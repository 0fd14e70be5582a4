"""How well scores tell attacks from the rest: figures of one labelled set, independent of its share of attacks.

Scores that are equal alert together or not at all; no figure interpolates between thresholds that scores allow. So a
detector gains nothing by ties. Let *P* rows be attacks and *N* be benign; a threshold *t* raises every row whose
score is at least *t*, TPR(t) of the attacks and FPR(t) of the benign rows.

``roc_auc``
    Probability that an attack scores above a benign row, a tie counting half (Mann–Whitney's U over P·N).
``average_precision``
    Σ (TPR_k − TPR_{k−1}) · precision_k over the distinct scores, from the highest down.
``tpr_at_fpr_X``
    The largest TPR(t) with FPR(t) ≤ X. With fewer than 1/X benign rows, no benign row at all may be raised.
``average_precision_at_prevalence_X``
    The same if only the share X of the traffic were attacks, rows reweighted to that share:
    precision_k = X·TPR_k / (X·TPR_k + (1 − X)·FPR_k), the calibrated precision of Siblini et al. (2020), «Master Your
    Metrics with Calibration», IDA. So sets of different shares compare. With fewer than 1/X benign rows, one of them
    above the attacks takes most of it.
``precision_at_prevalence_X``
    Precision if only the share X of the traffic were attacks and as many rows were raised as there are attacks. Rows
    are reweighted to that share, raised(t) = X·TPR(t) + (1 − X)·FPR(t), and t is the lowest threshold with
    raised(t) ≤ X; then X·TPR(t) / raised(t). It is 0 if even the highest score is shared by more rows than that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

FOUND_AT = 0.01
"""False-positive rate at which the share found of each kind of attack is told."""

FALSE_POSITIVE_RATES = (0.01, 0.001)
PREVALENCES = (0.01,)

RARE = 0.0001
"""Share of attacks that average precision is told at beside the data's own: a quiet network's."""


class Curve(NamedTuple):
    """TPR and FPR at each distinct score, from raising nothing to raising everything."""

    tpr: NDArray[np.float64]
    fpr: NDArray[np.float64]
    precision: NDArray[np.float64]


def operating_curve(scores: NDArray[np.float64], attacks: NDArray[np.bool_]) -> Curve:
    """Walk the thresholds; needs at least one attack and one benign row. Shapes (distinct scores + 1,)."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], attacks[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    true = np.append(0, np.cumsum(hits)[last_of_tie])
    raised = np.append(0, last_of_tie + 1)
    positives = int(attacks.sum())
    false = raised - true
    precision = np.divide(true, raised, out=np.ones(len(raised)), where=raised > 0)
    return Curve(true / positives, false / (len(attacks) - positives), precision)


def roc_auc(curve: Curve) -> float:
    """Area under the curve, by trapezoids: ties count half."""
    return float(np.trapezoid(curve.tpr, curve.fpr))


def average_precision(curve: Curve) -> float:
    """Precision averaged over the attacks, without interpolation."""
    return float(np.sum(np.diff(curve.tpr) * curve.precision[1:]))


def average_precision_at_prevalence(tpr: NDArray[np.float64], fpr: NDArray[np.float64], prevalence: float) -> float:
    """Precision averaged over the attacks, were they ``prevalence`` of the traffic.

    Rates from the highest threshold down, shapes (thresholds,); whether they begin with raising nothing is the same.
    """
    true, wrong = prevalence * tpr, (1.0 - prevalence) * fpr
    precision = np.divide(true, true + wrong, out=np.zeros(len(tpr)), where=true > 0)
    return float(np.sum(np.diff(tpr, prepend=0.0) * precision))


def tpr_at_fpr(curve: Curve, rate: float) -> float:
    """Largest true-positive rate at no more than ``rate`` false positives."""
    return float(curve.tpr[curve.fpr <= rate].max())


def precision_at_prevalence(curve: Curve, prevalence: float) -> float:
    """Precision of the top rows, as many as there are attacks, were attacks ``prevalence`` of the traffic."""
    raised = prevalence * curve.tpr + (1.0 - prevalence) * curve.fpr
    within = np.flatnonzero(raised <= prevalence * (1.0 + 1e-12))[-1]
    return float(prevalence * curve.tpr[within] / raised[within]) if raised[within] > 0.0 else 0.0


def figures(scores: NDArray[np.float64], attacks: NDArray[np.bool_]) -> dict[str, float | int | None]:
    """Compute all figures; those that need both attacks and benign rows are None where one is missing."""
    found: dict[str, float | int | None] = {"rows": len(attacks), "positives": int(attacks.sum())}
    names = ["roc_auc", "average_precision", f"average_precision_at_prevalence_{RARE:g}"]
    names += [f"tpr_at_fpr_{rate}" for rate in FALSE_POSITIVE_RATES]
    names += [f"precision_at_prevalence_{share}" for share in PREVALENCES]
    if not 0 < found["positives"] < len(attacks):  # type: ignore[operator]  # it was just counted
        return found | dict.fromkeys(names)
    curve = operating_curve(scores, attacks)
    values = [roc_auc(curve), average_precision(curve), average_precision_at_prevalence(curve.tpr, curve.fpr, RARE)]
    values += [tpr_at_fpr(curve, rate) for rate in FALSE_POSITIVE_RATES]
    values += [precision_at_prevalence(curve, share) for share in PREVALENCES]
    return found | dict(zip(names, values, strict=True))


def found_by_label(scores: NDArray[np.float64], attacks: NDArray[np.bool_], labels: pl.Series) -> dict[str, float]:
    """Share of each attack's rows that score above all but :data:`FOUND_AT` of the benign ones."""
    benign = np.sort(scores[~attacks])[::-1]
    allowed = int(FOUND_AT * len(benign) * (1 + 1e-12))
    raised = scores > benign[allowed] if allowed < len(benign) else np.ones(len(scores), dtype=bool)
    shares = pl.DataFrame([labels.alias("label"), pl.Series("raised", raised)]).filter(pl.Series(attacks))
    return dict(shares.group_by("label").agg(pl.col("raised").mean()).rows())
