"""The sets that learning from labels is measured on: rows, which of them are odd, and what is an incident among them.

Half of each is asked about, the other half is never shown: flows are halved by time, rows at random.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.quality_sets import chosen_rows, nsl_kdd, read_zeek
from detector.decisions.passed import evidence_keys
from detector.errors import InputError
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.replay import features_of, fresh_windows
from detector.features.windows import default_windows
from detector.features.windows_keys import hashes_of
from detector.records.flow import BENIGN, LABEL
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import Scenario
from training.train import Recipe, spec_for

Mask = NDArray[np.bool_]
Matrix = NDArray[np.float32]

PUBLISHED = ("abalone", "ann_thyroid_1v3", "cardiotocography_1", "yeast", "mammography", "weather")
"""Sets that active anomaly discovery is published on; they are no traffic."""

SHARE = 0.01
"""Of attacks, in NSL-KDD's rows and in simulated flows."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One set, or half of it."""

    matrix: Matrix
    """Shape (rows, features)."""
    odd: Mask
    incidents: NDArray[np.uint64]
    """Of each row, which incident it would be part of; of a table's, itself alone."""

    def take(self, chosen: NDArray[np.intp] | Mask) -> Rows:
        """Some of the rows."""
        return Rows(self.matrix[chosen], self.odd[chosen], self.incidents[chosen])


@dataclass(frozen=True, slots=True)
class Halved:
    """All rows; and the half that is asked about beside the one that is not shown."""

    whole: Rows
    first: Rows
    second: Rows


MakeSet = Callable[[int], Halved]
"""Of a seed."""


def sets(data: Path, given: Mapping[str, Path]) -> Iterator[tuple[str, MakeSet | str]]:
    """Each by its name: how it is made of a seed, or why it cannot be; ``given`` are tables beside the known ones."""
    files: dict[str, tuple[Path, Callable[[Path, int], Halved]]] = {
        name: (data / "aad" / f"{name}.csv.gz", table) for name in PUBLISHED
    }
    files["nsl-kdd"] = data / "nsl-kdd", nsl_kdd_stream
    files["zeek-008"] = data / "zeek" / "stratosphere-008-mixed.conn.log.labeled.gz", capture
    yield from ((name, partial(table, path)) for name, path in given.items())
    for name, (path, make) in files.items():
        if path.exists():
            yield name, partial(make, path)
        else:
            yield name, f"{path} is not there; name the folder with --data or ODDFLOW_DATA"
    yield "simulator", simulated


def table(path: Path, seed: int) -> Halved:
    """A table as CSV, gzipped or not: the label in its first column, ``anomaly`` or ``nominal``, then features.

    Raises InputError for a file that is none.
    """
    try:
        data = path.read_bytes()
        frame = pl.read_csv(io.BytesIO(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data))
        labels = frame[:, 0].cast(pl.String).str.strip_chars('" ')
        matrix = np.ascontiguousarray(frame[:, 1:].cast(pl.Float32).to_numpy())
    except (OSError, EOFError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"reading set {path}: {str(error).splitlines()[0]}; give a CSV of a label and numbers"
        ) from error
    if strange := sorted(set(labels.to_list()) - {"anomaly", "nominal"}, key=str):
        raise InputError(
            f"reading set {path}: label {strange[0]!r} in column {frame.columns[0]}; give anomaly or nominal"
        )
    return at_random(matrix, (labels == "anomaly").to_numpy(), seed)


def nsl_kdd_stream(folder: Path, seed: int) -> Halved:
    """NSL-KDD's training file with one attack in a hundred benign rows, by our own features."""
    case = nsl_kdd(folder)
    chosen = chosen_rows(np.ones(len(case.train), dtype=bool), case.train_attacks, SHARE, seed)
    flows = case.train_flows[chosen]
    extractor = FeatureExtractor.fit(flows, spec_for(flows, Recipe()))
    return at_random(features_of(extractor, flows), case.train_attacks[chosen], seed)


def capture(path: Path, seed: int) -> Halved:
    """A labelled Zeek log, as it is; it names no attacks, so one is all of a source and a label."""
    del seed  # a capture is what it is
    flows = read_zeek(path)
    return by_time(flows, flows["src_ip"] + "/" + flows[LABEL], 0, len(flows) // 2)


def simulated(seed: int, hosts: int = 25, half_s: float = 2 * 3600.0) -> Halved:
    """Two stretches of simulated flows of the same hosts, with every kind of attack in each.

    A flood from a hundred made-up addresses is one attack, as it is one incident to whoever is asked. Windows have
    seen four hours without attacks before: else all would be new in the first half, and not in the second.
    """
    before = Scenario(seed=500 + seed, hosts=hosts, duration_s=2 * half_s, attacks=(), attack_share=0.0)
    first = Scenario(seed=500 + seed, hosts=hosts, start=before.end, duration_s=half_s, attack_share=SHARE)
    second = replace(first, start=first.end)
    parts = [pl.concat([*each.frames()]).sort("ts", maintain_order=True) for each in (before, first, second)]
    flows = pl.concat(parts)
    return by_time(flows, flows[ATTACK_ID], len(parts[0]), len(parts[0]) + len(parts[1]))


def at_random(matrix: Matrix, odd: Mask, seed: int) -> Halved:
    """Rows in two halves, each with half of the odd ones; every row is an incident by itself."""
    rng = np.random.default_rng(seed)
    first = np.zeros(len(odd), bool)
    for kind in (True, False):
        places = rng.permutation(np.flatnonzero(odd == kind))
        first[places[: len(places) // 2]] = True
    rows = Rows(matrix, odd, np.arange(len(odd), dtype=np.uint64))
    return Halved(rows, rows.take(first), rows.take(~first))


def by_time(flows: pl.DataFrame, attacks: pl.Series, first: int, second: int) -> Halved:
    """Flows in order of time, by our own features with windows; halves begin at these rows, none is asked of before.

    A benign incident is a source, destination and port, an attack's is all that has its name in ``attacks``.
    """
    odd = (flows[LABEL] != BENIGN).to_numpy()
    extractor = FeatureExtractor.fit(flows[:second], build_spec(windows=default_windows()))
    matrix = features_of(extractor, flows, fresh_windows(extractor), np.zeros(len(flows), np.int32))
    rows = Rows(matrix, odd, np.where(odd, hashes_of(attacks.fill_null("")), evidence_keys(flows).targets))
    places = np.arange(len(flows))
    return Halved(rows.take(places[first:]), rows.take(places[first:second]), rows.take(places[second:]))
