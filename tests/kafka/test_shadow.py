"""A daemon on a real Kafka that compares a challenger, promotes it by itself, and rolls a bad one back."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.registry.registry import Registry
from tests.bundles import judged, verdict
from tests.faults.recorder import Recorder
from tests.faults.test_rules import PROVOKED
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import MODEL, Trickle, challenge, promote, publish, simulated, wait_for

pytestmark = pytest.mark.kafka


def test_a_challenger_is_promoted_and_a_bad_champion_rolled_back(
    make_daemon: MakeDaemon, kafka: str, tmp_path: Path
) -> None:
    """A challenger that keeps the rules becomes champion by itself; one that raises too many incidents goes again.

    The rollback is told by an alert rule.
    """
    rules = {
        "share": 1.0,
        "figures_interval_s": 0.2,
        "promote": True,
        "rollback": True,
        "hold_s": 60.0,
        "least_flows": 500,
        "least_sources": 5,
        "least_agreement": 0.0,
        "most_gained_per_day": 1e9,
        "most_lost_per_day": 1e9,
        "largest_latency_ratio": 1e9,
        "rollback_above_per_day": 1e9,
    }
    daemon = make_daemon(windows=True, shadow=rules, alerts={"false_incidents_per_day": 100})
    registry = Registry(str(daemon.registry))
    first = registry.resolve(MODEL)
    daemon.start()
    with (
        Trickle(kafka, daemon.topics.flows, simulated(20_000), per_s=1_000),
        Recorder(daemon.port, period_s=0.5) as recorder,
    ):
        second = challenge(daemon.registry, judged(1, verdict(True), windows=True))
        wait_for(lambda: daemon.total("oddflow_shadow_flows_total") > 0)
        wait_for(lambda: registry.resolve(MODEL) == second)
        wait_for(lambda: len(daemon.events("model.swapped")) == 2)
        daemon.stop()
        (moved,) = daemon.events("model.promoted")
        assert (moved["old"], moved["new"]) == (first, second)
        assert registry.history(MODEL)[-1].by.startswith("oddflow detect")
        third = publish(daemon.registry, 2, promote=False, windows=True)
        promote(daemon.registry, third)
        daemon.settings["shadow"] = {**rules, "promote": False, "rollback_above_per_day": 0}
        daemon.start()
        wait_for(lambda: registry.resolve(MODEL) == second)
        wait_for(lambda: bool(daemon.events("model.rolled_back")))
        recorder.wait(4)
    assert daemon.stop() == 0
    assert registry.resolve(MODEL) == second
    last = registry.history(MODEL)[-1]
    assert (last.action, last.previous) == ("rollback", third)
    assert "at most 0 a day are asked for" in last.reason
    assert daemon.events("shadow.failed") == []
    assert recorder.fired(tmp_path) >= PROVOKED["a bad champion"]
