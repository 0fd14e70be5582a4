"""Boards' questions to a real PostgreSQL that triage filled, by the role that ``config/grafana/reader.sql`` makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from detector.casebook.hosts import read_host
from tests.boards.read import Question, questions
from tests.casebook.documents import START
from tests.postgres import Server
from tests.triage.documents import incident, judge, put, risk
from triage.store.engine import Database
from triage.store.put import put_risks

pytestmark = pytest.mark.slow

READER = Path(__file__).parents[2] / "config" / "grafana" / "reader.sql"

ASKED = [question for question in questions() if question.of_sql]

SECONDS = {"1h": 3_600, "1d": 86_400}

HOST = "10.0.10.17"


@pytest.fixture(scope="module")
def reader(postgres: Server) -> Iterator[psycopg.Connection[Any]]:
    """Grafana's connection to triage's database: four incidents, of which three are labelled, and two hosts' risks."""
    url = postgres.database()
    database = Database(url)
    database.start()
    try:
        with database.write() as session:
            kinds = ("scan", "beacon", "scan", "flood")
            put(session, [incident(number, kind=kind, severity_id=5 - number % 4) for number, kind in enumerate(kinds)])
            told = (risk(HOST), risk(HOST, partition=1, risk=5.0), risk("10.0.2.10", risk=20.0))
            put_risks(session, [(read_host(each), each) for each in told])
            for number, verdict in enumerate(("true", "false", "true")):
                judge(session, number, verdict)
    finally:
        database.stop()
    with psycopg.connect(url, autocommit=True) as owner:
        for _ in range(2):  # it may be run again
            owner.execute(READER.read_text(encoding="utf-8"))
    with psycopg.connect(url.replace("postgres@", "oddflow_reader@"), autocommit=True) as connection:
        yield connection


def as_asked(text: str, *, host: str = "", days: int = 1) -> str:
    """A question with Grafana's macros and variables worked out, for everything but a host and so many days."""
    since, until = START - 86_400.0 * days, START + 86_400.0 * days
    text = re.sub(r"\$__unixEpochFilter\(([\w.]+)\)", rf"\1 >= {since:.0f} AND \1 <= {until:.0f}", text)
    text = re.sub(
        r"\$__unixEpochGroup\((\w+), '(\w+)'\)",
        lambda found: f"floor(({found[1]})/{SECONDS[found[2]]})*{SECONDS[found[2]]}",
        text,
    )
    chosen = {
        "severity": "'critical','high','medium','low'",
        "kind": "'scan','beacon','flood'",
        "host": "'" + host.replace("'", "''") + "'",
    }
    for name, value in chosen.items():
        text = text.replace(f"${{{name}:sqlstring}}", value)
    assert "$" not in text
    return text


def rows(reader: psycopg.Connection[Any], text: str, **chosen: Any) -> list[tuple[Any, ...]]:
    """What comes back."""
    return reader.execute(as_asked(text, **chosen).encode()).fetchall()


def question(title: str) -> str:
    """The question of one panel."""
    (found,) = [each.text for each in ASKED if each.place == f"incidents: {title}" and "count(*)" not in each.text[:16]]
    return found


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.place)
def test_every_panel_has_rows(reader: psycopg.Connection[Any], asked: Question) -> None:
    """PostgreSQL takes each question of the boards from the role that only reads, and gives rows with values."""
    found = rows(reader, asked.text)
    assert found != []
    assert any(value is not None for value in found[0])


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.place)
def test_a_host_that_is_typed_is_a_value(reader: psycopg.Connection[Any], asked: Question) -> None:
    """What people type as a host is never SQL."""
    rows(reader, asked.text, host="'; DROP TABLE incidents; --")


def test_the_table_shows_what_is_chosen(reader: psycopg.Connection[Any]) -> None:
    """The gravest incident is first; a host leaves those that it has part in; a time leaves those within it."""
    table = question("Incidents")
    assert [row[1] for row in rows(reader, table)] == ["critical", "high", "medium", "low"]
    assert len(rows(reader, table, host=HOST)) == 4
    assert rows(reader, table, host="10.9.9.9") == []
    assert rows(reader, table, days=0) == []


def test_precision_is_of_labelled_incidents(reader: psycopg.Connection[Any]) -> None:
    """Of four incidents two were labelled true and one false: two thirds were right."""
    (precision,) = [each.text for each in ASKED if each.place == "models: How often it is right, by model"]
    ((_, incidents, true, false, unsure, share),) = rows(reader, precision)
    assert (incidents, true, false, unsure, float(share)) == (4, 2, 1, 0, 0.667)


def test_hosts_are_by_risk(reader: psycopg.Connection[Any]) -> None:
    """The host with the highest risk is first, once for all partitions, with how its incidents were labelled."""
    first, second = rows(reader, question("Hosts by risk"))
    assert (first[0], *first[3:], second[0]) == (HOST, 2, 1, 1, "10.0.2.10")


@pytest.mark.parametrize("table", ["users", "sessions", "tokens", "labels", "outbox", "incident_documents"])
def test_the_reader_sees_incidents_alone(reader: psycopg.Connection[Any], table: str) -> None:
    """Users, sessions, tokens, comments and documents are not for Grafana."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))


def test_the_reader_changes_nothing(reader: psycopg.Connection[Any]) -> None:
    """Neither by its settings, nor where it sets them otherwise."""
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("DELETE FROM incidents")
    reader.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("DELETE FROM incidents")
    reader.execute("RESET default_transaction_read_only")
