"""A morning of simulated records, judged by a model of the hours before: what the whole way from bytes to incidents is.

``python -m tests.golden.day`` (``make golden``) writes ``day.json`` anew. Do that only where it should change, and say
in the commit why: each difference is something that operators would see.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.files import build_bundle, read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import TrainingData
from detector.decisions.decide import Budget
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.records.every_format import open_decoder
from detector.scoring.judge import Judge
from detector.telemetry.events import silent
from detector.transport.base import Envelope, OutRecord, RawBatch
from tests.bundles import START
from training.learn import Choice, Fitting, learn
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode
from training.train import ended_with
from training.watched import Watched

FILE = Path(__file__).with_name("day.json")

HOUR_S = 3600.0

LEARNT = Scenario(seed=7, hosts=25, start=DEFAULT_START + 7 * HOUR_S, duration_s=3 * HOUR_S, attacks=())
"""Three benign hours of a small office, from seven in the morning."""

ATTACKS = (
    ("vertical-scan", 5, 80),
    ("horizontal-scan", 13, 80),
    ("ssh-brute-force", 21, 60),
    ("dns-tunnel", 27, 80),
    ("exfiltration", 34, 6),
    ("beacon", 2, 40),
    ("syn-flood", 41, 400),
    ("lateral-movement", 48, 24),
)
"""What happens in the hour after: kind, minute, flows."""

FALSE_INCIDENTS_PER_DAY = 30.0


@cache
def records() -> Sequence[bytes]:
    """The hour after, as Zeek writes it."""
    scenario = Scenario(seed=7, hosts=25, start=LEARNT.end, duration_s=HOUR_S, attacks=())
    for kind, minute, flows in ATTACKS:
        scenario.inject(kind, scenario.start + 60.0 * minute, flows)
    return [value for frame in scenario.frames() for value in encode(frame, "zeek-json")]


@cache
def model() -> LoadedModel:
    """A forest with all windows, trained on the hours before."""
    frame = pl.concat(LEARNT.frames()).select(pl.exclude("label", "attack_id"))
    everything = np.ones(len(frame), np.bool_)
    learnt = learn(
        frame,
        Choice(calm=everything, chosen=everything, peaceful=everything),
        build_spec(windows=default_windows()),
        Fitting(kind="isolation-forest", seed=1, params={"n_estimators": 20}),
        Watched.of(frame["ts"].to_numpy()),
    )
    files = build_bundle(
        name="flows",
        extractor=learnt.extractor,
        model=learnt.judging.model,
        calibration=learnt.judging.calibration,
        single=learnt.judging.single,
        incidents=learnt.incidents,
        beginning=ended_with(learnt.state),
        self_test_rows=learnt.matrix,
        training=TrainingData(rows=len(frame), rows_read=len(frame), sources=("conn.log",), format="zeek"),
        created=START,
    )
    return read_bundle(files)


class NoOther:
    """No other model comes."""

    def take(self) -> None:
        """Give none."""


def judged(batch_records: int) -> dict[str, Any]:
    """What the judge tells of the records, read in batches of so many, as the file has it."""
    judge = Judge(
        model(),
        incoming=NoOther(),
        budget=Budget(incidents_per_day=FALSE_INCIDENTS_PER_DAY),
        builder=AlertBuilder(),
        writer=AlertWriter(),
        write_scores=False,
        write_incidents=True,
        tell=silent,
    )
    decoder, values = open_decoder("zeek"), records()
    alerts, incidents = list[OutRecord](), list[OutRecord]()
    for first in range(0, len(values), batch_records):
        raw = batch(values[first : first + batch_records], first)
        verdict = judge.judge(raw, decoder.decode(raw.values))
        alerts += verdict.alerts
        incidents += verdict.incidents
    incidents += judge.conclude().incidents
    return summed_up([read(each) for each in alerts], [read(each) for each in incidents])


def batch(values: Sequence[bytes], first: int) -> RawBatch:
    """Records of one partition, from this offset on."""
    count = len(values)
    offsets = np.arange(first, first + count)
    return RawBatch("flows", list(values), np.zeros(count, np.int32), offsets, offsets, lambda _: Envelope(None, ()))


def read(record: OutRecord) -> dict[str, Any]:
    """A document."""
    document: dict[str, Any] = json.loads(record.value or b"")
    return document


def summed_up(alerts: list[dict[str, Any]], documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Incidents as they were when last told, those of one alert by their number; floats are rounded."""
    latest = {each["metadata"]["correlation_uid"]: each for each in documents}
    whole = [each for each in latest.values() if "merged_into" not in each["unmapped"]["oddflow"]]
    told = [described(each) for each in whole]
    return {
        "records": len(records()),
        "alerts": len(alerts),
        "severities": dict(sorted(Counter(each["severity"] for each in alerts).items())),
        "directions": dict(sorted(Counter(direction(each) for each in alerts).items())),
        "merged": len(latest) - len(whole),
        "incidents": sorted((each for each in told if each["alerts"] > 1), key=lambda each: each["began_s"]),
        "of_one_alert": dict(sorted(Counter(each["kind"] for each in told if each["alerts"] == 1).items())),
    }


DIRECTIONS = {1: "Inbound", 2: "Outbound", 3: "Lateral", 99: "External"}


def direction(alert: dict[str, Any]) -> str:
    """Where its flow went."""
    return DIRECTIONS[alert["evidences"][0]["connection_info"]["direction_id"]]


def described(document: dict[str, Any]) -> dict[str, Any]:
    """An incident: kind, endpoints, counts."""
    ours = document["unmapped"]["oddflow"]
    return {
        "kind": ours["kind"],
        "severity": document["severity"],
        "alerts": ours["alerts"],
        "began_s": round(ours["first_seen"] - LEARNT.end),
        "lasted_s": round(ours["last_seen"] - ours["first_seen"]),
        "source": ours["sources"][0],
        "sources": len(ours["sources"]),
        "destination": ours["destinations"][0],
        "destinations": len(ours["destinations"]),
        "ports": sorted(ours["ports"])[:5],
        "unanswered": round(ours["unanswered_share"], 2),
        "src_bytes": ours["src_bytes"],
        "peak_score": round(ours["peak_score"], 2),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(judged(1_000), indent=1) + "\n", encoding="utf-8")
