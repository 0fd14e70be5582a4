"""Documents that the daemon writes are those that readers take."""

from __future__ import annotations

import pytest

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.casebook.words import row, sections
from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from tests.incidents.shapes import put_all, scan


@pytest.mark.parametrize("shape", ["ocsf", "ecs"])
def test_a_written_incident_is_read(shape: str) -> None:
    """A document of either shape comes back with its counts, and its page has every part, in the latest revision."""
    book, latest = IncidentBook(), Latest()
    put_all(book, scan(40))
    book.close_all()
    for record in write_incidents(book.take(), shape):
        latest.put(read_told(record.value or b""))
    last = [told for told in latest if not told.ours.merged_into]
    assert [row(told, latest).who for told in last] == ["192.168.1.5 → 40 hosts port 445"]
    assert [(told.headline, told.ours.alerts, told.ours.step) for told in last] == [
        ("Sweep of 40 hosts on port 445 by 192.168.1.5", 40, "close")
    ]
    parts = dict(sections(last[0], latest))
    techniques = "T1046 Network Service Discovery, T1018 Remote System Discovery, tactic TA0007 Discovery, sure"
    assert parts["att&ck"] == (techniques,)
    assert {"what", "kind", "check", "often only", "when", "state", "strongest alerts", "first flows", "models"} <= set(
        parts
    )
