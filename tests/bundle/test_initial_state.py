"""A partition that nothing is known of begins with what its model's training ended with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.files import read_bundle
from detector.bundle.initial_state import InitialState
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget
from detector.errors import BundleError
from detector.features.replay import features_of, fresh_windows
from detector.kernels.clock import BEFORE_END_S, FARTHEST_S, STEPS_TENTATIVE
from detector.records.flow import ROW, FlowBatch
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.judge import Judge
from detector.scoring.kept_flows import score_flows
from detector.scoring.partition_state import PartitionState
from detector.state.events import StateBegun, StateLeft, StateUnfit
from detector.telemetry.events import Event
from detector.transport.base import Envelope, RawBatch
from detector.transport.kafka.partitioner import partitions_of
from tests.bundles import bundle, ordinary_flows
from training.simulator.scenario import DEFAULT_START
from training.train import ended_with

PARTITIONS = 3
FLOWS = 120

WRAP_S = 2.0**32 / 1000.0
"""By how much a clock of 32 bits in milliseconds is off."""


def model() -> LoadedModel:
    """A model with windows, whose training ended at DEFAULT_START."""
    return read_bundle(bundle(windows=True, partitions=PARTITIONS))


def later(seconds: float = 1.0, count: int = FLOWS) -> pl.DataFrame:
    """Flows of the same network, so many seconds after the training."""
    return ordinary_flows(count, 7, DEFAULT_START + seconds)


def in_one_piece(model: LoadedModel, flows: pl.DataFrame) -> NDArray[np.float32]:
    """Their features where they follow the training flows in one stream."""
    before = ordinary_flows(1_500, 0, DEFAULT_START - 1_500.0)
    return features_of(model.extractor, pl.concat([before, flows]))[len(before) :]


def cold(model: LoadedModel, flows: pl.DataFrame) -> NDArray[np.float32]:
    """Their features where nothing went before them."""
    return features_of(model.extractor, flows)


def remembered(model: LoadedModel, flows: pl.DataFrame, cuts: list[int]) -> NDArray[np.float32]:
    """Their features as a daemon's memory gives them, in batches that end at ``cuts``."""
    memory, parts = PartitionState(model), []
    for start, end in zip([0, *cuts], [*cuts, len(flows)], strict=True):
        batch = flows[start:end]
        partitions = partitions_of(batch["src_ip"], PARTITIONS)
        memory.begin(np.unique(partitions).tolist())
        parts.append(model.extractor.transform(batch, partitions, memory.flows))
    return np.concatenate(parts)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, FLOWS), max_size=4).map(sorted))
def test_features_go_on_from_training(cuts: list[int]) -> None:
    """However they are batched, flows after training have the features of one stream."""
    one, flows = model(), later()
    assert np.array_equal(remembered(one, flows, cuts), in_one_piece(one, flows))


@pytest.mark.parametrize("seconds", [-1_500.0, -BEFORE_END_S - FLOWS - 1.0, FARTHEST_S + 3.0])
def test_other_times_begin_empty(seconds: float) -> None:
    """Flows from before the training's end, or from months after it, have empty windows once a few agree."""
    one, flows = model(), later(seconds)
    partitions = partitions_of(flows["src_ip"], PARTITIONS)
    agreed = np.concatenate([np.flatnonzero(partitions == n)[STEPS_TENTATIVE - 1 :] for n in range(PARTITIONS)])
    empty = pl.concat([flows[np.flatnonzero(partitions == n)[STEPS_TENTATIVE - 1 :]] for n in range(PARTITIONS)])
    assert np.array_equal(remembered(one, flows, [])[agreed], cold(one, empty))


@pytest.mark.parametrize("wrong", [WRAP_S, -WRAP_S, 2.3e9, -1.7e9])
def test_one_absurd_time_ends_no_beginning(wrong: float) -> None:
    """However they are batched, flows after a first one of 2099, of 1970 or 49.7 days off go on from training."""
    one, flows = model(), later()
    is_first = pl.int_range(pl.len()) == 0
    off = flows.with_columns(pl.when(is_first).then(pl.col("ts") + wrong).otherwise("ts").alias("ts"))
    others = ((flows["src_ip"] != flows["src_ip"][0]) & (flows["dst_ip"] != flows["dst_ip"][0])).to_numpy()
    assert others.sum() > FLOWS / 4
    expected = remembered(one, flows, [])[others]
    for cuts in ([], [1], [1, 2, 60]):
        assert np.array_equal(remembered(one, off, cuts)[others], expected)


def test_a_pause_is_no_wild_time() -> None:
    """After a night's pause records soon count as happening when they did."""
    one, flows = model(), later(40_000.0)
    since = one.extractor.spec.names.index("source_since")
    partitions = partitions_of(flows["src_ip"], PARTITIONS)
    for number in range(PARTITIONS):
        row = np.flatnonzero(partitions == number)[STEPS_TENTATIVE - 1]
        assert remembered(one, flows, [])[row, since] > np.log(30_000.0)


def test_known_partitions_stay_as_they_are() -> None:
    """A partition that has been read, or whose snapshot was restored, does not begin again."""
    one, flows = model(), later(count=10)
    memory = PartitionState(replace(one, beginning=None))
    partitions = np.zeros(10, np.int32)
    memory.begin([0])
    one.extractor.transform(flows, partitions, memory.flows)
    kept = memory.freeze(0)()
    memory.adopt(one)
    assert memory.begin([0]) == {}
    assert memory.flows.views["evidence"].is_tentative(0), "evidence has not seen it, and begins"
    assert memory.freeze(0)()["windows"] == kept["windows"]
    memory.drop([0])
    memory.restore(0, kept)
    memory.begin([0])
    assert memory.freeze(0)()["windows"] == kept["windows"]


def test_trained_over_one_partition_every_partition_begins() -> None:
    """A model that was trained over one partition has each partition of the topic begin with a copy of its state."""
    one, flows = model(), later()
    windows = fresh_windows(one.extractor)
    features_of(one.extractor, ordinary_flows(1_500, 0, DEFAULT_START - 1_500.0), windows, np.zeros(1_500, np.int32))
    memory = PartitionState(replace(one, beginning=ended_with(FlowState(windows))))
    assert memory.begin(range(PARTITIONS)) == {}
    partitions = partitions_of(flows["src_ip"], PARTITIONS)
    one.extractor.transform(flows, partitions, memory.flows)
    assert memory.settled() == dict.fromkeys(range(PARTITIONS))
    assert memory.settled() == {}, "it is told once"
    assert memory.flows.windows is not None
    assert min(len(memory.flows.windows.snapshot(partition)) for partition in range(PARTITIONS)) > 10_000


def test_files_begin_with_it_too() -> None:
    """A file from after the training is scored as if it followed it, one from before as if nothing had been before."""
    one, flows = model(), later()
    frame = flows.with_columns(pl.lit(0, pl.Int32).alias(SOURCE), pl.Series(OFFSET, range(FLOWS)))
    data = Dataset(frame, "zeek", ("conn.log",), "", {}, {})
    assert np.array_equal(score_flows(one, data).scores, one.model.score(in_one_piece(one, flows)))
    damaged = replace(one, beginning=InitialState(DEFAULT_START, {0: {"windows": b"?"}}))
    with pytest.raises(BundleError, match="train the model again"):
        score_flows(damaged, data)
    earlier = replace(data, frame=frame.with_columns(pl.col("ts") - 1_000.0))
    assert np.array_equal(score_flows(one, earlier).scores, one.model.score(remembered(one, earlier.frame, [])))


def told_of(one: LoadedModel, flows: pl.DataFrame) -> list[Event]:
    """What a judge tells of flows of one partition that nothing is known of."""
    told: list[Event] = []
    judge = Judge(
        one,
        incoming=Nothing(),
        budget=Budget(incidents_per_day=10.0),
        builder=AlertBuilder(),
        writer=AlertWriter(),
        write_scores=False,
        write_incidents=False,
        tell=told.append,
    )
    for start in range(0, len(flows), 10):
        batch = flows[start : start + 10]
        raw = RawBatch(
            topic="flows",
            values=[b"{}"] * len(batch),
            partitions=np.zeros(len(batch), np.int32),
            offsets=np.arange(start, start + len(batch)),
            timestamps_ms=np.zeros(len(batch), np.int64),
            envelope=lambda _: Envelope(None, ()),
        )
        numbered = batch.with_columns(pl.Series(ROW, range(len(batch)), pl.UInt32))
        assert judge.judge(raw, FlowBatch(numbered)).scored == len(batch)
    return told


def test_state_that_does_not_fit_is_told() -> None:
    """A model whose state cannot be restored is served all the same; the partition begins empty, and that is told."""
    one = model()
    assert one.beginning is not None
    damaged = InitialState(one.beginning.ended_at, {n: {"windows": b"?"} for n in range(PARTITIONS)})
    told = told_of(replace(one, beginning=damaged), later(count=20))
    (unfit,) = [event for event in told if isinstance(event, StateUnfit)]
    assert (unfit.partition, unfit.model_version) == (0, one.version)
    assert "window state" in unfit.why


@pytest.mark.parametrize(("passed", "why"), [(0.0, None), (-1_000.0, "before"), (FARTHEST_S + 3.0, "months after")])
@pytest.mark.parametrize("first", [0.0, 2.3e9, WRAP_S])
def test_whether_a_partition_goes_on_is_told(passed: float, why: str | None, first: float) -> None:
    """Once, when its records have shown it, whatever the first of them said; with the times where it does not."""
    one, is_first = model(), pl.int_range(pl.len()) == 0
    flows = later(passed + 1.0, 20).with_columns(pl.col("ts") + pl.when(is_first).then(first).otherwise(0.0))
    (event,) = (each for each in told_of(one, flows) if isinstance(each, StateBegun | StateLeft))
    if why is None:
        assert event == StateBegun(0, one.version)
    else:
        assert isinstance(event, StateLeft)
        assert f", {why} what training ended with, of 2026-" in event.why


class Nothing:
    """No model ever comes."""

    def take(self) -> None:
        """Nothing."""


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data: bytes) -> None:
    """Whatever bytes stand for it in a bundle, the end is a BundleError."""
    with pytest.raises(BundleError, match="train the model again"):
        InitialState.decode(data)


def test_bytes_are_the_same_for_the_same_history() -> None:
    """Written and read it is the same, and training twice gives the same bytes."""
    one = model()
    assert one.beginning is not None
    assert InitialState.decode(one.beginning.encode()) == one.beginning
    windows = fresh_windows(one.extractor)
    features_of(one.extractor, ordinary_flows(1_500, 0, DEFAULT_START - 1_500.0), windows)
    again = ended_with(FlowState(windows))
    assert again is not None
    for partition, kept in again.partitions.items():
        assert kept["windows"] == one.beginning.partitions[partition]["windows"]
