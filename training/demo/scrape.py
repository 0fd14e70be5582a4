"""The daemon's metrics, scraped over HTTP as Prometheus would."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

SCRAPE_S = 2.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """All samples at one moment. Counters are since the daemon's start."""

    samples: list[Sample]

    def total(self, name: str, **labels: str) -> float:
        """Sum the samples of that name that carry these labels."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def label(self, name: str, label: str) -> str:
        """The label's value on the first sample of that name; empty if there is none."""
        return next((s.labels[label] for s in self.samples if s.name == name), "")


def scrape(port: int) -> Scrape | None:
    """Read the metrics of the daemon on this machine; None while it does not answer."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SCRAPE_S) as response:
            return parse(response.read().decode())
    except (URLError, HTTPException, ConnectionError, TimeoutError):
        return None


def has_started(port: int) -> bool:
    """Whether the daemon says that it has."""
    return (seen := scrape(port)) is not None and seen.total("oddflow_start_timestamp_seconds") > 0


def parse(text: str) -> Scrape:
    """Take a scrape apart."""
    return Scrape([sample for family in text_string_to_metric_families(text) for sample in family.samples])
