"""Hosts' risks read back: the parts of partitions put together, faded until the latest, whatever is written there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.casebook.hosts import BANDS, HostRisks, read_host
from detector.decisions.severity import BANDS as SEVERITY_BANDS
from detector.errors import InputError
from detector.incidents.host_document import write_risks
from detector.incidents.hosts import COUNTED, HostRisk, Share, counted
from tests.casebook.documents import EVIL

T0 = 1_764_000_000.0


def document(host: str = "10.0.0.5", partition: int = 0, as_of: float = T0, **changes: Any) -> bytes:
    """One host's risk as a partition tells it."""
    incident = {"id": f"i{partition}", "kind": "scan", "role": "attacker", "risk": 60.0, "last_seen": T0}
    whole = {"host": host, "partition": partition, "as_of": as_of, "half_life_s": 3600.0, "incidents": [incident]}
    return json.dumps(whole | changes).encode()


def rows(*documents: bytes) -> list[tuple[str, float, str]]:
    """Hosts, risks and severities."""
    found = HostRisks()
    for each in documents:
        found.put(read_host(each))
    return [(row.host, round(row.risk, 1), row.severity) for row in found.rows()]


def test_the_bands_are_those_of_severities() -> None:
    """A reader has the same bands as the daemon."""
    assert tuple(SEVERITY_BANDS.values()) == BANDS


@given(st.lists(st.floats(1.0, 100.0), min_size=1, max_size=20))
def test_incidents_count_as_the_daemon_counts_them(risks: list[float]) -> None:
    """A reader sums a host's incidents as the daemon does: as many of them, with the same weights."""
    incidents = [{"id": f"i{place}", "risk": risk} for place, risk in enumerate(risks)]
    found = HostRisks()
    found.put(read_host(document(incidents=incidents)))
    ours, _ = counted(Share(risk, f"i{place}", "", "attacker", T0) for place, risk in enumerate(risks))
    assert [row.risk for row in found.rows()] == [pytest.approx(ours)]


def test_parts_of_partitions_are_one_host() -> None:
    """What several partitions tell of a host is put together, the gravest in full, the next half."""
    assert rows(document(), document(partition=1), document("10.0.0.6")) == [
        ("10.0.0.5", 90.0, "critical"),
        ("10.0.0.6", 60.0, "high"),
    ]


def test_risks_are_as_of_the_latest_document() -> None:
    """A document of an hour before the latest counts half; one that has faded away is not listed."""
    assert rows(document("a"), document("b", as_of=T0 + 3600.0), document("c", as_of=T0 - 36_000.0)) == [
        ("b", 60.0, "high"),
        ("a", 30.0, "medium"),
    ]


def test_the_later_document_counts() -> None:
    """Of one host and partition the later by event time counts, in whatever order they come."""
    later = document(as_of=T0 + 10.0, incidents=[{"id": "i", "risk": 20.0}])
    assert rows(later, document()) == rows(document(), later) == [("10.0.0.5", 20.0, "low")]


def test_what_is_written_is_read() -> None:
    """The daemon's own documents are read as they were meant."""
    shares = tuple(Share(80.0 - at, f"i{at}", "scan", "attacker", T0) for at in range(COUNTED))
    (record,) = write_risks([HostRisk("10.0.0.5", 3, T0, sum(s.points / 2**at for at, s in enumerate(shares)), shares)])
    told = json.loads(record.value or b"")
    assert rows(record.value or b"") == [("10.0.0.5", told["risk"], "critical")]


def test_texts_are_printable() -> None:
    """What a terminal would act on is spelt out."""
    found = HostRisks()
    found.put(read_host(document(EVIL, name=EVIL, incidents=[{"id": EVIL, "kind": EVIL, "role": EVIL, "risk": 50.0}])))
    (row,) = found.rows()
    assert "\x1b" not in row.host + row.what


def test_texts_are_bounded() -> None:
    """Megabytes of a document that somebody else wrote don't push everything else out of a list."""
    long = "x" * 1_000_000
    found = HostRisks()
    found.put(read_host(document(name=long, incidents=[{"id": long, "kind": long, "role": long, "risk": 50.0}])))
    (row,) = found.rows()
    assert len(row.host) + len(row.what) < 1_000


@pytest.mark.parametrize(
    "bad", [b"", b"{}", b"null", b"\xff", document(half_life_s=0), document(incidents=[{"id": "i", "risk": 1e9}])]
)
def test_what_is_no_risk_is_refused(bad: bytes) -> None:
    """Something else, or a figure out of bounds, is refused with a reason."""
    with pytest.raises(InputError):
        read_host(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No bytes do anything else."""
    try:
        told = read_host(data)
    except InputError:
        return
    assert told.host
