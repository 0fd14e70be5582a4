"""Daemons that read one topic, alone and beside challengers of all sorts: what they emit is the same to the byte.

Alerts, incidents and scores are, keys, headers and times included. What a host risks is told once a batch, and in which
batches records come is no daemon's choice: these documents are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from detector.transport.base import OutRecord
from tests.bundles import as_read, bundle, ordinary_flows
from tests.conftest import MakeTopic
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import MODEL, Daemon, challenge, simulated, wait_for
from tests.transport.arena import consume, produce
from training.train import Recipe, train

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RECORDS, PIECE = 3_000, 500

HANGING = """
import threading
from detector.shadow.comparison import Comparison
Comparison.compare = lambda self: threading.Event().wait()
"""
"""Run at the start of a process, it has every challenger hang: no model by itself does."""


def crashing() -> Mapping[str, bytes]:
    """A challenger that needs a number which no flow here carries: an error at its first flows."""
    flows = ordinary_flows(1_500).with_columns(pl.lit(1.0).alias("extra.jitter"))
    recipe = Recipe(kind="isolation-forest", params={"n_estimators": 10}, folds=0, windows=None)
    return train(flows, recipe).bundle(MODEL, as_read(flows, "mapping"))


def challenged(daemon: Daemon, files: Mapping[str, bytes]) -> Daemon:
    """Give a daemon a challenger, that it scores beside its champion on every flow."""
    challenge(daemon.registry, files)
    daemon.settings["shadow"] = {"share": 1.0}
    return daemon


def emitted(daemon: Daemon) -> dict[str, list[OutRecord]]:
    """All that it wrote, by what it is."""
    topics = {"alerts": daemon.topics.alerts, "scores": daemon.topics.scores}
    topics["incidents"] = daemon.settings["output"]["incidents_topic"]
    return {what: consume(daemon.bootstrap, topic) for what, topic in topics.items()}


def test_challengers_change_no_byte(make_daemon: MakeDaemon, kafka: str, topic: MakeTopic) -> None:
    """Beside a challenger that compares, one that crashes and one that hangs, a champion emits what it does alone."""
    flows = topic()

    def reading(name: str) -> Daemon:
        daemon = make_daemon(
            windows=True,
            kafka={"group": f"{name}-{flows}"},
            alerts={"false_incidents_per_day": 1_000},
            output={"incidents_topic": topic()},
            shutdown={"deadline_s": 5.0},
        )
        daemon.topics = replace(daemon.topics, flows=flows)
        return daemon

    alone, good = reading("alone"), challenged(reading("good"), bundle(1, windows=True))
    bad, hung = challenged(reading("bad"), crashing()), challenged(reading("hung"), bundle(1, windows=True))
    every = (alone, good, bad, hung)
    for daemon in every:
        daemon.launch(harm=HANGING if daemon is hung else "")
    for daemon in every:
        daemon.wait_until_up()
    values, sent = simulated(RECORDS), 0
    while sent < RECORDS:
        produce(kafka, flows, [OutRecord(value) for value in values[sent : sent + PIECE]])
        sent += PIECE
        for daemon in every:
            daemon.wait_until_handled(sent)
    wait_for(lambda: good.total("oddflow_shadow_flows_total") > 0 and bool(bad.events("shadow.failed")))
    assert good.total("oddflow_shadow_flows_total") > 0
    (failed,) = bad.events("shadow.failed")
    assert (failed["reason"], "extra.jitter" in failed["detail"]) == ("crash", True)
    assert (len(hung.events("shadow.begun")), hung.total("oddflow_shadow_flows_total")) == (1, 0)
    assert [daemon.stop() for daemon in every] == [0, 0, 0, 0]
    expected = emitted(alone)
    assert len(expected["alerts"]) > 1_000
    assert len(expected["incidents"]) > 100
    for daemon in every[1:]:
        assert emitted(daemon) == expected
