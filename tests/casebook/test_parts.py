"""What several partitions told of one thing, as one incident."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest

from detector.alerts.decided import BANDS
from detector.alerts.raised import Raised
from detector.casebook.latest import Latest
from detector.casebook.text_page import text_page
from detector.casebook.told import FIRST_LEVEL_ID, LEVELS, Distinct, Told, read_told
from detector.casebook.wanted import Wanted, parse_kinds
from detector.casebook.whole_document import ECS_LEVELS, whole_document
from detector.casebook.words import rows
from detector.decisions.severity import Severity
from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from detector.incidents.kinds import NAMES
from detector.incidents.wholes import named
from tests.alerts.contents import alert
from tests.casebook.documents import START, ecs, ocsf
from tests.standards import ecs as standards_ecs
from tests.standards import ocsf as standards_ocsf

T0 = 1.7e9

SOURCES = {"distinct": 40, "or_more": False}


def part(partition: int, **changes: Any) -> dict[str, Any]:
    """What one partition told of a flood: ten alerts from each of forty sources, the first of which it names."""
    return {
        "id": f"a{partition}",
        "kind": "flood",
        "headline": "Flood of 10.0.0.5 port 80",
        "focus": "destination",
        "alerts": 400,
        "counts": {"sources": SOURCES},
        "sources": [f"198.51.{partition}.{n}" for n in range(30)],
        "destinations": ["10.0.0.5"],
        "ports": [80],
        "flows": [{"alert": "a1", "topic": "flows", "partition": partition, "offset": 7, "uid": "C"}],
        "first_seen": START + partition,
        "last_seen": START + 60.0 + partition,
        "unanswered_share": 1.0,
    } | changes


def wholes(*parts: dict[str, Any], fits: Callable[[Told], bool] = lambda _: True) -> list[Told]:
    """What is shown of these."""
    latest = Latest(fits=fits)
    for each in parts:
        latest.put(read_told(ocsf(**each)))
    return latest.wholes()


def shown(*parts: dict[str, Any]) -> list[set[str]]:
    """Which of these are shown as one."""
    return [{each.ours.id for each in told.parts} or {told.ours.id} for told in wholes(*parts)]


PAIR: dict[str, Any] = {"focus": "both", "counts": {}}


def pair(partition: int, source: str, **changes: Any) -> dict[str, Any]:
    """What a partition told of one source of a few."""
    return part(partition, **(PAIR | {"id": source, "sources": [source]} | changes))


@pytest.mark.parametrize(
    ("parts", "together"),
    [
        ([part(0), part(1), part(2)], [{"a0", "a1", "a2"}]),
        ([part(0), part(0, id="b")], [{"a0"}, {"b"}]),  # what one partition told apart
        ([part(0), part(1, destinations=["10.0.0.6"])], [{"a0"}, {"a1"}]),
        ([part(0), part(1, ports=[81])], [{"a0"}, {"a1"}]),
        ([part(0), part(1, first_seen=START + 660.0, last_seen=START + 661.0)], [{"a0", "a1"}]),
        ([part(0), part(1, first_seen=START + 660.1, last_seen=START + 661.0)], [{"a0"}, {"a1"}]),
        ([part(0), part(1, merged_into="c")], [{"a0"}]),
        ([part(0), pair(1, "10.9.9.1")], [{"a0", "10.9.9.1"}]),
        ([part(0), pair(1, "10.9.9.1", ports=[80, 81])], [{"a0"}, {"10.9.9.1"}]),
        ([pair(n, f"10.9.9.{n}") for n in range(3)], [{"10.9.9.0", "10.9.9.1", "10.9.9.2"}]),
        ([pair(n, f"10.9.9.{n}") for n in range(2)], [{"10.9.9.0"}, {"10.9.9.1"}]),
        ([pair(0, f"10.9.9.{n}") for n in range(3)], [{"10.9.9.0"}, {"10.9.9.1"}, {"10.9.9.2"}]),
        (
            [pair(n, f"10.9.9.{n}", unanswered_share=float(n > 0)) for n in range(3)],
            [{"10.9.9.0"}, {"10.9.9.1"}, {"10.9.9.2"}],
        ),
        ([pair(n, "10.9.9.1", id=f"b{n}", ports=[80, 81]) for n in range(2)], [{"b0", "b1"}]),  # a topic without keys
        ([part(n, focus="source", sources=["10.9.9.1"]) for n in range(2)], [{"a0", "a1"}]),
        (
            [part(n, focus="source", sources=["10.9.9.1"], unanswered_share=float(n)) for n in range(2)],
            [{"a0"}, {"a1"}],
        ),
        (
            [part(n, focus="source", sources=["10.9.9.1"], ports=[n], unanswered_share=0.0) for n in range(2)],
            [{"a0"}, {"a1"}],
        ),
        ([part(0, focus=""), part(1, focus="")], [{"a0"}, {"a1"}]),
    ],
)
def test_which_are_one(parts: list[dict[str, Any]], together: list[set[str]]) -> None:
    """Those of different partitions that are near in time and of the same target, pair or source are one."""
    for order in permutations(parts):
        found = shown(*order)
        assert (sorted(map(sorted, found)), len(found)) == (sorted(map(sorted, together)), len(together))


def test_parts_are_summed_up() -> None:
    """The whole has the first part's id, all alerts and sources, the time of all, and the highest severity."""
    latest = Latest()
    for number in range(3):
        latest.put(read_told(ocsf(**part(number, src_bytes=5), severity_id=3 + number % 2)))
    (told,) = latest.wholes()
    ours = told.ours
    assert (ours.id, ours.alerts, ours.first_seen, ours.last_seen) == ("a0", 1_200, START, START + 62.0)
    assert (ours.counts["sources"], ours.counts["ports"], told.severity) == (Distinct(120), Distinct(1), "high")
    assert (ours.size, ours.src_bytes) == ("1,200 alerts in 62 s, from 120 sources, told by 3 partitions", 15)
    assert [row.who for row in rows(latest)] == ["120 sources → 10.0.0.5 port 80"]
    assert "part of a0" in text_page(latest.find("a1"), latest)
    assert "a2 Flood of 10.0.0.5 port 80" in text_page(told, latest, width=200)


def test_the_rarest_alerts_of_all_parts_are_shown_first() -> None:
    """Rarity counts before the score, as within one partition; documents without it come last."""
    told: list[dict[str, Any]] = [
        {"score": 0.9},
        {"score": 0.3, "decades": 2.0, "view": "regularity"},
        {"score": 0.5, "decades": 2.0},
    ]
    (whole,) = wholes(*(part(n, strongest=[{"alert": f"a{n}", "why": "", **each}]) for n, each in enumerate(told)))
    assert [each.alert for each in whole.ours.strongest] == ["a1", "a2", "a0"]


@pytest.mark.parametrize(
    ("sources", "counts", "whole"),
    [
        ((["a", "b"], ["b", "c"]), (2, 2), Distinct(3)),
        ((["a"], ["b"]), (40, 50), Distinct(90)),
        ((["a", "b"], ["b", "c"]), (40, 50), Distinct(50, or_more=True)),
    ],
)
def test_sources_are_counted_as_far_as_they_are_certain(
    sources: tuple[list[str], ...], counts: tuple[int, ...], whole: Distinct
) -> None:
    """Complete lists are counted exactly, different ones summed up; of lists that overlap what is certain is told."""
    told = wholes(
        *(
            part(n, sources=listed, counts={"sources": {"distinct": count, "or_more": False}})
            for n, (listed, count) in enumerate(zip(sources, counts, strict=True))
        )
    )
    assert [each.ours.counts["sources"] for each in told] == [whole]


def test_an_endless_count_stays_endless() -> None:
    """Where one part no longer counted, the whole is that many *or more*."""
    endless = {"sources": {"distinct": 1_000, "or_more": True}}
    (told,) = wholes(part(0, counts=endless), part(1))
    assert told.ours.counts["sources"] == Distinct(1_040, or_more=True)


def test_the_headline_has_all_sources() -> None:
    """Where a part's headline names its sources, the whole's names those of all."""
    (told,) = wholes(
        *(pair(n, f"10.9.9.{n}", headline=f"Password guessing? 10.9.9.{n} → 10.9.9.11 port 80") for n in range(3))
    )
    assert told.headline == "Password guessing? 3 sources → 10.9.9.11 port 80"
    (told,) = wholes(*(part(n, headline="Unusual: 40 sources → 10.0.0.5 port 80") for n in range(2)))
    assert told.headline == "Unusual: 80 sources → 10.0.0.5 port 80"


def test_what_is_suppressed_is_a_part_of_nothing_that_is_not() -> None:
    """Its alerts are told of nobody; two parts that are suppressed are one."""
    parts = [part(0), part(1, suppressed_by=["r1"]), part(2, suppressed_by=["r1"])]
    assert [told.ours.alerts for told in wholes(*parts)] == [400, 800]


def test_a_whole_is_over_when_all_parts_are() -> None:
    """One open part keeps it open."""
    parts = [part(0, step="close"), part(1, step="close"), part(2, alerts=1, step="open")]
    assert [told.ours.step for told in wholes(*parts)] == ["update"]
    assert [told.ours.step for told in wholes(*parts[:2])] == ["close"]


def test_what_is_asked_for_is_asked_of_the_whole() -> None:
    """A part that alone is not asked for is counted where the whole is, and no part is shown where it is not."""
    parts = [part(0), part(1, kind="other", alerts=5)]
    assert [told.ours.alerts for told in wholes(*parts, fits=Wanted(kinds=parse_kinds(["flood"], NAMES)).fits)] == [405]
    assert wholes(*parts, fits=Wanted(kinds=parse_kinds(["other"], NAMES)).fits) == []


@pytest.mark.parametrize("shape", [ocsf, ecs])
def test_the_whole_has_a_document(shape: Callable[..., bytes]) -> None:
    """Read back, the document of a whole says what the whole says, and it names its parts."""
    documents = {f"a{number}": shape(**part(number)) for number in range(3)}
    latest = Latest()
    for each in documents.values():
        latest.put(read_told(each))
    (told,) = latest.wholes()
    document = whole_document(told, documents)
    again = read_told(document)
    names = ("id", "kind", "alerts", "size", "counts", "sources", "first_seen", "last_seen", "step", "revision")
    assert [getattr(again.ours, name) for name in names] == [getattr(told.ours, name) for name in names]
    assert (again.headline, again.severity, again.techniques) == (told.headline, told.severity, told.techniques)
    whole = json.loads(document)
    assert (whole.get("unmapped") or whole)["oddflow"]["parts"] == ["a0", "a1", "a2"]


def flood(count: int, partition: Callable[[int], int]) -> list[Raised]:
    """Connections to one service, unanswered, each source with three, in the partition of its number."""
    return [
        alert(
            n,
            ts=T0 + n / 20,
            src_ip=f"198.51.{n % 100}.7",
            dst_ip="10.0.0.5",
            dst_port=80,
            state="S0",
            duration_s=0.0,
            partition=partition(n % 100),
        )
        for n in range(count)
    ]


def read(alerts: Sequence[Raised], shape: str) -> tuple[Latest, dict[str, bytes]]:
    """What a daemon writes of these, read."""
    book, latest, documents = IncidentBook(), Latest(named=named), dict[str, bytes]()
    for each in alerts:
        book.put(each)
    book.close_all()
    for record in write_incidents(book.take(), shape):
        latest.put(told := read_told(record.value or b""))
        documents[told.ours.id] = record.value or b""
    return latest, documents


@pytest.mark.parametrize("shape", ["ocsf", "ecs"])
@pytest.mark.parametrize("partitions", [4, 16, 60])
def test_partitions_change_nothing_for_the_reader(partitions: int, shape: str) -> None:
    """A flood from a hundred sources over some partitions is told as the one that a single partition tells."""
    (alone,) = read(flood(300, lambda _: 0), shape)[0].wholes()
    latest, documents = read(flood(300, lambda source: source % partitions), shape)
    (told,) = latest.wholes()
    names = ("alerts", "first_seen", "last_seen", "src_bytes", "dst_bytes", "unanswered_share", "ports", "step")
    assert [getattr(told.ours, name) for name in names] == [getattr(alone.ours, name) for name in names]
    assert told.ours.counts["sources"] == alone.ours.counts["sources"] == Distinct(100)
    again = read_told(whole_document(told, documents))
    assert (again.ours.alerts, again.ours.risk, again.severity) == (300, told.ours.risk, told.severity)
    assert told.severity == alone.severity == "medium"
    assert told.ours.risk == pytest.approx(alone.ours.risk, abs=1)  # of parts with rounded risks


def test_the_reader_has_the_daemon_s_levels() -> None:
    """Documents of wholes have the numbers of severities that the daemon writes."""
    bands = [BANDS[severity] for severity in Severity]
    assert [band.word for band in bands] == list(LEVELS)
    assert [band.ecs for band in bands] == list(ECS_LEVELS)
    assert [(band.number, band.risk_level) for band in bands] == [(FIRST_LEVEL_ID + at, 1 + at) for at in range(4)]


@pytest.mark.parametrize(("risk", "whole"), [(0, 0), (30, 65), (70, 73), (80, 100)])
def test_a_whole_is_graded_by_its_kind(risk: int, whole: int) -> None:
    """Parts without a pattern weigh as the flood that they are; none becomes critical so, and what is allowed stays."""
    of_part = {"kind": "other", "risk": risk, "alerts": 100, "unanswered_share": 0.0}
    latest = Latest(named=named)
    for number in range(10):
        latest.put(read_told(ocsf(severity_id=5 if risk > 73 else 3, **part(number, **of_part))))
    assert [(told.ours.kind, told.ours.risk) for told in latest.wholes()] == [("flood", whole)]


def few_each(sources: int, partitions: int) -> list[Raised]:
    """Each of some sources, over some partitions, sends five times and gets no answer."""
    every = flood(500, lambda source: source % partitions)
    return [each for each in every if int(each.src_ip.split(".")[2]) < sources]


@pytest.mark.parametrize("shape", ["ocsf", "ecs"])
@pytest.mark.parametrize(("sources", "kind"), [(20, "flood"), (19, "other")])
def test_a_flood_is_one_though_it_is_none_in_any_partition(sources: int, kind: str, shape: str) -> None:
    """Of twenty sources over four partitions the reader names a flood; so does its document, which is valid."""
    latest, documents = read(few_each(sources, 4), shape)
    (told,) = latest.wholes()
    assert {part.ours.kind for part in told.parts} == {"other"}
    assert (told.ours.kind, told.ours.alerts) == (kind, 5 * sources)
    document = whole_document(told, documents)
    wrong_with = standards_ocsf.wrong_with if shape == "ocsf" else standards_ecs.wrong_with
    assert wrong_with(json.loads(document)) == []
    again = read_told(document)
    assert (again.headline, again.tactic, again.techniques) == (told.headline, told.tactic, told.techniques)
    assert (again.ours.kind, again.ours.rule, again.ours.tactic) == (kind, told.ours.rule, told.ours.tactic)
    risks = [part.ours.risk or 0 for part in told.parts]
    assert told.ours.risk is not None
    assert (told.severity, told.ours.risk > max(risks)) == (("medium", True) if kind == "flood" else ("low", False))
    assert (again.severity, again.ours.risk, again.ours.severity_why) == (
        *(told.severity, told.ours.risk, told.ours.severity_why),
    )
    assert ("all parts together: flood, 100 alerts" in told.ours.severity_why) == (kind == "flood")
    assert (told.headline == "Flood of 10.0.0.5 port 80", "T1498" in str(told.techniques)) == ((kind == "flood"),) * 2
