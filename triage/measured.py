"""What the database tells Prometheus: how models do by what people say, and what waits. Asked when it is scraped.

Bounded: by the model versions that raised incidents last. Asked for more often than every :data:`FRESH_S` it gives the
same again; while the database fails it gives nothing of it, since old figures would reassure for nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from triage.errors import StoreError
from triage.outbox import waiting
from triage.retention import size_bytes
from triage.store.engine import Database
from triage.store.figures import BOUNDS_S, Figures, figures
from triage.telemetry import DatabaseFailed, Tell

FRESH_S = 10.0

VERDICTS = ("true", "false", "unsure", "none")


class FromDatabase(Collector):
    """A collector for a registry."""

    def __init__(
        self, database: Database, budget_per_day: float, tell: Tell, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._budget_per_day = budget_per_day
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._families: Sequence[Metric] = ()

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering asks no database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Give the families, as of now or a little before."""
        with self._lock:
            now = time.monotonic()
            if self._asked is None or now - self._asked >= FRESH_S:
                self._families = self._ask()
                self._asked = now
            return list(self._families)

    def _ask(self) -> Sequence[Metric]:
        now = self._clock()
        try:
            with self._database.read() as session:
                found = figures(session, now, self._budget_per_day)
                count, oldest = waiting(session)
                size = size_bytes(session)
        except StoreError as error:
            self._tell(DatabaseFailed("figures", str(error)))
            return ()
        since = 0.0 if oldest is None else max(now - oldest, 0.0)
        return [
            _gauge("outbox_waiting", "Labels and suppressions that are not sent yet.", count),
            _gauge("outbox_oldest_seconds", "For how long the oldest of them waits.", since),
            _gauge("database_bytes", "How large the database is, about.", size),
            *_by_version(found),
        ]


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"oddflow_triage_{name}", words, value=value)


def _by_version(found: Sequence[Figures]) -> Iterator[Metric]:
    incidents = GaugeMetricFamily(
        "oddflow_triage_incidents",
        "Incidents stored, by the model that raised them and the last word: true, false, unsure or none.",
        labels=["model_version", "verdict"],
    )
    shares = {
        name: GaugeMetricFamily(f"oddflow_triage_{name}", words, labels=["model_version"])
        for name, words in (
            ("precision_ratio", "True ones among the incidents that were called true or false."),
            ("precision_low_ratio", "The lower end of its 95 % interval (Wilson)."),
            ("precision_high_ratio", "The upper end."),
            ("budget_used_ratio", "Incidents of the last day over the false ones a day that alerts may cost."),
        )
    }
    waits = HistogramMetricFamily(
        "oddflow_triage_label_delay_seconds",
        "From when an incident was first told to the last word on it.",
        labels=["model_version"],
    )
    for each in found:
        version = each.model_version  # empty where no document tells one, which no version is
        for verdict in VERDICTS:
            incidents.add_metric([version, verdict], each.verdicts[verdict])
        if each.precision is not None:
            shares["precision_ratio"].add_metric([version], each.precision.share)
            shares["precision_low_ratio"].add_metric([version], each.precision.low)
            shares["precision_high_ratio"].add_metric([version], each.precision.high)
        if each.budget_share is not None:
            shares["budget_used_ratio"].add_metric([version], each.budget_share)
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        waits.add_metric([version], list(zip(bounds, map(float, each.waits), strict=True)), each.waits_sum_s)
    yield incidents
    yield from shares.values()
    yield waits
