"""What published work is measured on, as it is read here: edges, streams of rows, and tables.

Files that are not in ``ODDFLOW_DATA`` are looked for below ``ODDFLOW_PUBLISHED``, in any folder, by their own names.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.quality_sets import canonical, nsl_kdd, read_unsw
from detector.errors import InputError
from detector.records.flow import BENIGN, LABEL

Mask = NDArray[np.bool_]
Matrix = NDArray[np.float32]

DAY_S = 86_400.0
FIRST_DAY = datetime(1998, 6, 1, tzinfo=UTC).timestamp()
"""Of DARPA's nine weeks."""

JUNE = 30
"""Its days; the file has ten edges of a thirty-second of July, which come before the first of August."""


@dataclass(frozen=True, slots=True)
class Edges:
    """A graph's edges in order of time, as MIDAS's authors number them."""

    sources: NDArray[np.int64]
    destinations: NDArray[np.int64]
    ticks: NDArray[np.int64]
    """The rank of each edge's minute among those that have edges, from 1."""
    flows: pl.DataFrame
    """The same as canonical flows: addresses and the minute, nothing else."""
    attacks: Mask
    quiet: Mask
    """Attacks whose name has few edges on that day."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows in their order."""

    rows: Matrix
    attacks: Mask
    flows: pl.DataFrame | None = None
    """The same rows as canonical flows, where they are known."""


@dataclass(frozen=True, slots=True)
class Aspects:
    """Rows of numbers and categories by tick, as MStream takes them."""

    numbers: NDArray[np.float64]
    categories: NDArray[np.int64]
    ticks: NDArray[np.int64]
    attacks: Mask
    flows: pl.DataFrame | None = None


def published_folder() -> Path | None:
    """The folder that ``ODDFLOW_PUBLISHED`` names, if it does."""
    named = os.environ.get("ODDFLOW_PUBLISHED")
    return Path(named) if named else None


def find(folder: Path | None, *names: str) -> list[Path] | str:
    """Files below a folder by their names, which may have wildcards; or why they cannot be read."""
    if folder is None:
        return f"set ODDFLOW_PUBLISHED to a folder with {', '.join(names)}"
    found = [min(folder.rglob(name), default=None) for name in names]
    missing = [name for name, path in zip(names, found, strict=True) if path is None]
    return f"{folder} has no {', '.join(missing)}" if missing else [path for path in found if path]


def fingerprint(paths: Sequence[Path]) -> str:
    """The files' names, with the beginning of each one's SHA-256."""
    told = []
    for path in paths:
        with path.open("rb") as file:
            told.append(f"{path.name} (sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:12]})")
    return ", ".join(told)


def darpa_edges(path: Path, quiet_edges: int) -> Edges:
    """DARPA's edges of 1998 from the zip of MIDAS's repository; quiet is a name with so many edges a day at most."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0])
    frame = pl.read_csv(
        text, has_header=False, new_columns=["src_ip", "dst_ip", "minute", "attack"], infer_schema=False
    )
    sites = pl.concat([frame["src_ip"], frame["dst_ip"]]).rank("dense").to_numpy().astype(np.int64) - 1
    attack = pl.col("attack") != "-"
    few = attack & (pl.len().over("attack", pl.col("minute").str.head(10)) <= quiet_edges)
    month, day, hour, minute = (pl.col("minute").str.slice(at, 2).cast(pl.Int32) for at in (0, 3, 11, 14))
    # July has a day more than June, which its thirty-second would be; August begins after it.
    days = (month - 6) * JUNE + (month == 8).cast(pl.Int32) + day - 1
    seconds = days.cast(pl.Float64) * DAY_S + hour * 3600.0 + minute * 60.0
    told = frame.select(
        *(pl.col(name).str.replace_all(r"\b0+(\d)", "$1") for name in ("src_ip", "dst_ip")),
        (FIRST_DAY + seconds).alias("ts"),
        attack.alias("odd"),
        few.alias("quiet"),
        pl.col("minute").rank("dense").cast(pl.Int64).alias("tick"),
        pl.Series("source", sites[: len(frame)]),
        pl.Series("destination", sites[len(frame) :]),
    )
    flows = canonical(told)
    columns = [flows[name].to_numpy() for name in ("source", "destination", "tick", "odd", "quiet")]
    kept = flows.drop("source", "destination", "tick", "odd", "quiet")
    return Edges(columns[0], columns[1], columns[2], kept, columns[3], columns[4])


def delimited(numbers: Path, labels: Path) -> Stream:
    """MemStream's files: rows of numbers, and a label a row. Raises InputError where they do not fit together."""
    rows = pl.read_csv(numbers, has_header=False, infer_schema=False).cast(pl.Float32, strict=False).to_numpy()
    attacks = _column(labels) > 0
    if len(rows) != len(attacks):
        raise InputError(f"reading {numbers}: {len(rows)} rows, but {len(attacks)} labels in {labels}")
    return Stream(np.ascontiguousarray(np.nan_to_num(rows)), attacks)


def aspects(numbers: Path, categories: Path, ticks: Path, labels: Path) -> Aspects:
    """MStream's four files. Raises InputError where they do not fit together."""
    parts = [pl.read_csv(path, has_header=False, infer_schema=False) for path in (numbers, categories)]
    numeric = np.nan_to_num(parts[0].cast(pl.Float64, strict=False).to_numpy())
    coded = parts[1].cast(pl.Float64, strict=False).fill_null(0.0).to_numpy().astype(np.int64)
    times, attacks = _column(ticks).astype(np.int64), _column(labels) > 0
    if len({len(each) for each in (numeric, coded, times, attacks)}) > 1:
        raise InputError(f"reading {numbers}: {len(numeric)} rows, {len(times)} times and {len(attacks)} labels")
    return Aspects(np.maximum(numeric, 0.0), coded, times, attacks)


def _column(path: Path) -> NDArray[np.float64]:
    frame = pl.read_csv(path, has_header=False, infer_schema=False)
    column: NDArray[np.float64] = frame[:, 0].cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
    return column


def nsl_kdd_stream(folder: Path) -> Stream:
    """NSL-KDD's 20 % file, then its test file, in the order of their rows: numbers, and a column for each word."""
    case = nsl_kdd(folder)
    both = pl.concat([case.train, case.test], how="vertical_relaxed")
    rows = wide(both, case.symbols)
    flows = pl.concat([case.train_flows, case.test_flows], how="diagonal_relaxed")
    return Stream(rows, np.concatenate([case.train_attacks, case.test_attacks]), flows)


UNSW_WORDS = ("srcip", "sport", "dstip", "dsport", "proto", "state", "service")
UNSW_NOT_GIVEN = ("Stime", "Ltime", "attack_cat", "label")


def unsw_rows(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """UNSW-NB15's raw rows by its own columns, in order of time; and the same as canonical flows."""
    names = [
        name.strip() for name in (folder / "columns.txt").read_text().replace("\n", ",").split(",") if name.strip()
    ]
    text = gzip.decompress((folder / "raw-3400-flows.csv.gz").read_bytes()).decode("utf-8-sig")
    raw = pl.read_csv(io.StringIO(text), has_header=False, new_columns=names, infer_schema=False)
    return raw.sort(pl.col("Stime").cast(pl.Float64), maintain_order=True), read_unsw(folder)


def unsw_stream(folder: Path) -> Stream:
    """The same for MemStream: numbers, and a column for each protocol, state and service."""
    raw, flows = unsw_rows(folder)
    words = ("proto", "state", "service")
    left_out = {*UNSW_NOT_GIVEN, *UNSW_WORDS} - set(words)
    numeric = [pl.col(name).cast(pl.Float64, strict=False).fill_null(0.0) for name in raw.columns if name not in words]
    rows = raw.with_columns(numeric).select(name for name in raw.columns if name not in left_out)
    return Stream(wide(rows, words), (flows[LABEL] != BENIGN).to_numpy(), flows)


def unsw_aspects(folder: Path) -> Aspects:
    """The same for MStream: its 7 words as codes, the other columns as numbers; a tick is a second that has flows."""
    raw, flows = unsw_rows(folder)
    numeric = [name for name in raw.columns if name not in {*UNSW_WORDS, *UNSW_NOT_GIVEN}]
    numbers = raw.select(pl.col(numeric).cast(pl.Float64, strict=False).fill_null(0.0)).to_numpy()
    coded = raw.select(pl.col(UNSW_WORDS).rank("dense").cast(pl.Int64)).to_numpy()
    ticks = raw["Stime"].cast(pl.Float64).rank("dense").cast(pl.Int64).to_numpy()
    return Aspects(np.maximum(numbers, 0.0), coded, ticks, (flows[LABEL] != BENIGN).to_numpy(), flows)


def wide(frame: pl.DataFrame, words: Sequence[str]) -> Matrix:
    """Numbers as they are, and a column of 0 or 1 for each word of each column of words."""
    present = [name for name in words if frame[name].dtype == pl.String]
    parts = frame.to_dummies(present) if present else frame
    return np.ascontiguousarray(parts.cast(pl.Float32).to_numpy())


def adbench(path: Path) -> Stream:
    """A set of ADBench's: ``X`` and ``y`` in an npz. Raises InputError for a file that is none."""
    try:
        with np.load(path) as arrays:
            return Stream(arrays["X"].astype(np.float32), arrays["y"].ravel() > 0)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"reading {path}: {error}; give ADBench's npz with X and y") from error


def labelled_table(path: Path) -> Stream:
    """A table of ``aad``: the label in the first column, then numbers."""
    frame = pl.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())))
    labels = frame[:, 0].cast(pl.String).str.strip_chars('" ')
    return Stream(np.ascontiguousarray(frame[:, 1:].cast(pl.Float32).to_numpy()), (labels == "anomaly").to_numpy())
