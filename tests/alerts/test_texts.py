"""Bounds of the texts that records bring into documents, and what documents tell of what was cut."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from detector.alerts.score_record import score_records
from detector.alerts.texts import bound_column, bound_text, bound_texts
from detector.alerts.writer import AlertWriter
from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from detector.transport.base import OutRecord
from tests.alerts.test_writer import ODD, judged, put, schema, undescribed
from tests.bundles import loaded
from tests.features.flows import flows

HUGE = 600_000
LONG: dict[str, Any] = {"uid": "C" * HUGE, "service": "s" * HUGE, "state": "\x1b" * HUGE, "dst_port": 31337}


def documents(records: list[OutRecord]) -> list[Any]:
    """What is in them."""
    return [json.loads(record.value or b"") for record in records]


def uid_in(document: dict[str, Any]) -> Any:
    """The flow's own id in an alert of either shape."""
    if "oddflow" in document:
        return document["oddflow"]["record"]["uid"]
    return document["evidences"][0]["connection_info"]["uid"]


@pytest.mark.parametrize("shape", ["ocsf", "ecs"])
def test_an_alert_is_small_whatever_its_record_brings(shape: str) -> None:
    """Huge ids, services and states are cut; the alert tells the length and digest of each, and is as published."""
    (record,) = AlertWriter(shape).write(judged(flows(LONG)).contents())
    assert len(record.value or b"") < 16_000
    (document,) = documents([record])
    ours = document["unmapped"]["oddflow"] if shape == "ocsf" else document["oddflow"]
    assert uid_in(document) == "C" * 256 + "…"
    assert ours["cut"] == [
        {"field": f"flow.{name}", "bytes": HUGE, "sha256": hashlib.sha256(LONG[name].encode()).hexdigest()}
        for name in ("uid", "service", "state")
    ]
    published = schema("alert" if shape == "ocsf" else "alert-ecs")
    Draft202012Validator(published).validate(document)
    assert list(undescribed(document, published, published)) == []


def test_a_setting_leaves_texts_whole() -> None:
    """With a bound of 0 an alert has all of a record's text, and tells of no cut."""
    (document,) = documents(AlertWriter().write(judged(flows(LONG)).contents(max_text_bytes=0)))
    assert uid_in(document) == LONG["uid"]
    assert "cut" not in document["unmapped"]["oddflow"]


def test_ordinary_texts_are_not_touched() -> None:
    """An alert of an ordinary flow tells of no cut."""
    (document,) = documents(AlertWriter().write(judged(flows(ODD[0])).contents()))
    assert "cut" not in document["unmapped"]["oddflow"]


def test_incidents_are_small_too() -> None:
    """The documents of an incident of such alerts, at each of its steps, are bounded."""
    book = IncidentBook()
    put(book, flows(*[LONG | {"dst_port": 30_000 + number} for number in range(20)]))
    book.close_all()
    records = write_incidents(book.take())
    assert records
    assert all(len(record.value or b"") < 16_000 for record in records)


def test_scores_are_small_too() -> None:
    """A score's id is cut as an alert's."""
    batch = judged(flows(LONG, {}))
    cut, whole = documents(score_records(batch.raw, batch.flows, batch.findings.scores.overall, loaded()))
    assert cut["uid"] == "C" * 256 + "…"
    assert whole["uid"] == flows({})["uid"][0]


def test_no_document_brings_a_control_to_a_terminal() -> None:
    """Controls, and characters that turn text around, stand escaped in alerts and scores, and are read as they were."""
    nasty = "a\x9b31m\u202eb\x7f"
    batch = judged(flows(ODD[0] | {"uid": nasty}))
    alerts = AlertWriter().write(batch.contents())
    scores = score_records(batch.raw, batch.flows, batch.findings.scores.overall, loaded())
    for record in (*alerts, *scores):
        assert (record.value or b"").decode().isprintable()
    assert uid_in(documents(alerts)[0]) == nasty
    assert documents(scores)[0]["uid"] == nasty


@given(st.text(max_size=80), st.integers(0, 40))
def test_a_text_is_cut_between_characters(text: str, most: int) -> None:
    """A text is whole, or as much of its beginning as its bound has room for, and an ellipsis."""
    cut = bound_text(text, most)
    if most == 0 or len(text.encode()) <= most:
        assert cut == text
        return
    kept = cut.removesuffix("…")
    assert text.startswith(kept)
    assert most - 3 <= len(kept.encode()) <= most


@given(st.lists(st.none() | st.text(max_size=20), max_size=5), st.integers(0, 12))
def test_a_column_is_cut_as_its_texts_are(texts: list[str | None], most: int) -> None:
    """Each text of a column is cut as it would be alone; a null stays one."""
    column = bound_column(pl.Series("uid", texts, dtype=pl.String), most)
    assert column.to_list() == [None if text is None else bound_text(text, most) for text in texts]


def test_numbers_are_no_texts() -> None:
    """Only texts are cut."""
    assert bound_texts({"ts": 1e9, "uid": "abc", "port": np.int64(7)}, 2)[0] == {"ts": 1e9, "uid": "ab…", "port": 7}
