"""Topics into the database: in one transaction with the offsets, whatever fails."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from detector.errors import BrokerError, InputError
from detector.feedback.label import write_label
from detector.settings.tree import Settings
from detector.suppression.rule import write_rule
from tests.casebook.documents import START
from tests.feedback.labels import label, uid
from tests.suppression.rules import rule
from tests.triage.documents import alert, incident, risk
from triage.ingest.files import take_files
from triage.ingest.service import Ingest
from triage.ingest.taking import Message, Place, Topics, positions, take_batch
from triage.reading import alert_of
from triage.store.engine import Database
from triage.store.hosts import hosts_by_risk
from triage.store.incidents import incident as one_incident
from triage.store.incidents import list_incidents
from triage.store.labels import all_said, list_labels
from triage.store.suppressions import list_rules
from triage.store.tables import ALERTS, RISKS
from triage.telemetry import BrokerFailed, DatabaseFailed, Event, Taken

TOPICS = Topics.of(Settings())

PATIENCE_S = 60.0


def message(topic: str, offset: int, value: bytes | None, key: bytes | None = None) -> Message:
    """A record of partition 0."""
    return Message(topic, 0, offset, START + offset, key, value)


class Reader:
    """Gives batches, errors among them, and then nothing more."""

    def __init__(self, *given: list[Message] | Exception) -> None:
        self.given = list(given)
        self.begun: list[dict[Place, int]] = []
        self.empty = threading.Event()

    def open(self, begin: dict[Place, int]) -> Reader:
        """Begin at these."""
        self.begun.append(begin)
        return self

    def poll(self, most: int, timeout_s: float) -> list[Message]:
        """Give the next one."""
        del most
        if not self.given:
            self.empty.set()
            threading.Event().wait(min(timeout_s, 0.01))
            return []
        found = self.given.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def behind(self) -> dict[str, int]:
        """Nothing."""
        return {}

    def stop(self) -> None:
        """Close."""


def ingested(database: Database, reader: Reader, during: Callable[[list[Event]], None] = lambda _: None) -> list[Event]:
    """What was told until the reader had no more."""
    told: list[Event] = []
    ingest = Ingest(database, TOPICS, reader.open, told.append, again_s=0.01)
    ingest.start()
    during(told)
    assert reader.empty.wait(PATIENCE_S)
    assert ingest.alive
    ingest.stop(PATIENCE_S)
    assert not ingest.alive
    return told


def test_every_topic_is_put_where_it_belongs(database: Database) -> None:
    """Incidents, alerts, risks, labels and suppressions are in their tables, and the offsets after them."""
    kept = rule()
    batch = [
        message("oddflow.incidents", 4, incident(1)),
        message("oddflow.alerts", 9, alert(7)),
        message("oddflow.risk", 1, risk("10.0.0.1"), b"10.0.0.1 0"),
        message("oddflow.risk", 2, risk("10.0.0.2"), b"10.0.0.2 0"),
        message("oddflow.risk", 3, None, b"10.0.0.2 0"),
        message("oddflow.feedback", 0, write_label(label("false"))),
        message("oddflow.suppressions", 5, write_rule(kept), kept.id.encode()),
    ]
    ingested(database, Reader(batch[:3], batch[3:]))
    with database.read() as session:
        (row,) = list_incidents(session).rows
        assert row.label is not None
        assert (row.id, row.first_told, row.label.verdict) == (uid(1), START + 4, "false")
        assert session.scalar(select(ALERTS.c.incident)) == uid(1)
        assert list(session.scalars(select(RISKS.c.host))) == ["10.0.0.1"]
        assert [each.address for each in hosts_by_risk(session)] == ["10.0.0.1"]
        assert [(each.rule, each.sent) for each in list_rules(session, kept.created.timestamp())] == [(kept, True)]
        assert [each.sent for each in list_labels(session)] == [True]
        assert positions(session) == {
            ("oddflow.incidents", 0): 5,
            ("oddflow.alerts", 0): 10,
            ("oddflow.risk", 0): 4,
            ("oddflow.feedback", 0): 1,
            ("oddflow.suppressions", 0): 6,
        }


def test_foreign_documents_are_counted_and_told_once(database: Database) -> None:
    """What is no document of its topic's kind is counted and told, and those beside it are taken."""
    batch = [
        message("oddflow.incidents", 0, b"\xff not JSON"),
        message("oddflow.incidents", 1, incident(1)),
        message("oddflow.incidents", 2, json.dumps({"hello": "world"}).encode()),
        message("oddflow.feedback", 0, b'{"verdict": "maybe"}'),
        message("oddflow.suppressions", 0, write_rule(rule()), b"another key"),
        message("oddflow.alerts", 0, b""),
    ]
    told = {each.kind: each for each in ingested(database, Reader(batch)) if isinstance(each, Taken)}
    assert {kind: (each.count, each.foreign) for kind, each in told.items()} == {
        "incident": (3, 2),
        "label": (1, 1),
        "suppression": (1, 1),
        "alert": (0, 0),
    }
    assert told["incident"].why.startswith("partition 0 offset 0: ")
    with database.read() as session:
        assert list_incidents(session).count == 1
        assert positions(session)["oddflow.incidents", 0] == 3


def test_a_batch_is_there_as_a_whole_or_not_at_all(database: Database) -> None:
    """Where a batch fails in its middle, neither rows nor offsets of it are there."""
    batch = [message("oddflow.incidents", 0, incident(1)), message("oddflow.nothing", 0, b"{}")]
    with pytest.raises(KeyError), database.write() as session:
        take_batch(session, batch, TOPICS)
    with database.read() as session:
        assert (list_incidents(session).count, positions(session)) == (0, {})


def test_a_database_that_fails_for_a_while_loses_nothing(tmp_path: Path) -> None:
    """While the file is locked a batch is kept and tried again; once it is free it is there, and reading goes on."""
    path = tmp_path / "triage.db"
    database = Database(f"sqlite:///{path}", wait_s=0.05)
    database.start()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    reader = Reader([message("oddflow.incidents", 0, incident(1))], [message("oddflow.incidents", 1, incident(2))])

    def let_go(told: list[Event]) -> None:
        for _ in range(600):
            if sum(isinstance(each, DatabaseFailed) for each in told) >= 3:
                break
            threading.Event().wait(0.1)
        other.execute("ROLLBACK")

    told = ingested(database, reader, let_go)
    other.close()
    assert sum(isinstance(each, DatabaseFailed) for each in told) >= 3
    assert len(reader.begun) == 1
    with database.read() as session:
        assert list_incidents(session).count == 2
    database.stop()


def test_brokers_that_fail_are_told_and_asked_again(database: Database) -> None:
    """What Kafka raises is told; reading goes on after it."""
    told = ingested(database, Reader(BrokerError("away"), [message("oddflow.incidents", 0, incident(1))]))
    assert [each.error for each in told if isinstance(each, BrokerFailed)] == ["away"]
    with database.read() as session:
        assert list_incidents(session).count == 1


def test_a_message_that_no_database_takes_holds_up_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message that the database refuses for what is in it is passed over and counted; others are taken."""
    from triage import reading  # noqa: PLC0415 - what is changed is its own

    honest = reading.alert_of

    def without_source(document: bytes, came: float) -> reading.Row:
        found = honest(document, came)
        return found._replace(values=found.values | {"src_ip": None}) if found.values["id"] == uid(8) else found

    monkeypatch.setattr("triage.ingest.taking.alert_of", without_source)
    batch = [message("oddflow.alerts", n, alert(7 + n)) for n in range(3)]
    told = ingested(database, Reader(batch))
    assert sum(each.foreign for each in told if isinstance(each, Taken)) == 1
    with database.read() as session:
        assert set(session.scalars(select(ALERTS.c.id))) == {uid(7), uid(9)}
        assert positions(session) == {("oddflow.alerts", 0): 3}


def test_a_message_that_breaks_what_reads_it_holds_up_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message on which reading fails as nobody thought of is passed over, counted and told; others are taken."""
    from triage import reading  # noqa: PLC0415 - what is changed is its own

    honest = reading.alert_of

    def broken(document: bytes, came: float) -> reading.Row:
        if uid(8).encode() in document:
            raise RuntimeError("nobody thought of it")
        return honest(document, came)

    monkeypatch.setattr("triage.ingest.taking.alert_of", broken)
    batch = [message("oddflow.alerts", n, alert(7 + n)) for n in range(3)]
    told = [each for each in ingested(database, Reader(batch)) if isinstance(each, Taken)]
    assert [each.why for each in told if each.foreign] == ["partition 0 offset 1: RuntimeError nobody thought of it"]
    with database.read() as session:
        assert set(session.scalars(select(ALERTS.c.id))) == {uid(7), uid(9)}


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b'"evidences": [{', b'"evidences": [], "other": [{'),
        (b'"baselines": [{', b'"baselines": [], "other": [{'),
        (b'"value": "at most 4 ports"', b'"value": ""'),
        (b'"duration": 60000', b'"duration": 1' + b"0" * 400),
        (b'"profiles": []', b'"profiles": ' + b"[" * 3_000 + b"]" * 3_000),
        (b'"profiles": []', b'"profiles": [1e999]'),
    ],
)
def test_an_alert_unlike_ours_is_foreign(there: bytes, instead: bytes) -> None:
    """A document whose lists are empty, numbers too large or parts too deep is told as none of ours."""
    document = alert(7)
    assert there in document
    with pytest.raises(InputError, match=r"reading an alert: ."):
        alert_of(document.replace(there, instead), START)


def test_counts_without_measure_are_put_together(database: Database) -> None:
    """Incidents of two partitions with counts of hundreds of digits are put together as any others."""
    flows = [[{"topic": "flows", "partition": partition}] for partition in (0, 1)]
    some = [incident(1 + n, flows=flows[n], alerts=10**400, unanswered_share=0.5, first_seen=START) for n in range(2)]
    ingested(database, Reader([message("oddflow.incidents", n, each) for n, each in enumerate(some)]))
    with database.read() as session:
        (row,) = list_incidents(session).rows
        found = one_incident(session, row.id)
    assert found is not None
    assert found.told.ours.unanswered_share == 0.5


@pytest.mark.parametrize("value", [b"nonsense", b" ", write_rule(rule(id="r2"))])
def test_what_is_no_rule_takes_the_place_of_one(database: Database, value: bytes) -> None:
    """A rule under whose key something else came stands no more, as no daemon holds it any more."""
    kept = rule()
    for number, each in enumerate((write_rule(kept), value)):
        ingested(database, Reader([message("oddflow.suppressions", number, each, kept.id.encode())]))
    with database.read() as session:
        assert list_rules(session, kept.created.timestamp()) == []


def test_it_goes_on_where_it_was(database: Database) -> None:
    """After a restart reading begins at the offsets beside the rows; what comes twice all the same changes nothing."""
    batch = [message("oddflow.incidents", n, incident(n)) for n in range(3)]
    ingested(database, Reader(batch))
    again = Reader(batch[1:])
    ingested(database, again)
    assert again.begun == [{("oddflow.incidents", 0): 3}]
    with database.read() as session:
        assert list_incidents(session).count == 3


def test_files_are_taken_in_without_kafka(database: Database, tmp_path: Path) -> None:
    """Lines of all kinds in one file are told apart; foreign ones are counted; again is as good as once."""
    lines = [incident(1), alert(7), risk("10.0.0.1"), write_label(label("true")), b"nonsense", b""]
    (tmp_path / "all.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "none.jsonl").write_bytes(b'{"a": 1}\n')
    for _ in range(2):
        (told,) = take_files(database, [str(tmp_path / "all.jsonl")])
    assert told.startswith(f"{tmp_path}/all.jsonl: 1 incident, 1 alert, 1 host's risk, 1 label; 1 lines are none: ")
    with database.read() as session:
        (row,) = list_incidents(session).rows
        assert row.label is not None
        assert row.label.verdict == "true"
        assert all_said(session).doubled == ()
    with pytest.raises(InputError, match=r"none.jsonl: none of 1 lines is a document of oddflow's"):
        list(take_files(database, [str(tmp_path / "none.jsonl")]))
