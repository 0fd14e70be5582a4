"""What people have judged: a file of labels or judgements, and what a model says of the flows that they are of.

Labels are as ``oddflow feedback`` reads and writes them (:mod:`detector.feedback.files`): CSV or JSON lines; of all
that was said of one thing the last word counts, and where that is *unsure*, nothing was judged. Judgements, which may
stand between them, are a line each, JSON::

    {"id": "CHhAvVGS1DHFjwGM9", "label": "false", "by": "ada", "at": "2026-11-24T09:00:00Z"}
    {"id": "incident 7", "label": "true", "flow": {"src_ip": "10.0.0.7", "dst_ip": "198.51.100.9", "dst_port": 443}}

``id`` is a flow's own id (Zeek's uid), or the record's (``2/122``), or, beside a ``flow``, any name. ``flow`` has some
of a flow's canonical columns; every flow that has all of them is meant. Of several judgements of one id the last one
counts. A label of an incident is found by the incident's document (:mod:`training.retrain.withheld`), one of an alert
by its record, where the data is of the same topic.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
import numpy as np
import polars as pl
from msgspec import UNSET
from msgspec.structs import asdict
from numpy.typing import NDArray

from detector.alerts.identity import record_ids
from detector.errors import InputError
from detector.feedback.files import Unsaid, read_labels
from detector.feedback.label import Flows, Label, iso
from detector.feedback.latest import Word, weigh
from detector.records.flow import NO_PART, PART
from detector.scoring.dataset import OFFSET, SOURCE
from training.gate.facts import Known

COLUMNS = ("ts", "src_ip", "src_port", "dst_ip", "dst_port", "proto", "service")
"""What a ``flow`` may name."""

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of them."""

    id: str
    label: Literal["true", "false"]
    by: str = ""
    at: str = ""
    """UTC, ISO 8601."""
    flow: dict[str, str | int | float] = {}


class OfFlows(Judgement, frozen=True, kw_only=True):
    """One of the flows of a time; made of a label."""

    since: float
    """A flow's start is not before it, in seconds since 1970 …"""
    until: float
    """… and before this."""


NOBODY = "somebody"
"""Who said what has no name with it."""


def read_judgements(path: Path) -> list[Judgement]:
    """Read a file. Raises InputError, with the line, for what is neither a label nor a judgement."""
    try:
        data, saved = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        raise InputError(f"reading judgements {path}: {error.strerror}; give a file of CSV or JSON lines") from error
    unsaid = Unsaid(NOBODY, datetime.fromtimestamp(saved, UTC))
    if data.removeprefix(codecs.BOM_UTF8).lstrip()[:1] not in {b"{", b""}:
        return _last_words(read_labels(data, str(path), unsaid))
    lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
    labels = [_is_label(line) for line in lines]
    only = b"\n".join(line if is_label else b"" for line, is_label in zip(lines, labels, strict=True))
    rest = [b"" if is_label else line for line, is_label in zip(lines, labels, strict=True)]
    return [*_last_words(read_labels(only, str(path), unsaid)), *_judgements(path, rest)]


def _is_label(line: bytes) -> bool:
    try:
        given = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(given, dict) and not given.keys().isdisjoint({"verdict", "of", "withdraws"})


def _last_words(labels: Sequence[Label]) -> list[Judgement]:
    said = weigh(Word(label, place) for place, label in enumerate(labels))
    found: list[Judgement] = []
    for of, standing in said.standings.items():
        last = standing.last
        if last is None or last.verdict is UNSET or last.verdict == "unsure":
            continue
        verdict, by, at = last.verdict, last.by, iso(last.at)
        if isinstance(of.flows, Flows):
            flow = {name: value for name, value in asdict(of.flows).items() if name in COLUMNS and value is not UNSET}
            since, until = of.flows.since.timestamp(), of.flows.until.timestamp()
            found.append(OfFlows(id=of.words, label=verdict, by=by, at=at, flow=flow, since=since, until=until))
        else:
            name = str(of.incident if of.alert is UNSET else of.alert)
            found.append(Judgement(id=name, label=verdict, by=by, at=at))
    return found


def _judgements(path: Path, lines: Sequence[bytes]) -> list[Judgement]:
    found: dict[str, Judgement] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            judgement = msgspec.json.decode(line, type=Judgement)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"reading judgements {path} line {number}: {str(error).splitlines()[0]}") from error
        if odd := sorted(judgement.flow.keys() - set(COLUMNS)):
            raise InputError(f"reading judgements {path} line {number}: flow.{odd[0]} is none of {', '.join(COLUMNS)}")
        found[judgement.id] = judgement
    return list(found.values())


def alerts_of(judgements: Sequence[Judgement], frame: pl.DataFrame, topic: str | None) -> Mapping[str, int]:
    """Places of flows by the ids that their alerts have or would have; empty where no judgement can be of one."""
    if topic is None or not any(_UUID.fullmatch(each.id) for each in judgements):
        return {}
    parts = frame[PART].fill_null(NO_PART).to_numpy() if PART in frame.columns else None
    ids = record_ids(topic, frame[SOURCE].to_numpy(), frame[OFFSET].to_numpy(), parts)
    return {name: row for row, name in enumerate(ids)}


def rows_of(
    judgement: Judgement, frame: pl.DataFrame, alerts: Mapping[str, int] = MappingProxyType({})
) -> NDArray[np.intp]:
    """Places of the flows that it is of; ``alerts`` is as :func:`alerts_of` gives it."""
    if judgement.id in alerts and not judgement.flow:
        return np.array([alerts[judgement.id]], np.intp)
    if judgement.flow:
        fits = [pl.col(name).cast(pl.String) == str(value) for name, value in judgement.flow.items() if name != "ts"]
        if "ts" in judgement.flow:
            fits.append((pl.col("ts") - float(judgement.flow["ts"])).abs() < 0.001)
        if isinstance(judgement, OfFlows):
            fits.append(pl.col("ts").is_between(judgement.since, judgement.until, closed="left"))
        mask = frame.select(pl.all_horizontal(fits).fill_null(False)).to_series()
    else:
        own = pl.col("uid").cast(pl.String) == judgement.id
        record = pl.concat_str([pl.col(SOURCE), pl.col(OFFSET)], separator="/") == judgement.id
        mask = frame.select((own.fill_null(False) | record.fill_null(False)).alias("is")).to_series()
    return np.flatnonzero(mask.to_numpy())


def known_of(
    judgements: Sequence[Judgement], frame: pl.DataFrame, raised: NDArray[np.bool_], topic: str | None = None
) -> Known:
    """Hold them against what is ``raised`` of the frame's flows (rows,), which are of ``topic`` if of any."""
    alerts = alerts_of(judgements, frame, topic)
    ids: dict[tuple[str, bool], list[str]] = {}
    absent = 0
    for judgement in judgements:
        rows = rows_of(judgement, frame, alerts)
        if len(rows):
            ids.setdefault((judgement.label, bool(raised[rows].any())), []).append(judgement.id)
        else:
            absent += 1
    found = {key: tuple(each) for key, each in ids.items()}
    again, quiet = found.get(("false", True), ()), found.get(("false", False), ())
    still, lost = found.get(("true", True), ()), found.get(("true", False), ())
    return Known(
        judged_false=len(again) + len(quiet),
        raised_again=again,
        judged_true=len(still) + len(lost),
        lost=lost,
        absent=absent,
    )
