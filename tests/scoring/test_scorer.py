"""One way from flows to findings: whoever asks, the same records get the same figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from bench.quality_systems import judged
from detector.alerts.build import AlertBuilder
from detector.alerts.content import Content
from detector.alerts.raised import Raised
from detector.alerts.writer import AlertWriter
from detector.bundle.files import build_bundle, read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import TrainingData
from detector.decisions.decide import Budget, Decision
from detector.decisions.findings import Findings
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.records.every_format import open_decoder
from detector.records.flow import SCHEMA, FlowBatch
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.judge import Judge
from detector.scoring.kept_flows import score_flows
from detector.scoring.scorer import Scored, Scorer
from detector.telemetry.events import silent
from tests.bundles import START
from tests.golden.day import LEARNT, NoOther, batch, records
from training.learn import Choice, Fitting, Learnt, learn
from training.train import ended_with
from training.watched import Watched, ends_of

pytestmark = pytest.mark.slow

FITTING = Fitting(kind="isolation-forest", seed=1, params={"n_estimators": 10})

EVERYTHING = Budget(incidents_per_day=1e12)


@cache
def before() -> pl.DataFrame:
    """Three benign hours."""
    return pl.concat(LEARNT.frames()).select(*SCHEMA)


@cache
def after() -> pl.DataFrame:
    """The hour that follows, with attacks, in the order of its records."""
    return open_decoder("zeek").decode(list(records())).frame


def one_partition(flows: pl.DataFrame) -> NDArray[np.int32]:
    """They all came by one."""
    return np.zeros(len(flows), np.int32)


def chosen() -> Choice:
    """All of it is taken for benign."""
    everything = np.ones(len(before()), np.bool_)
    return Choice(calm=everything, chosen=everything, peaceful=everything)


def learnt() -> Learnt:
    """What the three hours teach; anew each time, as its state changes by what it scores."""
    watched = Watched.of(before()["ts"].to_numpy(), ends_of(before()))
    return learn(before(), chosen(), build_spec(windows=default_windows()), FITTING, watched)


@cache
def model() -> LoadedModel:
    """The same as a bundle."""
    found = learnt()
    files = build_bundle(
        name="flows",
        extractor=found.extractor,
        model=found.judging.model,
        calibration=found.judging.calibration,
        single=found.judging.single,
        incidents=found.incidents,
        beginning=ended_with(found.state),
        self_test_rows=found.matrix,
        training=TrainingData(rows=len(before()), rows_read=len(before()), sources=("conn.log",), format="zeek"),
        created=START,
    )
    return read_bundle(files)


@cache
def by_bench() -> Scored:
    """What the bench's function finds, which trains by itself."""
    came_by, tried_by = one_partition(before()), one_partition(after())
    return judged(FITTING, before(), chosen(), came_by, after(), tried_by)


def by_score() -> Scored:
    """What ``oddflow score`` and ``oddflow evaluate`` find."""
    columns = pl.lit(0, pl.Int32).alias(SOURCE), pl.int_range(pl.len()).alias(OFFSET)
    return score_flows(model(), Dataset(after().with_columns(*columns), "zeek", ("conn.log",), "", {}, {}))


class Noting(AlertBuilder):
    """Keeps the rates of the alerts that it builds: documents round them."""

    def __init__(self) -> None:
        super().__init__(top_features=1)
        self.rates: list[float] = []

    def build(
        self, alerts: Sequence[Raised], flows: FlowBatch, findings: Findings, decision: Decision, model: LoadedModel
    ) -> list[Content]:
        """Build them."""
        assert decision.rates is not None
        self.rates += decision.rates.tolist()
        return super().build(alerts, flows, findings, decision, model)


def by_daemon(batch_records: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and rates of the daemon's alerts, where each flow is one, in the order of the records."""
    builder = Noting()
    judge = Judge(
        model(),
        incoming=NoOther(),
        budget=EVERYTHING,
        builder=builder,
        writer=AlertWriter(detail="vector"),
        write_scores=False,
        write_incidents=False,
        tell=silent,
    )
    decoder, values, alerts = open_decoder("zeek"), records(), []
    for first in range(0, len(values), batch_records):
        raw = batch(values[first : first + batch_records], first)
        alerts += judge.judge(raw, decoder.decode(raw.values)).alerts
    documents = [json.loads(each.value or b"") for each in alerts]
    places = [each["metadata"]["original_event_uid"] for each in documents]
    assert places == [f"0/{offset}" for offset in range(len(values))]
    return np.array([each["unmapped"]["oddflow"]["score"] for each in documents]), np.array(builder.rates)


@pytest.mark.parametrize("batch_records", [97, 700, 1_000_000])
def test_daemon_score_and_bench_give_equal_rates(batch_records: int) -> None:
    """Records that a daemon reads in any batches have the very scores and rates of ``score`` and of the bench."""
    bench, kept, (scores, rates) = by_bench(), by_score(), by_daemon(batch_records)
    assert bench.rates is not None
    assert kept.rates is not None
    assert (incidents := model().incidents) is not None
    assert np.array_equal(kept.scores, bench.scores)
    assert np.array_equal(kept.rates, bench.rates)
    assert np.array_equal(scores, kept.scores)
    assert np.array_equal(rates, np.maximum(kept.rates, incidents.least_told))
    assert len(np.unique(rates)) > 100


@pytest.mark.parametrize("budget", [Budget(incidents_per_day=30.0), Budget(0.05), Budget(alerts_per_hour=20.0)])
def test_what_is_decided_is_what_rates_or_scores_say(budget: Budget) -> None:
    """By false incidents a day those flows are alerts whose rate is within it; by another budget, the oddest scores."""
    scorer = Scorer(model(), FlowState.fresh(model()), budget)
    findings = scorer.find(after(), one_partition(after()))
    decision, rates = scorer.decide(findings), scorer.rates(findings)
    if scorer.counts_incidents:
        assert rates is not None
        assert decision.rows.tolist() == np.flatnonzero(rates <= 30.0).tolist()
    else:
        assert rates is None
        threshold = budget.threshold(model().calibration)
        assert decision.rows.tolist() == np.flatnonzero(findings.scores.overall >= threshold).tolist()
    assert 0 < len(decision.rows) < len(after())


def test_no_flows_have_no_figures() -> None:
    """A frame without a flow is scored, to nothing."""
    scored = Scorer(model(), FlowState.fresh(model())).score(after()[:0], one_partition(after()[:0]))
    assert scored.rates is not None
    assert (len(scored.scores), len(scored.p_values), len(scored.rates)) == (0, 0, 0)


@pytest.mark.parametrize("partitions", [0, 9, 11])
def test_each_flow_has_a_partition(partitions: int) -> None:
    """More or fewer partitions than flows are refused: what is kept of one would be written beside it."""
    scorer = Scorer(model(), FlowState.fresh(model()))
    with pytest.raises(ValueError, match="scoring 10 flows"):
        scorer.score(after()[:10], np.zeros(partitions, np.int32))
