"""Documents of incidents: the whole of one, in OCSF or ECS."""

from __future__ import annotations

import json

import pytest

from detector.errors import ConfigurationError
from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from detector.incidents.kinds import KINDS, NAMES
from tests.alerts.contents import alert
from tests.incidents.shapes import T0, beacon, passing, put_all, scan


def test_documents_tell_the_whole_incident() -> None:
    """A document has the incident's id as key, its count and times, its kind with the rule, and the strongest flows."""
    book = IncidentBook()
    put_all(book, scan(16))
    records = write_incidents(book.take())
    documents = [json.loads(record.value or b"") for record in records]
    ids = {document["metadata"]["correlation_uid"] for document in documents}
    assert [record.key for record in records] == [ids.copy().pop().encode()] * 5
    assert [document["activity_name"] for document in documents] == ["Create"] + ["Update"] * 4
    last = documents[-1]
    ours = last["unmapped"]["oddflow"]
    assert (last["class_uid"], last["type_uid"], last["count"], last["status_id"]) == (2004, 200_402, 16, 1)
    assert (last["start_time"], last["end_time"]) == (T0 * 1000, (T0 + 15) * 1000)
    sweep = KINDS[NAMES.index("sweep")]
    assert (ours["kind"], ours["rule"], ours["alerts"], ours["revision"]) == ("sweep", sweep.states, 16, 5)
    assert (ours["sources"], len(ours["destinations"]), ours["ports"]) == (["192.168.1.5"], 16, [445])
    assert last["message"] == ours["headline"] == "Sweep of 16 hosts on port 445 by 192.168.1.5"
    assert ours["size"] == "tried 16 hosts at port 445 in 15 s, 100 % unanswered"
    assert (ours["counts"]["destinations"], ours["counts"]["answered"]["distinct"]) == (
        {"distinct": 16, "or_more": False},
        0,
    )
    assert (ours["confidence"], ours["tactic"], ours["techniques"]) == ("sure", "TA0007", ["T1046", "T1018"])
    assert last["finding_info"]["attacks"][0]["technique"] == {"uid": "T1046", "name": "Network Service Discovery"}
    assert (ours["check"], ours["innocent"]) == (
        [
            "is the source a scanner of yours",
            "who was logged in there",
            "what it did next with the hosts that answered",
        ],
        list(sweep.innocent),
    )
    assert ours["flows"][1] == {"alert": scan(2)[1].id, "topic": "flows", "partition": 0, "offset": 1, "uid": "C1"}
    assert len(ours["flows"]) == 10
    assert [event["uid"] for event in last["finding_info"]["related_events"]] == [
        each["alert"] for each in ours["strongest"]
    ]


def test_documents_as_ecs() -> None:
    """By `output.format = "ecs"` the same incident is an ECS event; another shape is an error."""
    book = IncidentBook()
    put_all(book, beacon(8))
    for _ in range(8):
        passing(book, T0 + 1e5)
    changes = book.take()
    document = json.loads(write_incidents(changes, "ecs")[-1].value or b"")
    assert document["event"]["type"] == ["end"]
    assert document["event"]["dataset"] == "oddflow.incidents"
    assert document["related"]["ip"] == ["192.168.1.5", "93.184.216.34"]
    assert document["oddflow"] == json.loads(write_incidents(changes)[-1].value or b"")["unmapped"]["oddflow"] | {
        "severity": "medium"
    }
    with pytest.raises(ConfigurationError, match=r"output\.format is 'xml'"):
        write_incidents(changes, "xml")


def test_what_worked_is_told() -> None:
    """What answered is named, with the longest session and first contacts; more than a thousand are told as that."""
    book = IncidentBook()
    answers = [alert(20 + i, ts=T0 + i, dst_ip=f"10.1.1.{i}", dst_port=445, duration_s=113.0 + i) for i in range(6)]
    put_all(book, [*scan(1_100, first_contact=True), *answers])
    book.close_all()
    ours = json.loads(write_incidents(book.take())[-1].value or b"")["unmapped"]["oddflow"]
    assert ours["headline"] == "Sweep of 1,000 or more hosts on port 445 by 192.168.1.5"
    assert ours["counts"]["destinations"] == {"distinct": 1_000, "or_more": True}
    assert (len(ours["destinations"]), len(ours["answered"])) == (30, 6)
    assert ours["worked"] == (
        "answered: 10.1.1.0 port 445/tcp, 10.1.1.1 port 445/tcp, 10.1.1.2 port 445/tcp, 10.1.1.3 port 445/tcp and 2"
        " more"
    )
    assert ours["first_contact"] == "first contact of 1,100 pairs"


def test_a_broadcast_is_not_told_to_have_answered() -> None:
    """To many at once no answer is expected: the flows count as none that failed, and none answered."""
    book = IncidentBook()
    put_all(book, [alert(i, ts=T0 + 30.0 * i, dst_ip="255.255.255.255", dst_bytes=0) for i in range(4)])
    incident = book.take()[-1].incident
    assert (incident.unanswered, incident.answered) == (0, {})
