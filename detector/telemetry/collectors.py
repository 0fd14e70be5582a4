"""Kinds of metric that the client library lacks: histograms fed by arrays, and gauges that show only what is known.

Each registers itself on the registry given, and is safe to use from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike, NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class BulkHistogram(Collector):
    """A histogram that takes whole arrays: exact counts for about ten nanoseconds a value, no call a record."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds: NDArray[np.float64] = np.asarray(bounds, dtype=np.float64)
        self._counts: NDArray[np.int64] = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: ArrayLike) -> None:
        """Count every value into the first bucket whose bound is not below it."""
        array = np.asarray(values, dtype=np.float64)
        counts = np.bincount(np.searchsorted(self._bounds, array, side="left"), minlength=len(self._counts))
        total = float(array.sum())
        with self._lock:
            self._counts += counts
            self._sum += total

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Give the one family, with cumulative buckets."""
        with self._lock:
            counts, total = self._counts.tolist(), self._sum
        names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], list(zip(names, accumulate(counts), strict=True)), total)
        yield family


class ReplacedGauge(Collector):
    """A gauge with one label whose series are replaced all at once, so that none of an earlier model stays."""

    def __init__(self, name: str, documentation: str, label: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._label = label
        self._values: Mapping[str, float] = {}
        registry.register(self)

    def replace(self, values: Mapping[str, float]) -> None:
        """Show these, by the label's value, and no others."""
        self._values = dict(values)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give the one family."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=[self._label])
        for value, number in self._values.items():
            family.add_metric([value], number)
        yield family


class KnownGauge(Collector):
    """A gauge without a sample until it is set first: a 0 that nobody has found out would reassure for nothing."""

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._value: float | None = None
        registry.register(self)

    def set(self, value: float) -> None:
        """Show this from now on."""
        self._value = float(value)

    def set_to_current_time(self) -> None:
        """Show the time now, in seconds since 1970."""
        self.set(time.time())

    def forget(self) -> None:
        """Show nothing: it is not known any more, or does not apply."""
        self._value = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give the one family, with a sample if it is known."""
        family = GaugeMetricFamily(self._name, self._documentation)
        if (value := self._value) is not None:
            family.add_metric([], value)
        yield family
