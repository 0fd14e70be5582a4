"""What people have judged: a file of judgements, and what a model says of the flows that they are of.

A line each, JSON::

    {"id": "CHhAvVGS1DHFjwGM9", "label": "false", "by": "ada", "at": "2026-11-24T09:00:00Z"}
    {"id": "incident 7", "label": "true", "flow": {"src_ip": "10.0.0.7", "dst_ip": "198.51.100.9", "dst_port": 443}}

``id`` is a flow's own id (Zeek's uid), or the record's (``2/122``), or, beside a ``flow``, any name. ``flow`` has some
of a flow's canonical columns; every flow that has all of them is meant. Of several judgements of one id the last one
counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import InputError
from detector.scoring.dataset import OFFSET, SOURCE
from training.gate.facts import Known

COLUMNS = ("ts", "src_ip", "src_port", "dst_ip", "dst_port", "proto", "service")
"""What a ``flow`` may name."""


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of them."""

    id: str
    label: Literal["true", "false"]
    by: str = ""
    at: str = ""
    """UTC, ISO 8601."""
    flow: dict[str, str | int | float] = {}


def read_judgements(path: Path) -> list[Judgement]:
    """Read a file. Raises InputError, with the line, for what is no judgement."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"reading judgements {path}: {error.strerror}; give a file of JSON lines") from error
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


def rows_of(judgement: Judgement, frame: pl.DataFrame) -> NDArray[np.intp]:
    """Places of the flows that it is of."""
    if judgement.flow:
        fits = [pl.col(name).cast(pl.String) == str(value) for name, value in judgement.flow.items() if name != "ts"]
        if "ts" in judgement.flow:
            fits.append((pl.col("ts") - float(judgement.flow["ts"])).abs() < 0.001)
        mask = frame.select(pl.all_horizontal(fits).fill_null(False)).to_series()
    else:
        own = pl.col("uid").cast(pl.String) == judgement.id
        record = pl.concat_str([pl.col(SOURCE), pl.col(OFFSET)], separator="/") == judgement.id
        mask = frame.select((own.fill_null(False) | record.fill_null(False)).alias("is")).to_series()
    return np.flatnonzero(mask.to_numpy())


def known_of(judgements: Sequence[Judgement], frame: pl.DataFrame, raised: NDArray[np.bool_]) -> Known:
    """Hold them against what is ``raised`` of the frame's flows (rows,)."""
    ids: dict[tuple[str, bool], list[str]] = {}
    absent = 0
    for judgement in judgements:
        rows = rows_of(judgement, frame)
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
