"""The figures of a scrape that the demo shows and sums up."""

from __future__ import annotations

from dataclasses import dataclass

from training.demo.scrape import Scrape


@dataclass(frozen=True, slots=True)
class Gauges:
    """At one moment; counters are since the daemon's start."""

    read: int = 0
    scored: int = 0
    dead_lettered: int = 0
    passed_over: int = 0
    in_flight: int = 0
    alerts: int = 0
    lag: float = 0
    """Not a number while the brokers do not tell."""
    version: str = ""
    suppressions: int = 0
    """In force."""

    @classmethod
    def of(cls, scrape: Scrape) -> Gauges:
        """Pick them out."""
        return cls(
            read=int(scrape.total("oddflow_stage_records_out_total", stage="poll")),
            scored=int(scrape.total("oddflow_stage_records_out_total", stage="score")),
            dead_lettered=int(scrape.total("oddflow_outputs_acknowledged_total", channel="dead_letters")),
            passed_over=int(scrape.total("oddflow_records_passed_over_total")),
            in_flight=int(scrape.total("oddflow_in_flight_records")),
            alerts=int(scrape.total("oddflow_outputs_acknowledged_total", channel="alerts")),
            lag=scrape.total("oddflow_lag_records"),
            version=scrape.label("oddflow_model_info", "version"),
            suppressions=int(scrape.total("oddflow_suppressions")),
        )

    @property
    def balanced(self) -> bool:
        """Whether every record read is accounted for."""
        return self.read == self.scored + self.dead_lettered + self.passed_over + self.in_flight
