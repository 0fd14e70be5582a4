"""Drift: quiet on a stationary stream, fires on each injected shift, and says why."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from prometheus_client import CollectorRegistry

from detector.drift.events import DriftSeen
from detector.drift.monitor import (
    BLOCK_ROWS,
    BOUNDS,
    LEAST_ROWS,
    SAMPLE_EVERY,
    DriftMonitor,
    DriftReport,
    expected_shares,
)
from detector.every_metric import open_metrics
from detector.models.calibration import Calibration
from detector.telemetry.events import Telemetry
from detector.telemetry.logs import open_log
from tests.bundles import loaded, ordinary_flows

Change = Callable[[pl.DataFrame], pl.DataFrame]


def unchanged(frame: pl.DataFrame) -> pl.DataFrame:
    """The flows as they are."""
    return frame


def reports(
    seeds: range, change: Change = unchanged, batch: int = 2_500, monitor: DriftMonitor | None = None
) -> list[DriftReport]:
    """What a monitor reports of a stream of the made-up network, 10,000 flows a seed, changed."""
    model = loaded()
    monitor = monitor or DriftMonitor(model)
    found = []
    for seed in seeds:
        flows = change(ordinary_flows(10_000, seed).with_columns(pl.col("ts") + 10_000.0 * seed))
        for start in range(0, len(flows), batch):
            part = flows[start : start + batch]
            matrix = model.extractor.transform(part)
            report = monitor.look(part, matrix, model.model.score(matrix))
            found += [report] if report else []
    return found


def fast() -> DriftMonitor:
    """A monitor that looks at every row and fades slowly, so that tests need few rows."""
    return DriftMonitor(loaded(), every=1, half_life_s=1e6)


def test_a_stationary_stream_gives_no_reason() -> None:
    """Over 120,000 flows like those trained on, no report advises to retrain, and every figure is near its rest."""
    found = reports(range(100, 112), monitor=fast())
    assert len(found) > 10
    assert {report.reasons for report in found} == {()}
    last = found[-1]
    assert last.score_index < 0.15  # of 20 trees: what judged stretches were other forests than the one that is kept
    assert last.score_distance < 0.1
    assert max(last.outside.values()) < 0.03
    assert last.unseen == {"proto": 0.0, "service": 0.0, "state": 0.0}


def slower_servers(frame: pl.DataFrame) -> pl.DataFrame:
    """Everything takes twenty times as long and sends twenty times as much."""
    return frame.with_columns(
        pl.col("duration_s") * 20, (pl.col("src_bytes") * 20).cast(pl.Int64), (pl.col("dst_bytes") * 20).cast(pl.Int64)
    )


def new_protocols(frame: pl.DataFrame) -> pl.DataFrame:
    """One flow in ten speaks something new."""
    every = pl.int_range(pl.len()) % 10 == 0
    return frame.with_columns(pl.when(every).then(pl.lit("quic")).otherwise(pl.col("service")).alias("service"))


def attacks(frame: pl.DataFrame) -> pl.DataFrame:
    """One flow in twenty is an unanswered knock at a port that nobody uses."""
    hit = pl.int_range(pl.len()) % 20 == 0
    return frame.with_columns(
        pl.when(hit).then(pl.lit("S0")).otherwise(pl.col("state")).alias("state"),
        pl.when(hit).then(pl.lit(31_337, pl.Int32)).otherwise(pl.col("dst_port")).alias("dst_port"),
        *(
            pl.when(hit).then(pl.lit(0, pl.Int64)).otherwise(pl.col(name)).alias(name)
            for name in ("src_bytes", "dst_bytes", "dst_packets")
        ),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [(slower_servers, "scores"), (slower_servers, "features"), (new_protocols, "categories"), (attacks, "tail")],
)
def test_an_injected_shift_is_told(change: Change, reason: str) -> None:
    """Each shift gives its reason to retrain once enough of it was seen, and the features behind it by name."""
    last = reports(range(200, 203), change, monitor=fast())[-1]
    assert reason in last.reasons
    if reason == "features":
        assert any("bytes" in name for name in last.drifted[:5])
    if reason == "categories":
        assert last.unseen["service"] == pytest.approx(0.1, abs=0.01)


def test_a_shift_that_ends_is_forgotten() -> None:
    """With the hours the figures come back to rest once traffic does."""
    monitor = DriftMonitor(loaded(), every=1, half_life_s=8_000.0)
    assert reports(range(300, 303), slower_servers, monitor=monitor)[-1].reasons != ()
    assert reports(range(304, 308), monitor=monitor)[-1].reasons == ()


def test_batches_make_no_difference() -> None:
    """The same rows are looked at however the stream is cut, so that the counts are the same."""
    model = loaded()
    flows = ordinary_flows(BLOCK_ROWS * 5 * SAMPLE_EVERY + 3, seed=9)
    matrix = model.extractor.transform(flows)
    scores = model.model.score(matrix)

    def last(sizes: list[int]) -> list[Any]:
        monitor, start = DriftMonitor(model, half_life_s=1e30), 0
        for size in sizes:
            end = min(start + size, len(flows))
            monitor.look(flows[start:end], matrix[start:end], scores[start:end])
            start = end
        if monitor._waiting:
            monitor._work()
        return [monitor._bins.tolist(), monitor._outside.tolist(), round(monitor._rows)]

    whole = last([len(flows)])
    assert whole[2] == -(-len(flows) // SAMPLE_EVERY)
    assert last([1, 2, 5, 0, 7, 11, 13] + [997] * 200) == whole
    assert last([3] * 50 + [10_000] * 20) == whole


def test_nothing_is_told_of_few_rows() -> None:
    """Before enough rows were looked at there is no report."""
    monitor = DriftMonitor(loaded())
    assert reports(range(400, 400 + LEAST_ROWS * SAMPLE_EVERY // 10_000), monitor=monitor) == []


def test_ties_in_the_calibration_are_no_drift() -> None:
    """Where many held-out scores are alike, p-values are not even; what is expected of them is not either."""
    scores = np.repeat([0.1, 0.5, 0.9], [700, 299, 1])
    calibration = Calibration.fit(scores, 100.0)
    p_values = calibration.p_values(scores)
    seen = np.bincount(np.searchsorted(BOUNDS, p_values), minlength=len(BOUNDS)) / len(scores)
    assert expected_shares(calibration) == pytest.approx(seen)
    even = expected_shares(Calibration.fit(np.random.default_rng(0).random(10_000), 1.0))
    assert even == pytest.approx(np.diff(BOUNDS, prepend=0.0), abs=1e-3)


def test_a_report_shows_in_metrics_and_log() -> None:
    """A report sets every gauge, replaces the features of an earlier model, and is logged only with a reason."""
    stream, registry = io.StringIO(), CollectorRegistry()
    tell = Telemetry(open_metrics(registry), open_log(stream)).tell
    well = DriftReport(9_000.0, 0.01, 0.02, 1.1, {"old": 0.01}, {"proto": 0.0})
    ill = DriftReport(9_000.0, 0.4, 0.3, 5.0, {"a": 0.3, "b": 0.0}, {"proto": 0.2})
    tell(DriftSeen(well))
    assert stream.getvalue() == ""
    tell(DriftSeen(ill))
    for name, labels, value in (
        ("score_index", {}, 0.4),
        ("score_distance", {}, 0.3),
        ("tail_ratio", {}, 5.0),
        ("rows", {}, 9_000.0),
        ("feature_outside_ratio", {"feature": "a"}, 0.3),
        ("feature_outside_ratio", {"feature": "old"}, None),
        ("unseen_category_ratio", {"column": "proto"}, 0.2),
        ("retrain_advised", {"reason": "scores"}, 1.0),
        ("retrain_advised", {"reason": "features"}, 1.0),
    ):
        assert registry.get_sample_value(f"oddflow_drift_{name}", labels) == value, name
    assert '"reasons": ["scores", "tail", "features", "categories"]' in stream.getvalue()
