"""Adding a view touches one place: one that only this file declares is learnt, decided by, told and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from detector.alerts.build import AlertBuilder
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.budget import IncidentCalibration
from detector.decisions.decide import Budget
from detector.decisions.passed import Passed
from detector.decisions.views import VIEWS, Tail, View, told_within
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.records.flow import ROW, FlowBatch
from detector.scoring.flow_state import FlowState
from detector.scoring.partition_state import PartitionState
from detector.scoring.scorer import Scorer
from detector.transport.base import Envelope, RawBatch
from tests.scoring.test_scorer import FITTING, before, chosen, model, one_partition
from training.learn import Learnt, learn
from training.train import ended_with
from training.watched import Watched, ends_of

pytestmark = pytest.mark.slow

MIB = float(2**20)

KNOWN = told_within(VIEWS, 0.0)
"""Those that a short training can calibrate."""


class SentState:
    """How many bytes each pair has sent in all; of partition 0 alone."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}

    @property
    def partitions(self) -> frozenset[int]:
        """The one, once something is known."""
        return frozenset({0} if self.sent else ())

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """Of each flow what its pair has sent so far, in MiB."""
        values, sent_now = [], np.nan_to_num(flows.columns["src_bytes"])
        for key, sent in zip(flows.keys.pairs.tolist(), sent_now.tolist(), strict=True):
            self.sent[key] = self.sent.get(key, 0.0) + sent
            values.append(self.sent[key] / MIB)
        return {"sent": np.array(values)}

    def freeze(self, partition: int) -> Callable[[], bytes]:
        """As it is."""
        frozen = self.snapshot(partition)
        return lambda: frozen

    @property
    def evicted(self) -> int:
        """It has no bound."""
        return 0

    def snapshot(self, partition: int) -> bytes:
        """A line each."""
        assert partition == 0
        return "\n".join(f"{key} {sent!r}" for key, sent in self.sent.items()).encode()

    def restore(self, partition: int, data: bytes) -> None:
        """Read them."""
        assert partition == 0
        self.sent = {int(line.split()[0]): float(line.split()[1]) for line in data.decode().splitlines()}

    begin = restore

    def event_time_s(self, partition: int) -> float | None:
        """It has no clock."""
        assert partition == 0
        return 1.0 if self.sent else None

    def is_tentative(self, partition: int) -> bool:
        """It goes on at once."""
        assert partition == 0
        return False

    def forget(self, *partitions: int) -> None:
        """All of it."""
        if 0 in partitions:
            self.sent.clear()


SENT = View(
    name="sent",
    key="source and destination",
    state=("sent", SentState),
    tail=Tail(least_scale=0.25, least_sum=1.0),
    odd_from=1.0,
    as_odd="benign hosts send one other as much",
    share=0.5,
    columns=("src_bytes",),
)

SEEN_BY = (*KNOWN, SENT)


@cache
def learnt() -> Learnt:
    """Three benign hours, with the new view; of a training there is nothing else to say."""
    watched = Watched.of(before()["ts"].to_numpy(), ends_of(before()))
    fitting = replace(FITTING, views=SEEN_BY)
    return learn(before(), chosen(), build_spec(windows=default_windows()), fitting, watched)


@cache
def with_view() -> LoadedModel:
    """A model of another training that is calibrated by the new view."""
    found = learnt()
    return replace(model(), incidents=found.incidents, beginning=ended_with(found.state))


def upload() -> pl.DataFrame:
    """An ordinary flow of the hours before, but for a hundred gibibytes."""
    sent = pl.lit(100 * 2**30, pl.Int64).cast(before().schema["src_bytes"])
    return before()[-1:].with_columns(sent.alias("src_bytes"))


def test_a_view_is_one_declaration() -> None:
    """A flow that is odd by nothing but a new view is raised by it, and its alert says so in the view's words."""
    one = with_view()
    assert one.incidents is not None
    assert one.beginning is not None
    state = FlowState.fresh(one)
    state.begin(one.beginning, 0)
    scorer = Scorer(one, state, Budget(incidents_per_day=10.0))
    findings = scorer.find(upload(), one_partition(upload()))
    decision = scorer.decide(findings)
    assert [view.name for view in decision.oddest_by] == ["sent"]
    assert decision.assessment is not None
    assert decision.assessment["sent"][0] >= 100 * 2**10
    nothing = np.zeros(1, np.int64)
    raw = RawBatch("flows", [b""], one_partition(upload()), nothing, nothing, lambda _: Envelope(None, ()))
    flows = FlowBatch(upload().with_columns(pl.Series(ROW, [0], pl.UInt32)))
    builder = AlertBuilder()
    (alert,) = builder.build(builder.raised(raw, flows, findings, decision, one), flows, findings, decision, one)
    assert "; benign hosts send one other as much " in alert.why
    assert alert.suspicion is not None
    assert list(alert.suspicion) == ["surprise", "evidence", "breadth", "sent", "false_incidents_per_day"]


def test_a_view_is_calibrated_by_its_share() -> None:
    """With half a share of the budget a view raises fewer: from higher values on than with a whole one."""
    incidents = learnt().incidents
    assert incidents is not None
    whole = replace(incidents, views=(*KNOWN, replace(SENT, share=1.0)))
    at_half, at_whole = (each.thresholds(1e3)["sent"] for each in (incidents, whole))
    assert (at_half >= at_whole).all()
    assert at_half.max() > at_whole.max()


def test_a_view_is_in_bundles_and_snapshots() -> None:
    """Its calibration, what training ended with and what a daemon remembers come back; without it nothing of it is."""
    one = with_view()
    assert one.incidents is not None
    arrays = one.incidents.to_arrays()
    again = IncidentCalibration.from_arrays(arrays, SEEN_BY)
    assert [view.name for view in again.views] == [view.name for view in SEEN_BY]
    assert np.array_equal(again.tops[-1], one.incidents.tops[-1])
    memory = PartitionState(one)
    assert memory.begin([0]) == {}
    parts = memory.freeze(0)()
    assert sorted(parts) == ["evidence", "incidents", "sent", "windows"]
    other = PartitionState(one)
    other.restore(0, parts)
    assert other.freeze(0)()["sent"] == parts["sent"] != b""
    other.adopt(model())
    assert sorted(other.freeze(0)()) == ["evidence", "incidents", "windows"]
    other.adopt(one)
    assert other.begin([0]) == {}
    assert other.freeze(0)()["sent"] == parts["sent"]


def test_a_bundle_from_before_a_view_was_added_loads() -> None:
    """A model that was calibrated without a view is held to those that it knows."""
    assert (incidents := model().incidents) is not None
    assert IncidentCalibration.from_arrays(incidents.to_arrays(), SEEN_BY).views == KNOWN
