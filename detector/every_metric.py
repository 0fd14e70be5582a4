"""Every metric of the daemon, each of its series there from the start."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from detector.incidents import events as incident_events
from detector.notify import events as notify_events
from detector.pipeline import events as pipeline_events
from detector.records import events as record_events
from detector.shadow import events as shadow_events
from detector.suppression import events as suppression_events
from detector.telemetry.metrics import Metrics
from detector.transport import events as transport_events

BEGUN_BY = (
    record_events,
    incident_events,
    notify_events,
    pipeline_events,
    shadow_events,
    suppression_events,
    transport_events,
)
"""Events whose series are named by what only their own package knows, such as reasons or severities."""


def open_metrics(registry: CollectorRegistry) -> Metrics:
    """Declare all metrics on ``registry``."""
    metrics = Metrics(registry)
    for events in BEGUN_BY:
        events.begin(metrics)
    return metrics
