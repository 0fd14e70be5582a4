"""Triage killed at any moment while incidents come in and somebody labels them, on a real Kafka."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from threading import Timer
from urllib.request import Request, urlopen

import pytest

from detector.feedback.label import Label, read_label
from detector.transport.base import OutRecord
from tests.conftest import MakeTopic
from tests.feedback.labels import uid
from tests.kafka.world import wait_for
from tests.transport.arena import consume, produce
from tests.triage.documents import incident
from tests.triage.test_serve import free_port, until

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow]

KILLS, PART = 3, 40


def say_false(port: int, csrf: str, number: int) -> str:
    """Label an incident by the interface for programs; the label's id. Raises OSError, HTTPException."""
    address = f"http://127.0.0.1:{port}"
    headers = {"content-type": "application/json", "origin": address, "x-csrf-token": csrf}
    asked = Request(f"{address}/api/v1/incidents/{uid(number)}/labels", b'{"verdict": "false"}', headers)  # noqa: S310 - our own
    with urlopen(asked, timeout=10) as answer:  # noqa: S310 - the same
        return str(json.loads(answer.read())["id"])


def test_no_label_that_was_acknowledged_is_lost(kafka: str, topic: MakeTopic, tmp_path: Path) -> None:
    """Each is on the topic, under one id for one word, and the database has every incident once."""
    incidents, feedback, port, chance = topic(), topic(2), free_port(), random.Random(7)
    names = {"OUTPUT__INCIDENTS": incidents, "FEEDBACK_": feedback, "OUTPUT__ALERTS": topic(), "OUTPUT__RISK": topic()}
    given = {f"ODDFLOW_{name}_TOPIC": value for name, value in (names | {"SUPPRESSION_": topic()}).items()}
    command = [sys.executable, "-m", "detector", "triage", "serve", "--port", str(port), "--bootstrap-servers", kafka]
    acknowledged: set[str] = set()
    for turn in range(KILLS + 1):
        produce(kafka, incidents, [OutRecord(incident(PART * turn + number)) for number in range(PART)])
        with (tmp_path / "triage.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | given, stderr=log, text=True)
        try:
            csrf = re.search(r'name="csrf" value="(\w+)"', until(process, port, "/incidents/" + uid(PART * turn), 200))
            assert csrf is not None
            if turn == KILLS:
                wait_for(lambda: acknowledged <= {each.id for each in labels(kafka, feedback)})
                wait_for(lambda: stored(tmp_path) == (PART * (KILLS + 1), 0))
                break
            killer = Timer(chance.uniform(0.1, 1.0), process.kill)
            killer.start()
            while process.poll() is None:
                with suppress(OSError, HTTPException):
                    acknowledged.add(say_false(port, csrf[1], PART * turn))
            killer.join()
        finally:
            process.kill()
            process.wait()
    found = labels(kafka, feedback)
    assert acknowledged
    assert acknowledged <= {each.id for each in found}
    assert len(set(found)) == len({each.id for each in found})
    assert stored(tmp_path) == (PART * (KILLS + 1), 0)


def labels(kafka: str, feedback: str) -> list[Label]:
    """What the topic has."""
    return [read_label(each.value or b"") for each in consume(kafka, feedback)]


def stored(folder: Path) -> tuple[int, int]:
    """Incidents that the database has, and words that wait to be sent."""
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        incidents, outbox = database.execute("SELECT (SELECT count(*) FROM incidents), count(*) FROM outbox").fetchone()
        return incidents, outbox
