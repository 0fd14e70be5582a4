"""Every kind of document that is written is valid OCSF 1.8.0 or ECS 9.4.0, and as its own published schema says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from detector.alerts.build import AlertBuilder
from detector.alerts.content import Content
from detector.alerts.contract import DETAILS, MOST_BYTES, Detail
from detector.alerts.read_alert import read_alert
from detector.alerts.writer import AlertWriter
from detector.bundle.files import read_bundle
from detector.decisions.assessment import Assessment
from detector.decisions.decide import Decision
from detector.decisions.findings import Findings
from detector.decisions.views import VIEWS
from detector.errors import InputError
from detector.incidents.book import Change, IncidentBook
from detector.incidents.document import write_incidents
from detector.incidents.incident import Incident, Strong
from detector.incidents.kinds import KINDS
from detector.reference.documents import DOCUMENTS, described_fields, schema_of
from detector.transport.base import OutRecord
from tests.alerts.contents import alert
from tests.alerts.test_writer import ODD, judged, put
from tests.bundles import bundle
from tests.features.flows import flows
from tests.standards import ecs, ocsf

WRONG_WITH: dict[str, Callable[[Any], list[str]]] = {"ocsf": ocsf.wrong_with, "ecs": ecs.wrong_with}

HOSTILE = (
    "=cmd()|'/c'!A1",
    "\x1b[31m\x00",
    "\u202egnp.exe",
    '"},"class_uid":1,"x":{"',
    "<script>",
    "\ud83d\ude00" * 40,
)

SHAPES = pytest.mark.parametrize("shape", ["ocsf", "ecs"])


@cache
def validator(name: str) -> Draft202012Validator:
    """Of our own published schema of that name."""
    (document,) = (each for each in DOCUMENTS if each.name == name)
    return Draft202012Validator(schema_of(document))


def checked(records: list[OutRecord], shape: str, what: str) -> list[Any]:
    """The documents of these records, of which nothing is wrong."""
    documents = [json.loads(record.value or b"") for record in records]
    for document in documents:
        assert WRONG_WITH[shape](document) == []
        validator(what if shape == "ocsf" else f"{what}-ecs").validate(document)
    return documents


def incident_of(kind: int, **changes: Any) -> Change:
    """An incident that was named so, whatever it is of."""
    incident = Incident(
        id="fd10a432-40c9-5eab-badc-e662a504e3bd",
        number=0,
        focus="both",
        src_ip="10.0.0.1",
        dst_ip="2001:db8::1",
        first_seen=1.7e9,
        last_seen=1.7e9 + 5,
        count=2,
        severity=4,
        risk=60,
        severity_why="rare",
        sources={"10.0.0.1": 2},
        destinations={"2001:db8::1": 2},
        strongest=[
            Strong(
                alert="4f1b03bf-e8b3-510b-b3b8-5991cc16c731",
                score=0.7,
                ts=1.7e9,
                src_ip="10.0.0.1",
                dst_ip="2001:db8::1",
                dst_port=None,
                proto="icmp",
                why="odd",
            )
        ],
        revision=1,
    )
    for name, value in changes.items():
        setattr(incident, name, value)
    return Change(changes.get("step", "open"), incident, KINDS[kind])


@SHAPES
@pytest.mark.parametrize("step", ["open", "update", "close"])
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=lambda place: KINDS[place].name)
def test_every_kind_of_incident_is_valid(kind: int, step: Any, shape: str) -> None:
    """An incident of each kind is valid at each step, as it opens, goes on and is closed."""
    change = incident_of(kind)
    (document,) = checked(write_incidents([Change(step, change.incident, change.kind)], shape), shape, "incident")
    tactic = KINDS[kind].tactic
    found = document["finding_info"].get("attacks", []) if shape == "ocsf" else document.get("threat")
    assert bool(found) == (tactic is not None)


@SHAPES
def test_incidents_of_the_book_are_valid(shape: str) -> None:
    """What a book tells of many alerts is valid from first to last, and so is what became part of another."""
    book = IncidentBook()
    for number in range(40):
        book.put(alert(number, ts=1.7e9 + number, dst_ip=f"10.1.0.{number}", dst_port=8081, state="S0", dst_packets=0))
    for number in range(40, 50):
        other: dict[str, Any] = {
            "src_ip": "2001:db8::1",
            "dst_ip": "2001:db8::7",
            "dst_port": None,
            "proto": "icmp",
            "uid": None,
        }
        book.put(alert(number, ts=1.7e9 + number, **other))
    book.close_all()
    documents = checked(write_incidents(book.take(), shape), shape, "incident")
    merged = [each for each in documents if "merged_into" in json.dumps(each)]
    assert merged
    if shape == "ocsf":
        assert {(each["status_id"], each["status"], each["is_alert"]) for each in merged} == {(99, "Merged", False)}
        assert {tuple(each["metadata"]["profiles"]) for each in documents} == {("incident",)}


def contents() -> Iterator[list[Content]]:
    """Alerts of every sort of flow, with and without an incident."""
    yield judged(flows(*ODD)).contents(top_features=5)
    yield put(IncidentBook(), flows(*[ODD[0] | {"dst_ip": f"192.0.2.{number}"} for number in range(20)], *ODD))


@SHAPES
@pytest.mark.parametrize("detail", DETAILS)
def test_every_alert_is_valid(shape: str, detail: Detail) -> None:
    """Alerts of flows with and without ports, services and times, of both versions of IP, are valid in every detail."""
    for some in contents():
        assert len(checked(AlertWriter(shape, detail).write(some), shape, "alert")) == len(some)


@SHAPES
@pytest.mark.parametrize("kind", ["isolation-forest", "ensemble"])
def test_alerts_by_incidents_a_day_are_valid(shape: str, kind: str) -> None:
    """Alerts of a model with windows and rates, each by another of the ways to be raised, are valid."""
    model = read_bundle(bundle(windows=True, kind=kind))
    batch = judged(flows(*ODD))
    count = len(ODD)
    decision = Decision(
        np.arange(count),
        np.full(count, 0.04),
        np.linspace(0.0, 4.0, count),
        np.full(count, 2.0),
        assessment=Assessment.of(*(np.full(count, 6.0) for _ in VIEWS)),
        rates=np.geomspace(1e-9, 10.0, count),
        views=np.arange(count) % len(VIEWS),
    )
    matrix = model.self_test_rows[:count]
    findings = Findings(batch.flows.frame, matrix, model.score(matrix))
    builder = AlertBuilder(5)
    alerts = builder.raised(batch.raw, batch.flows, findings, decision, model)
    some = builder.build(alerts, batch.flows, findings, decision, model)
    documents = checked(AlertWriter(shape, "features").write(some), shape, "alert")
    severities = [each["severity_id"] if shape == "ocsf" else each["event"]["severity"] for each in documents]
    assert severities == sorted(severities)
    assert len(set(severities)) > 1


@SHAPES
@given(texts=st.lists(st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=300), min_size=3))
@settings(max_examples=25, deadline=None)
def test_hostile_texts_change_no_structure(shape: str, texts: list[str]) -> None:
    """Whatever texts a record brings, its alert is valid and reads back with them."""
    uid, service, state = (text.encode(errors="ignore").decode() for text in texts[:3])
    flow = ODD[0] | {"uid": uid, "service": service, "state": state}
    (record,) = AlertWriter(shape).write(judged(flows(flow)).contents(max_text_bytes=0))
    checked([record], shape, "alert")
    read = read_alert(record.value or b"")
    assert [read.uid or "", read.service or "", read.state or ""] == [uid, service, state]


@SHAPES
@pytest.mark.parametrize("detail", ["standard", "numbers"])
def test_an_alert_is_small(shape: str, detail: Detail) -> None:
    """Where a record's texts are as sensors write them, an alert is at most 2 kB; what is unusual goes in first."""
    for some in contents():
        for content in some:
            content.facts = [*content.facts * 4]
        for content, record in zip(some, AlertWriter(shape, detail).write(some), strict=True):
            assert len(record.value or b"") <= MOST_BYTES
            if shape == "ocsf" or detail == "numbers":
                told = read_alert(record.value or b"").facts
                assert 0 < len(told) < len(content.facts)


@SHAPES
def test_alerts_read_back(shape: str) -> None:
    """What a program reads of an alert is what was told: ids, endpoints, place, numbers with their bounds, vector."""
    some = list(contents())[1]
    for content, record in zip(some, AlertWriter(shape, "vector").write(some), strict=True):
        read, flow, incident = read_alert(record.value or b""), content.flow, content.incident
        assert incident is not None
        assert (read.id, read.incident, read.alerts, read.kind) == (
            content.id,
            incident.id,
            incident.alerts,
            incident.kind,
        )
        assert (read.severity, read.risk, read.message) == (content.severity, content.risk, content.why)
        assert (read.src_ip, read.dst_ip, read.dst_port) == (flow["src_ip"], flow["dst_ip"], flow.get("dst_port"))
        assert (read.direction, read.proto, read.state) == (content.direction, flow["proto"], flow.get("state"))
        assert {"topic": read.topic, "partition": read.partition, "offset": read.offset} == content.position
        assert read.model_version == content.model["version"]
        assert np.array_equal(np.array(read.vector, np.float32), np.array(content.vector, np.float32))
        told = {fact.what: fact for fact in read.facts}
        for fact in content.facts[:-1]:
            assert (told[fact["what"]].value, told[fact["what"]].unit) == (fact["value"], fact["unit"])
            for name in ("usual_most", "usual_least", "window_s"):
                assert (getattr(told[fact["what"]], name) or None) == fact.get(name)


def test_what_is_no_alert_is_refused() -> None:
    """An incident, another version's alert, or no JSON at all is told with what is wrong."""
    (incident,) = write_incidents([incident_of(0)])
    for document in (incident.value or b"", b'{"class_uid":2004}', b"{}", b"\xff"):
        with pytest.raises(InputError, match="reading an alert"):
            read_alert(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_field_is_documented(document: Any) -> None:
    """Each field of each document says what it means, and a schema with one that does not is refused."""
    schema = schema_of(document)
    names = [path for path, *_ in described_fields(schema, schema, "")]
    assert len(names) == len(set(names)) > 10
    next(iter(schema["$defs"].values()))["properties"]["new"] = {"type": "string"}
    with pytest.raises(ValueError, match="new: nothing says what it means"):
        list(described_fields(schema, schema, ""))
