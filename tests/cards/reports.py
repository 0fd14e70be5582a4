"""Evaluations made by hand, for what is made of them."""

from __future__ import annotations

from training.evaluation.protocol import protocol_of
from training.evaluation.report import (
    REPORT_VERSION,
    AttackFound,
    Band,
    BudgetObtained,
    Data,
    Histogram,
    Report,
    Segment,
    Spread,
)


def spread(*runs: float) -> Spread:
    """Of these runs."""
    mean = sum(runs) / len(runs)
    return Spread(mean=mean, least=min(runs), most=max(runs), interval=(min(runs), max(runs)), runs=runs)


def report(found: float = 0.75, kind: str = "beacon", segment: str = "10.0.1.0/24") -> Report:
    """Two kinds of attack, of which ``kind`` is found so often; one segment of each cut."""
    attacks = [
        AttackFound(kind=kind, attacks=8, flows=400, found=spread(found), flows_found=spread(found), seconds=61.0),
        AttackFound(
            kind="syn-flood", attacks=8, flows=900, found=spread(1.0), flows_found=spread(1.0, 0.9), seconds=0.2
        ),
    ]
    curve = Band(x=(0.0001, 0.01, 1.0), mean=(0.2, 0.8, 1.0), least=(0.1, 0.6, 1.0), most=(0.3, 0.9, 1.0))
    cuts = (("service", "dns"), ("subnet", segment), ("direction", "outbound"), ("hour", "13"))
    return Report(
        report_version=REPORT_VERSION,
        created="2026-11-29T00:00:00+00:00",
        kind="isolation-forest",
        parameters={},
        protocol=protocol_of(attacks="transplanted"),
        data=Data(rows=5_000, attack_rows=0, start=0.0, end=86_400.0, watched_s=86_400.0, hosts=42),
        random={"roc_auc": spread(0.91, 0.99)},
        by_time={"attacks_found": spread(found, 1.0), "false_incidents_per_day": spread(8.0, 14.0)},
        attacks=tuple(attacks),
        budget=tuple(BudgetObtained(asked=n, obtained=spread(n, n * 1.4), days=2.0) for n in (3.0, 10.0, 30.0)),
        segments=tuple(
            Segment(by=by, value=value, benign=900, attacks=90, benign_raised=0.001, incidents_per_day=2.0, recall=0.5)  # type: ignore[arg-type]  # the names are those of the contract
            for by, value in cuts
        ),
        roc=curve,
        precision_recall=curve,
        scores=Histogram(edges=(0.0, 0.5, 1.0), benign=(90, 10), attacks=(1, 9)),
        notes=("flows were tested for one day alone",),
        seconds=12.0,
    )
