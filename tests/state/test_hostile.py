"""Snapshots whose checksums are right and whose contents are not: refused, or of no consequence; never the end."""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zstandard import ZstdCompressor, ZstdDecompressor

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget
from detector.errors import InputError
from detector.incidents.book import IncidentBook
from detector.records.flow import ROW, FlowBatch
from detector.scoring.judge import Judge
from detector.scoring.partition_state import PartitionState
from detector.state.events import StateMissing
from detector.state.keeper import StateKeeper
from detector.state.snapshot import MAGIC, Snapshot, pack, unpack
from detector.state.store import SnapshotStore
from detector.telemetry.events import Event
from detector.transport.base import Envelope, RawBatch
from tests.bundles import bundle, ordinary_flows
from training.simulator.scenario import DEFAULT_START

pytestmark = pytest.mark.slow

HOSTILE: list[Any] = [
    *(None, True, -1, 0, 1, 2**31, 2**62, 2**63, 2**64 - 1, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324),
    *("", "x" * 300, "\0", "source", b"\xff\xfe", [], {}, [[]], {"a": 1}, ["x"] * 2_000),
]
NUMBERS = [
    *(struct.pack("<d", n) for n in (math.nan, math.inf, 1e308, -1.0)),
    b"\xff" * 8,
    b"\0" * 8,
    b"\0\0\0\x80" * 2,
]
HEAD = struct.Struct("<4s16sIQ")


class Nothing:
    """No model ever comes."""

    def take(self) -> None:
        """Nothing."""


@cache
def model() -> LoadedModel:
    """A model with windows."""
    return read_bundle(bundle(windows=True))


def a_judge() -> Judge:
    """One that raises nearly every flow."""
    return Judge(
        model(),
        incoming=Nothing(),
        budget=Budget(0.9),
        builder=AlertBuilder(),
        writer=AlertWriter(),
        write_scores=True,
        write_incidents=True,
        tell=lambda _: None,
    )


def a_batch(first: int, count: int = 30) -> tuple[RawBatch, FlowBatch]:
    """Flows from ``first`` on, most of them to where none went before."""
    frame = ordinary_flows(count, first, DEFAULT_START + 60.0 + first).with_columns(
        pl.Series("dst_ip", [f"198.51.100.{(first + row) % 250}" for row in range(count)])
    )
    raw = RawBatch(
        topic="flows",
        values=[b"{}"] * count,
        partitions=np.zeros(count, np.int32),
        offsets=np.arange(first, first + count),
        timestamps_ms=np.zeros(count, np.int64),
        envelope=lambda _: Envelope(None, ()),
    )
    return raw, FlowBatch(frame.with_columns(pl.Series(ROW, range(count), pl.UInt32)))


@cache
def good() -> Mapping[str, bytes]:
    """What is remembered of a partition with open incidents."""
    judge = a_judge()
    judge.judge(*a_batch(0))
    parts = judge.memory.freeze(0)()
    assert judge.memory.incidents.open
    return parts


def goes_on(parts: Mapping[str, bytes]) -> None:
    """Restore, and if it is not refused, judge and write everything that there is to write."""
    judge = a_judge()
    for name, part in judge.memory._parts.items():
        try:
            part.restore(0, parts[name])
        except InputError:
            return
    judge.judge(*a_batch(100))
    for record in (*judge.judge(*a_batch(5_000)).incidents, *judge.conclude().incidents):
        msgspec.json.decode(record.value or b"")
    judge.memory.restore(0, judge.memory.freeze(0)())


def places(thing: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in it."""
    inside = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


def changed(thing: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The same with another value there."""
    if not path:
        return value
    copy = thing.copy()
    copy[path[0]] = changed(thing[path[0]], path[1:], value)
    return copy


def resealed(part: bytes, body: bytes) -> bytes:
    """An envelope whose checksum and length are those of another body."""
    magic, digest, _, _ = HEAD.unpack_from(part)
    packed = ZstdCompressor().compress(body)
    return HEAD.pack(magic, digest, zlib.crc32(packed), len(body)) + packed


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_incidents_of_any_contents_are_refused_or_harmless(data: st.DataObject) -> None:
    """Incidents in which anything is something else are refused as damaged state is, or judged on with."""
    whole = msgspec.msgpack.decode(good()["incidents"])
    for _ in range(data.draw(st.integers(1, 2))):
        whole = changed(whole, data.draw(st.sampled_from(places(whole))), data.draw(st.sampled_from(HOSTILE)))
    goes_on({**good(), "incidents": msgspec.msgpack.encode(whole)})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("severity", 1), ("severity", 6), ("gaps", -1), ("gaps", [-1.0]), ("count", 2**63), ("first_seen", math.nan)),
        *(
            ("last_seen", math.inf),
            ("main_port", 7),
            ("sources", {}),
            ("id", "another"),
            ("src_ip", "x" * 9_999),
        ),
    ],
)
def test_incidents_that_could_not_be_are_refused(field: str, value: Any) -> None:
    """An incident with a figure out of its bounds, or at odds with another, would fail later: it is refused at once."""
    whole = msgspec.msgpack.decode(good()["incidents"])
    first = next(iter(whole["incidents"]))
    bad = msgspec.msgpack.encode(changed(whole, ("incidents", first, field), value))
    book = IncidentBook()
    with pytest.raises(InputError, match="restoring incidents of partition 0"):
        book.restore(0, bad)
    assert book.open == 0


@pytest.mark.parametrize("field", ["severity", "count"])
def test_an_incident_that_lacks_what_all_have_is_refused(field: str) -> None:
    """A damaged name leaves a default in its place, which no incident that was written down has."""
    whole = msgspec.msgpack.decode(good()["incidents"], strict=False)
    del whole["incidents"][next(iter(whole["incidents"]))][field]
    with pytest.raises(InputError, match="has no alert or no severity"):
        IncidentBook().restore(0, msgspec.msgpack.encode(whole))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_incidents_of_any_bytes_are_refused_or_harmless(data: st.DataObject) -> None:
    """Incidents with any bytes changed, text that is not UTF-8 among them, are refused or judged on with."""
    raw = bytearray(good()["incidents"])
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    goes_on({**good(), "incidents": bytes(raw)})


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["windows", "evidence"]), st.data())
def test_tables_of_any_contents_are_refused_or_harmless(name: str, data: st.DataObject) -> None:
    """Windows and evidence with numbers changed anywhere, sealed anew, are refused or judged on with."""
    part = good()[name]
    body = bytearray(ZstdDecompressor().decompress(part[HEAD.size :]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(body), 4_000) // 4 - 2) | st.integers(0, len(body) // 4 - 2)) * 4
        body[place : place + 8] = data.draw(st.sampled_from(NUMBERS) | st.binary(min_size=8, max_size=8))
    if data.draw(st.booleans()):
        del body[data.draw(st.integers(0, len(body) - 1)) :]
    goes_on({**good(), name: resealed(part, bytes(body))})


def sealed(body: Any) -> bytes:
    """A snapshot's file of any contents."""
    raw = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
    return struct.pack("<4sI", MAGIC, zlib.crc32(raw)) + raw


FINE = {"topic": "flows", "partition": 0, "offset": 5, "parts": {"windows": b"x"}}
NOT_TEXT = msgspec.msgpack.encode(FINE).replace(b"flows", b"fl\xffws")


@pytest.mark.parametrize(
    "body",
    [NOT_TEXT, b"", b"\xc1", [], {}, {**FINE, "offset": -1}, {**FINE, "offset": "5"}, {**FINE, "parts": {"a": "text"}}],
)
def test_a_snapshot_whose_checksum_is_right_may_still_be_none(body: Any) -> None:
    """Contents that are no snapshot are an InputError, whatever the checksum says."""
    assert unpack(sealed(FINE)).offset == 5
    with pytest.raises(InputError, match="reading a snapshot of state"):
        unpack(sealed(body))


def kept(folder: Path, told: list[Event]) -> StateKeeper:
    """A keeper of a real memory, on files."""
    return StateKeeper(
        SnapshotStore(str(folder), "group", "flows"), PartitionState(model()), interval_s=60, tell=told.append
    )


@pytest.mark.parametrize("offset", [40, 60])
def test_hostile_incidents_count_as_missing_state(tmp_path: Path, offset: int) -> None:
    """A partition whose snapshot has text that is not UTF-8 is taken over without it, and that is told."""
    store = SnapshotStore(str(tmp_path), "group", "flows")
    bad = good()["incidents"].replace(b"198.51.100", b"198.51.\xff00")
    assert bad != good()["incidents"]
    store.save(Snapshot("flows", 0, offset, {**good(), "incidents": bad}), 0)
    told: list[Event] = []
    keeper = kept(tmp_path, told)
    assert keeper.take_over([0], {0: 60}, {0: 0}) == {}
    (missing,) = told
    assert isinstance(missing, StateMissing)
    assert "restoring incidents of partition 0" in missing.why


def test_an_error_that_nobody_foresaw_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever restoring raises, the partition is left empty and the reason is an InputError's."""
    memory = PartitionState(model())

    def fail(*_: object) -> None:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(IncidentBook, "restore", fail)
    with pytest.raises(InputError, match="restoring state: ZeroDivisionError: float division by zero"):
        memory.restore(0, good())
    assert memory.flows.windows is not None
    assert 0 not in memory.flows.windows.partitions


@pytest.mark.timeout(20)
def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    """A pipe and a file of a tebibyte in the places of two snapshots are passed over, and a new one takes a place."""
    store = SnapshotStore(str(tmp_path), "group", "flows")
    folder = tmp_path / "group" / "flows" / "0"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "a.state")
    with (folder / "b.state").open("wb") as file:
        file.truncate(1 << 40)  # sparse: takes no space
    assert store.load(0, 100) is None
    assert store.save(Snapshot("flows", 0, 7, {}), 0)
    assert store.load(0, 100) == Snapshot("flows", 0, 7, {})
    assert pack(Snapshot("flows", 0, 7, {})) in {path.read_bytes() for path in folder.glob("a.state")}
