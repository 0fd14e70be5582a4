"""Flows that never have bytes, packets or a duration: told, since no record is faulty for it."""

from __future__ import annotations

import json

from detector.pipeline.format_fit import ENOUGH, FitWatch
from detector.records.events import MeasuresMissing
from detector.records.every_format import open_decoder
from detector.records.measures import lacking_measures


def conn(number: int, **more: object) -> bytes:
    """A Zeek connection without measures, but for ``more``."""
    ends = {"id.orig_h": "10.0.0.1", "id.orig_p": 1 + number, "id.resp_h": "10.0.0.2", "id.resp_p": 443, "proto": "tcp"}
    return json.dumps({"ts": 1.7e9 + number, "uid": f"C{number}", **ends, **more}).encode()


def told(*batches: list[bytes]) -> list[MeasuresMissing]:
    """What is said of batches of Zeek's records."""
    said: list[object] = []
    watch = FitWatch(open_decoder("zeek"), "zeek", said.append)
    for batch in batches:
        watch.decode(batch)
    return [event for event in said if isinstance(event, MeasuresMissing)]


def test_measures_that_no_flow_has_are_told_once() -> None:
    """After the first hundred flows each measure that none of them has is named, however they come in batches."""
    records = [conn(number, duration=1.0) for number in range(3 * ENOUGH)]
    whole, pieces = told(records), told(*([record] for record in records))
    assert [event.measures for event in whole] == [event.measures for event in pieces] == [("bytes", "packets")]


def test_a_measure_that_some_flow_has_is_not_missing() -> None:
    """One flow with a value is enough: a field that is often absent is not one under another name."""
    some = conn(0, duration=0.1, orig_bytes=1, orig_pkts=1)
    assert told([some, *(conn(number) for number in range(1, ENOUGH))]) == []
    assert told([some], [conn(number) for number in range(1, ENOUGH + 1)]) == []


def test_all_measures_are_named() -> None:
    """A frame says which measures it lacks."""
    frame = open_decoder("zeek").decode([conn(number) for number in range(3)]).frame
    assert lacking_measures(frame) == ("durations", "bytes", "packets")
