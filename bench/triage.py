"""Measures triage: alerts taken in a minute, and how long a list over 100,000 incidents takes, as data and as a page.

``python -m bench.triage [--database URL] [--incidents N] [--alerts N]`` prints what it does, and one line of JSON last.
Ten thousand incidents are taken in as from a topic, and timed; the others are earlier copies of these with other ids.
Without ``--database`` it measures SQLite in a temporary folder; the database that is named must be empty.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import numpy as np
from sqlalchemy import func, insert, select, text

from triage.access.rules import AccessRules
from triage.app import create_app
from triage.ingest.taking import Message, Topics, take_batch
from triage.store.engine import Database
from triage.store.figures import figures
from triage.store.filters import Filter, Paging
from triage.store.incidents import incident, list_incidents, similar, timeline
from triage.store.queue import most_instructive
from triage.store.tables import INCIDENT_DOCUMENTS, INCIDENT_HOSTS, INCIDENT_TEXTS, INCIDENTS

START = 1_764_000_000.0

KINDS = ("scan", "sweep", "beacon", "dns tunnel", "brute force", "exfiltration", "other")

BATCH = 2_000

ROUNDS = 15

TAKEN = 10_000
"""Incidents that are taken in and timed."""

I = INCIDENTS.c  # noqa: E741 - its columns

COPIED = {INCIDENTS: "id", INCIDENT_DOCUMENTS: "id", INCIDENT_TEXTS: "id", INCIDENT_HOSTS: "incident"}

TOPICS = Topics({"incidents": "incident", "alerts": "alert"})


def uid(number: int) -> str:
    """An id as incidents and alerts have it."""
    return str(UUID(int=(number << 80) + (5 << 76) + (8 << 60)))


def incident_document(number: int, random: np.random.Generator) -> bytes:
    """One of some 6 kB, as a daemon writes it."""
    source, destination = f"10.0.{number % 40}.{random.integers(250)}", f"10.1.{number % 7}.{random.integers(250)}"
    kind, began = KINDS[number % len(KINDS)], START + 6.0 * number
    flows = [{"alert": uid(10**7 + n), "topic": "flows", "partition": 0, "offset": number * 10 + n} for n in range(10)]
    strongest = [
        {"alert": uid(10**7 + n), "score": 0.9, "ts": began, "src_ip": source, "dst_ip": destination, "proto": "tcp"}
        | {"dst_port": 22, "why": f"{source} → {destination} 22/tcp: tried 140 ports within 1 min, 91 % unanswered"}
        for n in range(5)
    ]
    ours = {
        "incident_version": 3, "id": uid(number), "revision": 1, "step": "close", "kind": kind, "rule": "one source",
        "confidence": "sure", "headline": f"{kind} of {destination} by {source}", "risk": int(random.integers(100)),
        "severity_why": "benign traffic is this odd once in 139 days", "size": "276 alerts in 15 s, 99 % unanswered",
        "facts": [{"what": "ports", "value": 276.0, "unit": "ports", "usual_most": 4.0}] * 6, "focus": "both",
        "check": ["is the source a scanner of yours"], "innocent": ["an inventory of yours"], "techniques": ["T1046"],
        "alerts": 276, "first_seen": began, "last_seen": began + 15.0, "sources": [source],
        "destinations": [destination], "ports": list(range(1, 31)), "strongest": strongest, "flows": flows,
        "model_versions": [f"2026112{number // 40_000}T034500Z-6813d1"], "lowest_p_value": 1e-6,
    }  # fmt: skip
    whole = {
        "class_uid": 2004,
        "severity_id": 2 + number % 4,
        "message": ours["headline"],
        "unmapped": {"oddflow": ours},
    }
    return json.dumps(whole | {"evidences": strongest, "padding": "x" * 1_000}).encode()


def alert_document(number: int, incidents: int, random: np.random.Generator) -> bytes:
    """One of some 2 kB."""
    of = int(random.integers(incidents))
    at = int((START + 6.0 * of) * 1000)
    source, destination = f"10.0.{of % 40}.{random.integers(250)}", f"10.1.{of % 7}.{random.integers(250)}"
    endpoints = {
        "src_endpoint": {"ip": source, "port": 40_000},
        "dst_endpoint": {"ip": destination, "port": 22, "svc_name": "ssh"},
        "connection_info": {"direction_id": 3, "protocol_name": "tcp", "protocol_ver_id": 4, "uid": "C1"},
        "data": {"src_bytes": 10, "dst_bytes": 20, "state": "S0"},
    }
    return json.dumps({
        "class_uid": 2004, "time": at, "start_time": at, "end_time": at, "severity_id": 4, "severity": "High",
        "status_id": 1, "message": f"{source} → {destination} 22/tcp: tried 140 ports", "confidence_id": 3,
        "risk_score": 70, "risk_level_id": 3, "observables": [], "evidences": [endpoints],
        "metadata": {
            "uid": uid(10**7 + number), "correlation_uid": uid(of), "product": {"name": "oddflow", "version": "1"},
            "log_source": "flows", "original_event_uid": f"0/{number}", "version": "1.8.0",
        },
        "finding_info": {
            "uid": uid(10**7 + number), "title": "a port scan",
            "analytic": {"name": "flows", "uid": "0123456789abcdef", "version": "v1"},
        },
        "unmapped": {"oddflow": {"alert_version": 2, "score": 0.8, "p_value": 0.001}}, "padding": "x" * 900,
    }).encode()  # fmt: skip


def batches(topic: str, count: int, make: Callable[[int], bytes]) -> Iterator[list[Message]]:
    """Messages of a topic, some at a time."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        yield [Message(topic, 0, n, START + 6.0 * n, None, make(n)) for n in numbers]


def fill(database: Database, topic: str, count: int, make: Callable[[int], bytes]) -> float:
    """Take documents in as the ingest does; documents a minute, making them left out."""
    spent = 0.0
    for batch in batches(topic, count, make):
        began = time.perf_counter()
        with database.write() as session:
            take_batch(session, batch, TOPICS)
        spent += time.perf_counter() - began
    return 60.0 * count / spent


def copy(database: Database, there: int, wanted: int) -> None:
    """Copy the incidents that are there until there are so many, each time earlier than all before."""
    for turn in range(1, wanted // there):
        new, back = func.substr(I.id, 1, 30) + f"{turn:06}", 6.0 * there * turn
        moved = {"id": new, "whole": new, "last_seen": I.last_seen - back, "first_seen": I.first_seen - back}
        moved |= {"first_told": I.first_told - back}
        with database.write() as session:
            for table, key in COPIED.items():
                columns = [column for column in table.columns if column.name not in {key, "number"}]
                values = [moved.get(column.name, column) if table is INCIDENTS else column for column in columns]
                fresh = func.substr(table.c[key], 1, 30) + f"{turn:06}"
                query = select(fresh, *values).where(table.c[key].endswith("000000"))
                session.execute(insert(table).from_select([key, *(column.name for column in columns)], query))
    with database.write() as session:
        session.execute(text("ANALYZE"))


def timed(database: Database, ask: Callable[[Any], object]) -> dict[str, float]:
    """How long a query takes, each time in a transaction of its own: median, longest, and of our CPU, in ms."""
    spent, computed = [], []
    for _ in range(ROUNDS):
        began, cpu = time.perf_counter(), time.thread_time()
        with database.read() as session:
            ask(session)
        spent.append(1000.0 * (time.perf_counter() - began))
        computed.append(1000.0 * (time.thread_time() - cpu))
    told = {"median_ms": median(spent), "longest_ms": max(spent), "cpu_ms": median(computed)}
    return {name: round(each, 1) for name, each in told.items()}


def pages_timed(database: Database, paths: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """How long a page takes on the server, from the request to its last byte, who asks and rendering among it."""
    app = create_app(database, AccessRules(), clock=lambda: START)

    async def ask() -> dict[str, dict[str, float]]:
        found = {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            for name, path in paths.items():
                spent = []
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    (await client.get(path)).raise_for_status()
                    spent.append(1000.0 * (time.perf_counter() - began))
                found[name] = {"median_ms": round(median(spent), 1), "longest_ms": round(max(spent), 1)}
        return found

    return asyncio.run(ask())


def measured(url: str, incidents: int, alerts: int) -> dict[str, Any]:
    """All of one database."""
    database = Database(url)
    database.start()
    random, taken = np.random.default_rng(1), min(incidents, TAKEN)
    found: dict[str, Any] = {
        "incidents_per_minute": round(fill(database, "incidents", taken, lambda n: incident_document(n, random))),
        "alerts_per_minute": round(fill(database, "alerts", alerts, lambda n: alert_document(n, taken, random))),
    }
    copy(database, taken, incidents)
    middle = uid(taken // 2)
    with database.read() as session:
        host = list_incidents(session).rows[0].source
        far = list_incidents(session, paging=Paging(500)).after
    asks: dict[str, Callable[[Any], object]] = {
        "list": list_incidents,
        "list by risk": lambda session: list_incidents(session, paging=Paging(order="risk")),
        "list, a later page": lambda session: list_incidents(session, paging=Paging(after=far)),
        "list of a kind": lambda session: list_incidents(session, Filter(kinds=("beacon",))),
        "list, severe and not labelled": lambda session: list_incidents(session, Filter(severity=3, labels=("none",))),
        "list of a host": lambda session: list_incidents(session, Filter(host=host)),
        "list, open": lambda session: list_incidents(session, Filter(status="open")),
        "list by text": lambda session: list_incidents(session, Filter(text="10.1.3.77")),
        "list by text that is nowhere": lambda session: list_incidents(session, Filter(text="nowhere")),
        "list by text of most": lambda session: list_incidents(session, Filter(text="10.1.")),
        "list by two signs that are nowhere": lambda session: list_incidents(session, Filter(text="zz")),
        "list of a kind by text of another": lambda session: list_incidents(
            session, Filter(text="scan of", kinds=("beacon",))
        ),
        "incident": lambda session: incident(session, middle),
        "similar": lambda session: similar(session, middle),
        "timeline": lambda session: timeline(session, host, START, START + 6.0 * taken),
        "queue": most_instructive,
        "figures": lambda session: figures(session, START + 6.0 * taken, 10.0),
    }
    found["queries"] = {name: timed(database, ask) for name, ask in asks.items()}
    paths = {
        "list": "/incidents",
        "list by risk": "/incidents?order=risk",
        "list, severe and not labelled": "/incidents?severity=critical&label=none",
        "list by text": "/incidents?text=10.1.3.77",
        "incident": f"/incidents/{middle}",
        "host": f"/hosts/{host}",
        "queue": "/queue",
        "figures": "/figures",
    }
    found["pages"] = pages_timed(database, paths)
    database.stop()
    return found


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="An empty one; SQLite in a temporary folder if not given.")
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--alerts", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(given.database or f"sqlite:///{folder}/triage.db", given.incidents, given.alerts)
    for part in ("queries", "pages"):
        for name, each in found[part].items():
            print(f"{part} {name:36} {each['median_ms']:8.1f} ms, {each['longest_ms']:.1f} at most", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
