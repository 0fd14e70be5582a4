"""What the judge remembers and tells."""

from __future__ import annotations

from collections.abc import Iterable

from detector.alerts.build import AlertBuilder
from detector.alerts.content import Content
from detector.alerts.writer import AlertWriter
from detector.decisions.decide import Budget
from detector.records.every_format import open_decoder
from detector.scoring.judge import Judge
from detector.telemetry.events import silent
from detector.transport.base import OutRecord
from tests.golden.day import NoOther, batch, model, records


class NoWriter(AlertWriter):
    """Whoever writes an alert fails."""

    def write(self, alerts: Iterable[Content]) -> list[OutRecord]:
        """Fail."""
        raise AssertionError(list(alerts))


def judge(writer: AlertWriter) -> Judge:
    """A daemon's."""
    return Judge(
        model(),
        incoming=NoOther(),
        budget=Budget(incidents_per_day=30.0),
        builder=AlertBuilder(),
        writer=writer,
        write_scores=True,
        write_incidents=True,
        tell=silent,
    )


def test_what_is_remembered_is_what_judging_leaves_and_no_document_is_made_for_it() -> None:
    """Flows gone through again after a restart leave windows, evidence and incidents as judging did, unwritten."""
    decoder, values = open_decoder("zeek"), records()[:3_000]
    judged, remembered = judge(AlertWriter()), judge(NoWriter())
    for first in range(0, len(values), 500):
        raw = batch(values[first : first + 500], first)
        judged.judge(raw, decoder.decode(raw.values))
        remembered.remember(raw, decoder.decode(raw.values))
    assert judged.memory.incidents.open
    assert remembered.memory.freeze(0)() == judged.memory.freeze(0)()
