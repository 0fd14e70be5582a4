"""The judge in a storm, without Kafka: records in batches as polls bring them, and the time of each step."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget
from detector.pipeline.interpreter import tuned
from detector.records.every_format import open_decoder
from detector.scoring.judge import Judge
from detector.scoring.kept_flows import load_model
from detector.settings.load import load_settings
from detector.settings.tree import Alerts
from detector.telemetry.events import silent
from detector.transport.base import Envelope, RawBatch


class NoOther:
    """No other model comes."""

    def take(self) -> None:
        """Give none."""


def judged(values: Sequence[bytes], registry: Path, batch_records: int) -> dict[str, float]:
    """Judge the records in batches of so many: µs a record for each step, and what came of it."""
    judge = judge_of(load_model(load_settings(None, {"model.registry": str(registry)}, {})))
    decoder, spent, counts = open_decoder("zeek-json"), defaultdict[str, float](float), Counter[str]()
    with tuned():
        for first in range(0, len(values), batch_records):
            raw = batch_of(values[first : first + batch_records], first)
            started = time.process_time()
            flows = decoder.decode(raw.values)
            decoded = time.process_time()
            result = judge.judge(raw, flows)
            spent["decode"] += decoded - started
            spent["judge"] += time.process_time() - decoded
            counts["alerts"] += sum(result.severities.values())
            counts["written"] += len(result.alerts)
            counts["incidents"] += len(result.incidents)
    steps = {f"{step}_us_a_record": 1e6 * seconds / len(values) for step, seconds in spent.items()}
    return {"records": float(len(values)), **{name: float(count) for name, count in counts.items()}, **steps}


def judge_of(model: LoadedModel) -> Judge:
    """A judge as the daemon has it by its usual settings."""
    alerts = Alerts()
    return Judge(
        model,
        incoming=NoOther(),
        budget=Budget(incidents_per_day=alerts.false_incidents_per_day),
        builder=AlertBuilder(),
        writer=AlertWriter(repeat=alerts.repeat),
        write_scores=False,
        write_incidents=True,
        tell=silent,
    )


def batch_of(values: Sequence[bytes], first: int) -> RawBatch:
    """Records of one partition, from this offset on."""
    count = len(values)
    offsets = np.arange(first, first + count)
    sent_ms = np.full(count, 1_764_000_000_123)
    return RawBatch("flows", list(values), np.zeros(count, np.int32), offsets, sent_ms, lambda _: Envelope(None, ()))
