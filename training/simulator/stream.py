"""Traffic for a live stream: values and keys of Kafka records, and pacing.

The demo's way: ``for frame in scenario.frames(rows=500): send(keys(frame), encode(frame, "zeek-json"))``.
"""

from __future__ import annotations

import polars as pl

from training.simulator.writers import writer_named


def encode(frame: pl.DataFrame, format: str, *, labels: bool = False) -> list[bytes]:  # noqa: A002
    """One value per flow, in order. Raises ConfigurationError for an unknown format."""
    return writer_named(format).write(frame, labels=labels).values()


def keys(frame: pl.DataFrame) -> list[bytes]:
    """The key of each flow's record: its source address, so that a source's flows stay in one partition."""
    encoded: list[bytes] = frame["src_ip"].cast(pl.Binary).to_list()
    return encoded
