"""The ways as a daemon has them: which are served, by which group, and what of it is counted."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from detector.daemon import Daemon
from detector.deadline import Deadline
from detector.every_metric import open_metrics
from detector.notify import couriers
from detector.notify.couriers import Couriers, group_of
from detector.notify.events import (
    AttemptFailed,
    CourierFailed,
    DocumentsUnfit,
    Gathered,
    MessageSent,
    NotifyBegun,
    PlacesNotCommitted,
    WaitingSeen,
)
from detector.settings.notify import Notify
from detector.settings.tree import Settings
from detector.telemetry.events import Event, Telemetry, Tell
from detector.telemetry.logs import open_log
from detector.transport.events import BrokerLost, PartitionsLost, RecordsLost, TopicReplaced
from detector.transport.memory import MemorySource, MemoryTopic
from tests.kafka.world import wait_for

SLACK: Mapping[str, Any] = {"slack": {"url": "https://hooks.example/top-secret-path"}}


class Watched:
    """Metrics and a log, and what was told."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry(open_metrics(self.registry), open_log(self.log))
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        """Note and record it."""
        self.told.append(event)
        self.telemetry.tell(event)

    def value(self, name: str, **labels: str) -> float | None:
        """A sample."""
        return self.registry.get_sample_value(f"oddflow_notify_{name}", {"way": "slack", **labels})


@pytest.mark.parametrize(
    ("more", "served"),
    [
        ({}, False),
        (SLACK, True),
        ({**SLACK, "notify": {"in_daemon": False}}, False),
        ({**SLACK, "input": {"transport": "files", "paths": ["x"]}}, False),
    ],
)
def test_a_daemon_serves_the_ways_that_are_set(more: Mapping[str, Any], served: bool) -> None:
    """Where a way is set, unless another process is to do it, or files are read."""
    found = Daemon(Settings(**more), Watched().telemetry)._build_couriers()
    assert [courier.name for courier in found or ()] == (["slack"] if served else [])


def test_each_way_has_its_group() -> None:
    """Named after the daemon's group, or as the setting says."""
    assert group_of(Settings(), "slack") == "oddflow-notify-slack"
    assert group_of(Settings(notify=Notify(group="mail")), "syslog") == "mail-syslog"


@pytest.mark.parametrize("alone", [False, True])
def test_what_its_reader_tells_is_none_of_the_pipelines_figures(monkeypatch: pytest.MonkeyPatch, alone: bool) -> None:
    """Documents that were lost are counted by the way; of brokers it tells only where no daemon does."""
    watched, tells = Watched(), list[Tell]()

    def opened(settings: Settings, topic: str, group: str, tell: Tell) -> MemorySource:
        assert (topic, group) == (settings.output.incidents_topic, "oddflow-notify-slack")
        tells.append(tell)
        return MemorySource(topic=MemoryTopic())

    monkeypatch.setattr(couriers, "open_reader", opened)
    both = Couriers(Settings(**SLACK), watched.tell, alone=alone)
    both.start()
    wait_for(lambda: bool(tells))
    both.stop(Deadline.after(30.0))
    for event in (
        RecordsLost("oddflow.incidents", 0, 5, 12),
        TopicReplaced("oddflow.incidents", "a", "b", unread=3),
        TopicReplaced("oddflow.incidents", "a", "b"),
        PartitionsLost([0]),
        BrokerLost("away"),
    ):
        tells[0](event)
    assert watched.value("lost_documents_total") == 10.0
    assert watched.registry.get_sample_value("oddflow_records_lost_total") == 0.0
    assert [type(each) for each in watched.told if isinstance(each, PartitionsLost | BrokerLost)] == (
        [BrokerLost] if alone else []
    )


def test_everything_is_counted_by_its_way() -> None:
    """Each event has its sample; what goes wrong is logged once for an outage, and what is given up by its key."""
    watched = Watched()
    failed = AttemptFailed("slack", "throttled", "answered 429", 5.04, given_up=False, key="k")
    for event in (
        NotifyBegun("slack", "g"),
        failed,
        failed,
        AttemptFailed("slack", "refused", "answered 404", 0.0, given_up=True, key="key-of-it"),
        Gathered("slack", "age"),
        DocumentsUnfit("slack", 2, "why"),
        CourierFailed("slack", "BrokerError: away", 1.0),
        PlacesNotCommitted("slack", "no right"),
        WaitingSeen("slack", 12.5),
        MessageSent("slack", "digest", 3),
        failed,
    ):
        watched.tell(event)
    assert {
        "sent": watched.value("sent_total", what="digest"),
        "throttled": watched.value("failed_total", reason="throttled"),
        "refused": watched.value("failed_total", reason="refused"),
        "retries": watched.value("retries_total"),
        "given up": watched.value("given_up_total"),
        "digested": watched.value("digested_total", why="age"),
        "unfit": watched.value("unfit_documents_total"),
        "commits": watched.value("commit_failures_total"),
        "restarts": watched.value("restarts_total"),
        "waiting": watched.value("oldest_waiting_seconds"),
        "never": watched.value("failed_total", reason="timeout"),
    } == {
        "sent": 1.0,
        "throttled": 3.0,
        "refused": 1.0,
        "retries": 3.0,
        "given up": 1.0,
        "digested": 1.0,
        "unfit": 2.0,
        "commits": 1.0,
        "restarts": 1.0,
        "waiting": 12.5,
        "never": 0.0,
    }
    assert (watched.value("last_success_timestamp_seconds") or 0.0) > 1.7e9
    log = watched.log.getvalue()
    assert (log.count("notify.failed"), log.count("notify.restored"), log.count("key-of-it")) == (2, 1, 1)
