"""Labels in ``oddflow retrain --once``: one is enough for a false incident, and a flood of them is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from detector.bundle.files import read_bundle
from detector.bundle.manifest import LabelsTaught
from detector.feedback.label import write_label
from detector.records.flow import LABEL
from detector.registry.registry import Registry
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state
from detector.scoring.scorer import Scorer
from detector.transport.base import OutRecord
from tests.casebook.documents import ocsf
from tests.commands import Ran, run
from tests.conftest import MakeTopic
from tests.feedback.labels import label, uid
from tests.training.retrain.conftest import SMALL, given
from tests.training.small_days import DAY_S, NINE_S, flows_of
from tests.training.small_days import judged as rules_of
from tests.transport.arena import produce
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode

BUDGET = 30.0

FOREST = ("--kind", "isolation-forest", "--param", "n_estimators=20", "--folds", "0")

Labelled = Callable[..., Ran]

OPEN: Any = {"ports": [], "counts": {}, "strongest": [], "flows": []}
"""Of an incident's document that asks for no ports, and names no alerts and flows."""


@cache
def part_of(day: int) -> pl.DataFrame:
    """A part of one morning; on each but the first one host scans another, the same ones each day."""
    start = DEFAULT_START + day * DAY_S + NINE_S
    scenario = Scenario(seed=7, hosts=25, start=start, duration_s=1_500.0, attacks=())
    if day:
        scenario.inject("vertical-scan", start + 500.0, 250)
    return flows_of(scenario).with_columns(uid=pl.format("{}{}", pl.col("uid"), pl.lit(day)))


def scan_of(day: int) -> pl.DataFrame:
    """Its flows."""
    return part_of(day).filter(pl.col(ATTACK_ID).is_not_null())


def incident(day: int) -> bytes:
    """Its document; its id is that of the day."""
    scan = scan_of(day)
    source, destination = scan["src_ip"][0], scan["dst_ip"][0]
    first, last = float(scan["ts"][0]), float(scan["ts"][-1])
    return ocsf(id=uid(day), sources=[source], destinations=[destination], first_seen=first, last_seen=last, **OPEN)


@pytest.fixture
def labelled(places: tuple[str, ...], tmp_path: Path) -> Labelled:
    """Retrain on three mornings, with these lines of labels."""
    log, told, judged = (tmp_path / name for name in ("conn.log", "incidents.jsonl", "judged.jsonl"))
    frame = pl.concat([part_of(day) for day in range(3)]).drop(LABEL, ATTACK_ID)
    log.write_bytes(b"\n".join(encode(frame, "zeek-json")) + b"\n")
    told.write_bytes(incident(1) + b"\n" + incident(2) + b"\n")

    def call(*lines: bytes, **environment: str) -> Ran:
        judged.write_bytes(b"\n".join(lines))
        asked = (*given(log), "--incidents", str(told), "--judged", str(judged))
        environment |= {"ODDFLOW_ALERTS__FALSE_INCIDENTS_PER_DAY": str(BUDGET)}
        return run("retrain", *places, *FOREST, *asked, **environment)

    return call


def said(verdict: str, day: int, by: str = "ada") -> bytes:
    """Of the incident of a day."""
    return write_label(label(verdict, id=f"{verdict} {day} {by}", of={"incident": uid(day)}, by=by))


def flood(day: int) -> list[bytes]:
    """A label false of each flow of a day's scan."""
    return [
        json.dumps({"id": each, "label": "false", "by": "mallory", "at": "2026-11-24T10:00:00Z"}).encode()
        for each in scan_of(day)["uid"]
    ]


def share_raised(registry: Registry, version: str) -> float:
    """Of the scan of the morning after, by a daemon that begins with what training ended with."""
    model = read_bundle(registry.fetch("flows", version))
    frame, state = part_of(3), FlowState.fresh(model)
    partitions = np.zeros(len(frame), np.int32)
    begin_state(model, partitions, state)
    rates = Scorer(model, state).score(frame, partitions).rates
    assert rates is not None
    scan = frame[ATTACK_ID].is_not_null().to_numpy()
    return float(np.mean(rates[scan] <= BUDGET))


@pytest.mark.slow
def test_one_label_false_is_enough(labelled: Labelled, registry: Registry) -> None:
    """What nobody judged is raised on the morning after; once an incident was called false, it no longer is."""
    assert labelled().code == 0
    ran = labelled(said("false", 1), said("false", 2))
    assert (ran.code, "labels: 2 false" in ran.out) == (0, True), ran.err
    before, after = registry.versions("flows")
    assert share_raised(registry, before) > 0.5
    assert share_raised(registry, after) == 0.0
    taught = read_bundle(registry.fetch("flows", after)).manifest.training.taught
    assert isinstance(taught, LabelsTaught)
    assert (taught.false, taught.by, taught.days, taught.leaves) == (2, {"ada": 2}, {"2026-11-24": 2}, True)


@pytest.mark.slow
def test_what_was_judged_true_is_asked_of_the_new_model(labelled: Labelled, registry: Registry) -> None:
    """It has not seen these flows, and passes since it still raises them."""
    ran = labelled(said("true", 1), said("true", 2))
    assert ran.code == 0, ran.err
    assert "labels: 0 false and 2 true teach; by ada 2" in ran.out
    assert share_raised(registry, registry.resolve("flows")) > 0.5


@pytest.mark.slow
def test_a_flood_of_labels_false_on_an_attack_is_stopped(labelled: Labelled, registry: Registry) -> None:
    """The guards hold most of it back, the gate refuses the model for it, and both say who gave how many."""
    assert labelled().code == 0
    champion = registry.resolve("flows")
    lines, once = flood(2), {"ODDFLOW_FEEDBACK__LEAST_SHARE": "0"}  # else there is less room than the bound of labels
    ran = labelled(*lines, **once)
    assert ran.code == 9
    held = len(lines) - 100
    told = f"the guards hold back {held} of {len(lines)} labels false (by mallory {held})"
    assert told in " ".join(ran.err.split())
    assert f"labels: {held} do not teach: beyond what one host may say" in ran.out
    assert registry.aliases("flows") == {"champion": champion, "rejected": registry.versions("flows")[1]}
    found = rules_of(registry)["most_labels_held_back"]
    assert (found.passed, told in found.why) == (False, True)


@pytest.mark.slow
def test_a_flood_within_wide_bounds_is_stopped_by_what_others_judged(labelled: Labelled) -> None:
    """Where one makes an attack usual that another had judged true on an earlier day, the gate names what is lost."""
    wide = {f"ODDFLOW_FEEDBACK__LABELS_PER_{group}": "9999" for group in ("ANALYST", "HOST", "DAY")}
    ran = labelled(said("true", 1), *flood(2), **wide)
    assert ran.code == 9
    told = f"of 1 judged true 1 would be no longer raised ({uid(1)} by ada)"
    assert told in " ".join(ran.err.split())


@pytest.mark.kafka
def test_labels_are_read_from_their_topic(  # noqa: PLR0917 - fixtures
    places: tuple[str, ...], kafka: str, topic: MakeTopic, log: Path, frame: pl.DataFrame, registry: Registry
) -> None:
    """By itself, with foreign documents, ids of another cluster and doubled ones; a missing topic has none."""
    feedback, incidents = topic(2), topic()
    source, start, end = frame["src_ip"].mode()[0], float(frame["ts"][0]), float(frame["ts"][-1])
    one = ocsf(id=uid(1), sources=[source], destinations=[], first_seen=start, last_seen=end, **OPEN)
    produce(kafka, incidents, [OutRecord(one)])
    ours, others = said("false", 1), said("true", 77, "bo")
    produce(kafka, feedback, [OutRecord(each) for each in (ours, b'{"not": "ours"}', others, ours)], 1)
    asked = (*places, *SMALL, *given(log), "--bootstrap-servers", kafka)
    there = {"ODDFLOW_OUTPUT__INCIDENTS_TOPIC": incidents}
    ran = run("retrain", *asked, **there, ODDFLOW_FEEDBACK__TOPIC="not-there")
    assert (ran.code, "there is no topic not-there yet" in " ".join(ran.err.split())) == (0, True), ran.err
    ran = run("retrain", *asked, **there, ODDFLOW_FEEDBACK__TOPIC=feedback)
    assert ran.code == 0, ran.err
    assert f"1 of 4 documents on {feedback} are no labels" in " ".join(ran.err.split())
    assert "labels: 1 false" in ran.out
    assert "labels: 1 do not teach: none of their flows is here: older, or of another cluster" in ran.out
    ran = run("retrain", *asked, "--no-labels", **there, ODDFLOW_FEEDBACK__TOPIC=feedback)
    assert (ran.code, "labels:" in ran.out) == (0, False)
    assert len(registry.versions("flows")) == 3


def test_train_is_told_of_incidents_by_a_file(
    tmp_path: Path, log: Path, frame: pl.DataFrame, registry: Registry
) -> None:
    """Flows of an incident that was judged false teach, those of one that nobody judged are left out."""
    hosts = frame["src_ip"].value_counts(sort=True)["src_ip"].to_list()
    start, end = float(frame["ts"][0]), float(frame["ts"][-1])
    told, judged = tmp_path / "incidents.jsonl", tmp_path / "judged.jsonl"
    of: Any = {"destinations": [], "first_seen": start, "last_seen": end, **OPEN}
    told.write_bytes(b"\n".join(ocsf(id=uid(number), sources=[hosts[number]], **of) for number in (1, 2)))
    judged.write_bytes(said("false", 1))
    asked = ("--data", str(log), "--format", "zeek-json", "--registry", str(tmp_path / "registry"))
    ran = run("train", *asked, *SMALL, "--incidents", str(told), "--judged", str(judged))
    assert ran.code == 0, ran.err
    training = read_bundle(registry.fetch("flows", registry.resolve("flows"))).manifest.training
    assert isinstance(training.taught, LabelsTaught)
    counts = [int((frame["src_ip"] == hosts[number]).sum()) for number in (1, 2)]
    assert (training.taught.false, training.taught.flows) == (1, counts[0])
    assert training.rows == len(frame) - counts[1]
