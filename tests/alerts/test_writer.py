"""Alerts: whole documents of real scored flows, in the published shape, the same at every reading."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args
from uuid import UUID, uuid5

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from detector.alerts import writer as module
from detector.alerts.build import AlertBuilder
from detector.alerts.content import Content
from detector.alerts.contract import DETAILS, Detail
from detector.alerts.decided import BANDS, unpacked
from detector.alerts.explanation import explain, top_features
from detector.alerts.identity import NAMESPACE, record_id, record_ids
from detector.alerts.score_record import score_records
from detector.alerts.wording import Told
from detector.alerts.writer import AlertWriter, Repeat
from detector.bundle.files import read_bundle
from detector.decisions.assessment import Assessment
from detector.decisions.decide import Budget, Decision, decide
from detector.decisions.findings import Findings
from detector.decisions.severity import CRITICAL_DECADES, Severity
from detector.decisions.views import EVIDENCE, VIEWS
from detector.errors import ConfigurationError
from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from detector.incidents.put_together import put_together
from detector.net.directions import directions_of
from detector.records.flow import DIRECTIONS, NO_PART, PART, ROW, FlowBatch
from detector.transport.base import Envelope, OutRecord, RawBatch
from tests.alerts.rules import broken_rules
from tests.bundles import bundle, loaded, ordinary_flows
from tests.features.flows import flows, frames
from tests.standards import ecs, ocsf
from tests.standards.ocsf import is_address

NAMES = [view.name for view in VIEWS]
VALUES = [3.2, 31.0, 90.0, *(6.0 + place for place in range(len(NAMES) - 3))]

PACKAGES = Path(module.__file__).parents[1]

ODD: tuple[dict[str, Any], ...] = (
    {"dst_port": 31337, "state": "S0", "service": None, "src_bytes": 0, "dst_bytes": 0, "uid": "Codd"},
    {"proto": "icmp", "src_port": 8, "dst_port": 0, "service": None, "src_bytes": 10**9, "direction": "outbound"},
    {"src_ip": "2001:db8::7", "dst_ip": "2001:db8::1", "proto": "udp", "dst_port": 4444, "duration_s": 90_000.0},
    {"ts": 1e17, "duration_s": None, "src_port": None, "dst_port": None, "proto": "gre", "uid": None, "state": None},
)


class Judged(NamedTuple):
    """A batch on its way to alerts."""

    raw: RawBatch
    flows: FlowBatch
    findings: Findings
    decision: Decision

    def contents(self, **options: Any) -> list[Content]:
        """What its alerts tell."""
        builder, model = AlertBuilder(**options), loaded()
        return builder.build(builder.raised(*self, model), self.flows, self.findings, self.decision, model)


def judged(frame: pl.DataFrame, budget: Budget | None = None, first_offset: int = 100) -> Judged:
    """Score flows with a real model, every second record of a batch being a flow."""
    model, rows = loaded(), np.arange(0, 2 * len(frame), 2, dtype=np.uint32)
    size = 2 * len(frame)
    raw = RawBatch(
        "flows",
        [b""] * size,
        np.full(size, 2, np.int32),
        np.arange(first_offset, first_offset + size),
        np.full(size, 1_764_000_000_123),
        lambda _: Envelope(None, ()),
    )
    batch = FlowBatch(frame.with_columns(pl.Series(ROW, rows)))
    matrix = model.extractor.transform(frame)
    findings = Findings(frame, matrix, model.score(matrix))
    decision = decide(findings.scores.overall, model.calibration, budget or Budget(0.3))
    return Judged(raw, batch, findings, decision)


def written(
    frame: pl.DataFrame, shape: str = "ocsf", detail: Detail = "numbers", **options: Any
) -> list[dict[str, Any]]:
    """The documents of the alerts among ``frame``."""
    records = AlertWriter(shape, detail).write(judged(frame, **options).contents())
    return [json.loads(record.value or b"") for record in records]


def put(book: IncidentBook, frame: pl.DataFrame, repeat: Repeat = "all") -> list[Content]:
    """What the alerts among ``frame`` tell that are told, each put into its incident."""
    tells = AlertWriter(repeat=repeat).tells
    return put_together(book, *judged(frame), loaded(), AlertBuilder(), tells).told


def odd_documents(shape: str = "ocsf", detail: Detail = "numbers") -> list[dict[str, Any]]:
    """Alerts of odd flows of every sort; each of them is one."""
    documents = written(flows(*ODD), shape, detail)
    assert len(documents) == len(ODD)
    return documents


def schema(name: str) -> Any:
    """A published schema."""
    package = f"{name.partition('-')[0]}s"
    return json.loads((PACKAGES / package / f"{name}.schema.json").read_text(encoding="utf-8"))


def undescribed(document: Any, described: Any, root: Any, path: str = "") -> Iterator[str]:
    """The paths of what is in a document and not in its schema."""
    described = root["$defs"][described["$ref"].rpartition("/")[2]] if "$ref" in described else described
    if isinstance(document, dict):
        for name, value in document.items():
            if name not in described.get("properties", {}):
                yield f"{path}.{name}"
            else:
                yield from undescribed(value, described["properties"][name], root, f"{path}.{name}")
    if isinstance(document, list):
        for value in document:
            yield from undescribed(value, described.get("items", {}), root, f"{path}[]")


@pytest.mark.parametrize("name", ["alert", "alert-ecs", "incident", "incident-ecs"])
def test_schemas_are_schemas(name: str) -> None:
    """Each published schema is valid JSON Schema 2020-12."""
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize(("shape", "name"), [("ocsf", "alert"), ("ecs", "alert-ecs")])
def test_alerts_are_as_published(shape: str, name: str, detail: Detail) -> None:
    """Real alerts fit the published schema, hold nothing that it does not describe, and reach all that it requires."""
    published = schema(name)
    for document in odd_documents(shape, detail):
        Draft202012Validator(published).validate(document)
        assert list(undescribed(document, published, published)) == []


@given(frame=frames())
@settings(max_examples=25, deadline=None)
def test_any_flow_s_alert_is_as_published(frame: pl.DataFrame) -> None:
    """Whatever flow is raised, its document is valid JSON of the published shape, in both shapes."""
    addresses = [is_address(one) and is_address(other) for one, other in frame.select("src_ip", "dst_ip").iter_rows()]
    frame = frame.filter(pl.Series(addresses, dtype=pl.Boolean))  # decoders reject any other, as they do other ports
    frame = frame.with_columns(pl.col("src_port", "dst_port").clip(0, 65_535))
    for shape, name, wrong_with in (("ocsf", "alert", ocsf.wrong_with), ("ecs", "alert-ecs", ecs.wrong_with)):
        validator = Draft202012Validator(schema(name))
        for document in written(frame, shape, budget=Budget(0.999)):
            validator.validate(document)
            assert wrong_with(document) == []


def test_a_schema_that_lacks_something_is_found_out() -> None:
    """The check for undescribed parts finds one."""
    published = schema("alert")
    assert list(undescribed({"new": 1, "metadata": {"x": 1}}, published, published)) == [".new", ".metadata.x"]
    assert not Draft202012Validator(published).is_valid(odd_documents()[0] | {"class_uid": 1})


def test_incidents_are_as_published() -> None:
    """Alerts put together carry their incident's id, and the incident's documents fit their published schema."""
    book, published = IncidentBook(), schema("incident")
    records = AlertWriter().write(put(book, flows(*[{"dst_ip": f"192.0.2.{n}"} | ODD[0] for n in range(20)])))
    documents = [json.loads(record.value or b"") for record in records]
    book.close_all()
    told = [json.loads(record.value or b"") for record in write_incidents(book.take())]
    assert [document["activity_name"] for document in told][0 :: len(told) - 1] == ["Create", "Close"]
    last = [each for each in told if each["activity_name"] == "Close"][-1]
    assert {each["metadata"]["correlation_uid"] for each in documents[2:]} == {last["metadata"]["correlation_uid"]}
    for document in told:
        Draft202012Validator(published).validate(document)
        assert list(undescribed(document, published, published)) == []
    for document in documents:
        Draft202012Validator(schema("alert")).validate(document)


@pytest.mark.parametrize(
    ("odd", "title", "name"),
    [(1, "Unusual flow", "unusual flow"), (20, "Unusual flow: sweep", "sweep")],
)
def test_a_title_names_a_pattern_alone(odd: int, title: str, name: str) -> None:
    """A flow in an incident that has no pattern is an unusual one, and no «other»; what has a pattern names it."""
    contents = put(IncidentBook(), flows(*[{"dst_ip": f"192.0.2.{n}"} | ODD[0] for n in range(odd)]))
    ocsf, ecs = (json.loads(AlertWriter(shape=shape).write(contents)[-1].value or b"") for shape in ("ocsf", "ecs"))
    assert (ocsf["finding_info"]["title"], ecs["rule"]["name"]) == (title, name)
    assert ocsf["finding_info"]["types"] == ["sweep" if odd > 1 else "other"]


def test_the_same_record_gives_the_same_bytes() -> None:
    """A record that is read again, alone or among others, gives the very same document."""
    whole = AlertWriter().write(judged(flows(*ODD)).contents())
    again = AlertWriter().write(judged(flows(*ODD)).contents())
    alone = AlertWriter().write(judged(flows(ODD[2]), first_offset=104).contents())
    assert (whole == again, alone) == (True, [whole[2]])


def test_ids_are_of_the_position_alone() -> None:
    """The id is the UUID that anyone can compute from topic, partition and offset."""
    document = odd_documents()[1]
    metadata = document["metadata"]
    assert (metadata["log_source"], metadata["original_event_uid"]) == ("flows", "2/102")
    assert document["metadata"]["uid"] == str(uuid5(NAMESPACE, "flows/2/102")) == document["finding_info"]["uid"]
    assert UUID(document["metadata"]["uid"]).version == 5


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**62)), max_size=5))
def test_ids_in_bulk_are_uuids(topic: str, positions: list[tuple[int, int]]) -> None:
    """Ids made many at a time are those of the standard library."""
    partitions, offsets = (np.array([each[side] for each in positions], np.int64) for side in (0, 1))
    expected = [str(uuid5(NAMESPACE, f"{topic}/{partition}/{offset}")) for partition, offset in positions]
    assert record_ids(topic, partitions.astype(np.int32), offsets) == expected
    assert [record_id(topic, *each) for each in positions] == expected


def test_ids_within_a_message_have_their_place() -> None:
    """Of a message that holds several records each has an id of its own; a message by itself keeps the usual one."""
    parts = np.array([-1, 0, 1], np.int32)
    ids = record_ids("flows", np.full(3, 2, np.int32), np.full(3, 9), parts)
    assert ids == [str(uuid5(NAMESPACE, name)) for name in ("flows/2/9", "flows/2/9/0", "flows/2/9/1")]
    assert ids == [record_id("flows", 2, 9, part) for part in parts.tolist()]


@pytest.mark.parametrize("shape", ["ocsf", "ecs"])
def test_the_vector_scores_the_same_again(shape: str) -> None:
    """With its vector an alert gives exactly its score again; it names the model and the features that it is of."""
    for document in odd_documents(shape, "vector"):
        ours = document["unmapped"]["oddflow"] if shape == "ocsf" else document["oddflow"]
        assert loaded().model.score(np.array([unpacked(ours["vector"])], np.float32))[0] == ours["score"]
        assert (ours["score"] >= ours["threshold"] - 1e-6, 0 < ours["p_value"] < 0.35) == (True, True)
        assert ours["features_sha256"] == loaded().extractor.spec.hash
        assert ours["model_sha256"] == loaded().digest
    model = odd_documents()[0]["finding_info"]["analytic"]
    assert (model["version"], model["uid"]) == (loaded().version, loaded().digest[:16])


def test_explanations_add_up() -> None:
    """Base and all contributions give the explained quantity; those shown are the largest, with their usual ranges."""
    batch = judged(flows(*ODD))
    (record, *_) = AlertWriter("ocsf", "features").write(batch.contents(top_features=5))
    document = json.loads(record.value or b"")["unmapped"]["oddflow"]
    why = explain(loaded(), batch.findings.matrix, batch.decision)
    total = document["explanation"]["base"] + why.contributions[0].sum()
    assert total == pytest.approx(document["explanation"]["output"])
    shown = [feature["contribution"] for feature in document["features"]]
    assert shown == sorted(why.contributions[0].tolist(), reverse=True)[: len(shown)]
    for feature in document["features"]:
        low, high = feature["usual_low"], feature["usual_high"]
        side = "high" if feature["value"] > high else "low" if feature["value"] < low else "usual"
        assert (low <= high, feature["deviation"]) == (True, side)


def test_the_sentence_says_who_what_and_why() -> None:
    """The one sentence names source and target first, then what is unusual, and last how rare it is."""
    message = odd_documents()[0]["message"]
    assert message.startswith("192.168.1.5 → 93.184.216.34 31337/tcp: ")
    assert "no service told and port 31337 never among 1,500 flows of training" in message
    assert re.search(r"; odder than all but (about )?1 in [\d,.]+ usual flows\.$", message)


def test_every_alert_keeps_the_rules_for_sentences() -> None:
    """Real alerts of odd flows break none of the rules; both shapes have the sentence, and all numbers if asked for."""
    contents = judged(flows(*ODD)).contents()
    for content, one, other in zip(
        contents, odd_documents("ocsf", "vector"), odd_documents("ecs", "vector"), strict=True
    ):
        assert list(broken_rules(Told(content.why, content.facts), content.flow)) == []
        assert one["message"] == other["message"] == content.why
        assert other["oddflow"]["facts"] == content.facts != []


@pytest.mark.parametrize("kind", ["isolation-forest", "kmeans-spread", "ensemble", "ecod"])
def test_every_kind_of_model_keeps_the_rules(kind: str) -> None:
    """Whatever kind of model raised them, and whichever way did, alerts with windows break none of the rules."""
    model = read_bundle(bundle(windows=True, kind=kind))
    matrix, count = model.self_test_rows, len(model.self_test_rows)
    frame = ordinary_flows(count).with_columns(pl.Series(ROW, np.arange(count, dtype=np.uint32)))
    raw = judged(frame.drop(ROW)).raw
    decision = Decision(
        np.arange(count),
        np.full(count, 0.04),
        np.full(count, 3),
        np.full(count, 2.0),
        assessment=Assessment.of(*(np.full(count, value) for value in VALUES)),
        rates=np.geomspace(1e-9, 10.0, count),
        views=np.arange(count) % len(VIEWS),
    )
    builder, few, findings = AlertBuilder(), FlowBatch(frame), Findings(frame, matrix, model.score(matrix))
    contents = builder.build(builder.raised(raw, few, findings, decision, model), few, findings, decision, model)
    for content in contents:
        assert list(broken_rules(Told(content.why, content.facts), content.flow)) == []


@pytest.mark.parametrize("share", [0.3, 1e-3, 1e-6])
def test_what_is_critical_is_rare_by_what_is_told(share: float) -> None:
    """An alert is critical only where it is rarer than a hundredth of the budget, and says first how rare it is."""
    batch = judged(flows(*ODD), Budget(share))
    contents = batch.contents()
    assert len(contents) == len(batch.decision.rows)
    for content, decades in zip(contents, batch.decision.decades.tolist(), strict=True):
        assert content.severity < Severity.CRITICAL or decades >= CRITICAL_DECADES
        assert content.why.endswith(f"{content.severity_why.partition(';')[0]}.")


def test_ocsf_says_where_the_flow_went() -> None:
    """Endpoints, direction, protocol and community id are in OCSF's own attributes."""
    tcp, icmp, ipv6, bare = (document["evidences"][0] for document in odd_documents())
    assert tcp["connection_info"]["uid"] == "Codd"
    assert tcp["connection_info"]["community_uid"].startswith("1:")
    assert (icmp["connection_info"]["direction_id"], icmp["connection_info"]["protocol_num"]) == (2, 1)
    assert (ipv6["connection_info"]["protocol_ver_id"], ipv6["dst_endpoint"]["port"]) == (6, 4444)
    assert "port" not in bare["src_endpoint"]
    assert odd_documents()[3]["end_time"] == 253402300799999


DIRECTED = (
    ("192.168.1.5", "192.0.2.11", "outbound", 2),
    ("192.0.2.11", "192.168.1.5", "inbound", 1),
    ("192.168.1.5", "10.0.0.7", "internal", 3),
    ("192.0.2.11", "198.51.100.9", "external", 99),
)
"""Addresses, the direction that they tell, and OCSF's number for it."""


@pytest.mark.parametrize("sensor", [None, "internal", "outbound"])
def test_the_direction_told_is_that_which_thresholds_go_by(sensor: str | None) -> None:
    """Whatever the sensor says, or where it says nothing, alerts tell the direction by the addresses."""
    odd = flows(*(ODD[0] | {"src_ip": src, "dst_ip": dst, "direction": sensor} for src, dst, _, _ in DIRECTED))
    connections = [document["evidences"][0]["connection_info"] for document in written(odd)]
    assert [each["direction_id"] for each in connections] == [number for *_, number in DIRECTED]
    networks = [document["network"]["direction"] for document in written(odd, "ecs")]
    assert networks == [DIRECTIONS[place] for place in directions_of(odd)] == [each[2] for each in DIRECTED]


def test_ecs_says_the_same_in_its_words() -> None:
    """By `output.format = "ecs"` the same is in ECS fields, and what it was decided by is the same."""
    for one, other in zip(odd_documents(), odd_documents("ecs"), strict=True):
        ours = one["unmapped"]["oddflow"]
        assert {name: other["oddflow"][name] for name in ours} == ours
        assert other["event"]["severity"] == BANDS[one["severity_id"]].ecs
        assert other["event"]["risk_score"] == one["risk_score"]
        assert other["source"]["ip"] == one["evidences"][0]["src_endpoint"]["ip"]
        assert other["network"].get("community_id") == one["evidences"][0]["connection_info"].get("community_uid")
        assert other["@timestamp"] == "2025-11-24T16:00:00.123Z"
    assert odd_documents("ecs")[2]["event"]["duration"] == 90_000 * 10**9


def test_alerts_are_keyed_by_source() -> None:
    """An alert's key is the source address, so that one source's alerts stay in order."""
    records = AlertWriter().write(judged(flows(*ODD)).contents())
    assert [record.key for record in records] == [b"192.168.1.5", b"192.168.1.5", b"2001:db8::7", b"192.168.1.5"]


def test_batches_without_alerts_write_nothing() -> None:
    """Where no row is an alert there is no document."""
    assert written(ordinary_flows(5), budget=Budget(1e-9)) == []


def test_an_unknown_shape_is_refused() -> None:
    """A shape that there isn't is one line with those that there are."""
    with pytest.raises(ConfigurationError, match=r"output\.format is 'cef': choose one of ocsf, ecs"):
        AlertWriter("cef")
    with pytest.raises(ConfigurationError, match=r"alerts\.detail is 'more': choose one of standard, numbers"):
        AlertWriter("ocsf", cast("Detail", "more"))


def test_as_many_features_as_asked_for() -> None:
    """No more features than asked for are shown, only those that made the flow odd, and one at least."""
    batch = judged(flows(*ODD))
    contents = batch.contents(top_features=2)
    assert {len(content.features) for content in contents} <= {1, 2}
    assert top_features(np.array([[0.0, -1.0], [0.5, 0.7], [-2.0, -1.0]]), 5) == [[0], [1, 0], [1]]


def test_score_records_are_compact() -> None:
    """Every record's score is one line of JSON with its id and position."""
    batch = judged(flows({}, {"uid": None}))
    records: list[OutRecord] = score_records(batch.raw, batch.flows, batch.findings.scores.overall, loaded())
    lines = [json.loads(record.value or b"") for record in records]
    assert lines[1] == {
        "id": str(uuid5(NAMESPACE, "flows/2/102")),
        "uid": None,
        "topic": "flows",
        "partition": 2,
        "offset": 102,
        "score": batch.findings.scores.overall[1],
        "p_value": loaded().calibration.p_values(batch.findings.scores.overall)[1],
        "model_version": loaded().version,
    }


DOCUMENTATION = Path(__file__).parents[2] / "docs" / "reference" / "documents.md"


def test_documented_examples_are_as_published() -> None:
    """The alert and the incident shown in the documentation fit their schemas."""
    examples = re.findall(r"^```json\n(.*?)^```$", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for name, example in zip(("alert", "incident"), examples, strict=False):
        Draft202012Validator(schema(name)).validate(json.loads(example))
    assert len(examples) == 3


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("surprise", "; benign traffic is this odd about once in 9.6 h."),
        ("evidence", "; benign traffic keeps on being odd like this about once in 9.6 h."),
        ("breadth", "; benign hosts make this many odd new contacts about once in 9.6 h."),
    ],
)
def test_what_the_past_raised_says_so(view: str, words: str) -> None:
    """A flow tells what raised it, and its sentence how rare that is by the way that did."""
    batch = judged(flows(*ODD))
    rows = np.arange(4)
    decision = Decision(
        rows,
        np.full(4, 0.04),
        np.full(4, 3),
        thresholds=np.full(4, 2.0),
        assessment=Assessment.of(*(np.full(4, value) for value in VALUES)),
        rates=np.full(4, 2.5),
        views=np.full(4, NAMES.index(view)),
    )
    records = AlertWriter("ocsf", "vector").write(batch._replace(decision=decision).contents())
    document = json.loads(records[0].value or b"")
    Draft202012Validator(schema("alert")).validate(document)
    ours = document["unmapped"]["oddflow"]
    told = dict(zip(NAMES, VALUES, strict=True)) | {"false_incidents_per_day": 2.5}
    assert {name: ours[name] for name in told} == told
    assert document["message"].endswith(words)
    assert (": flows of the same kind, each a little odd; " in document["message"]) == (view == "evidence")


def test_evidence_is_explained_by_what_it_is_made_of() -> None:
    """An alert by evidence names features of single flows and adds up to their score; others are as the model says."""
    model = read_bundle(bundle(windows=True))
    assert model.single is not None
    matrix = model.self_test_rows[:4]
    views = np.array([NAMES.index(view) for view in ("surprise", "evidence", "breadth", "evidence")])
    decision = Decision(
        np.arange(4), np.full(4, 0.04), np.full(4, 3), np.full(4, 2.0), assessment=Assessment.blank(4), views=views
    )
    why, own, single = explain(model, matrix, decision), model.model.explain(matrix), model.single.explain(matrix)
    assert why.quantities == [(single if view is EVIDENCE else own).quantity for view in decision.oddest_by]
    for place, part in enumerate((own, single, own, single)):
        assert np.array_equal(why.contributions[place], part.contributions[place])
        assert why.bases[place] + why.contributions[place].sum() == pytest.approx(why.outputs[place])
    assert not why.contributions[1, model.extractor.spec.single_flows :].any()


def test_a_score_record_is_the_same_whatever_is_in_its_batch() -> None:
    """A record's place in its message is told where that held several, and of no other record."""
    frame = flows({}, {"uid": ',"part":null'}, {})
    batch = judged(frame)
    parts = FlowBatch(batch.flows.frame.with_columns(pl.Series(PART, [NO_PART, NO_PART, 4], pl.Int32)))
    alone = score_records(batch.raw, batch.flows, batch.findings.scores.overall, loaded())
    among = score_records(batch.raw, parts, batch.findings.scores.overall, loaded())
    assert [record.value for record in among[:2]] == [record.value for record in alone[:2]]
    assert json.loads(among[2].value or b"")["part"] == 4


def test_repetitions_are_thinned() -> None:
    """Of an incident's alerts the 1st, 2nd, 4th, 8th … are written by `doubling`, each by `all`."""
    frame = flows(*[{"dst_port": 1_000 + number} | ODD[0] for number in range(20)])
    whole = AlertWriter().write(put(IncidentBook(), frame))
    assert len(whole) == 20
    assert AlertWriter().write(put(IncidentBook(), frame, "doubling")) == [whole[at - 1] for at in (1, 2, 4, 8, 16)]


def test_thinned_incidents_say_the_same() -> None:
    """What incidents say is the same whichever alerts are told by themselves; those that they show are explained."""
    frame = flows(*[{"dst_port": 1_000 + number} | ODD[0] for number in range(20)], *ODD)
    books = IncidentBook(), IncidentBook()
    for book, repeat in zip(books, get_args(Repeat), strict=True):
        put(book, frame, repeat)
        book.close_all()
    thin, every = (write_incidents(book.take()) for book in books)
    assert thin == every
    strongest = [each for record in thin for each in json.loads(record.value or b"")["finding_info"]["related_events"]]
    assert all(each["desc"].startswith(each["title"].split()[2]) for each in strongest)
