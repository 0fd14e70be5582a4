"""Flows with the truth about them, however it was come by: what runs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.windows_keys import hashes_of
from detector.records.flow import LABEL
from detector.transport.kafka.partitioner import partitions_of
from training.evaluation.transplant import among
from training.labels import TrainOn, Truth
from training.simulator.frames import ATTACK_ID

Mask = NDArray[np.bool_]

Attacks = Literal["labelled", "transplanted", "none"]

SILENT_S = 3600.0
"""Labelled flows of one label and source are one attack, until they have been silent for so long."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A frame in order of time; masks and columns of shape (rows,)."""

    frame: pl.DataFrame
    attack: Mask
    benign: Mask
    """Taken for benign: a flow without a label is, where no flow has one."""
    trainable: Mask
    """All but transplanted attacks, which nothing is ever learnt from."""
    kinds: pl.Series
    """The label of each attack, empty for others."""
    instances: NDArray[np.int64]
    """The number of each one's attack; -1 for others."""
    partitions: NDArray[np.int32] | None

    @classmethod
    def of(cls, frame: pl.DataFrame, partitions: NDArray[np.int32] | None = None) -> Self:
        """Mark flows by their labels alone."""
        truth = Truth.of(frame)
        benign = truth.benign if truth.known.any() else np.ones(len(frame), np.bool_)
        kinds = frame[LABEL] if LABEL in frame.columns else pl.Series(LABEL, [None] * len(frame), dtype=pl.String)
        kinds = pl.select(pl.when(pl.Series(truth.attack)).then(kinds).otherwise(pl.lit(""))).to_series()
        every = np.ones(len(frame), np.bool_)
        return cls(frame, truth.attack, benign, every, kinds, attack_numbers(frame, truth.attack, kinds), partitions)

    def with_attacks(self, attacks: pl.DataFrame) -> Marked:
        """Put transplanted attacks among them; what was labelled an attack is neither, then."""
        frame, places = among(self.frame, attacks)
        attack = np.ones(len(frame), np.bool_)
        attack[places] = False
        benign, trainable = np.zeros(len(frame), np.bool_), ~attack
        benign[places] = self.benign
        kinds = frame[LABEL].fill_null("")
        partitions = None
        if self.partitions is not None:  # a topic's: an attacker's flows come by the partition of its host
            partitions = np.zeros(len(frame), np.int32)
            partitions[places] = self.partitions
            partitions[attack] = _partitions_by_source(self, attacks)
        return Marked(frame, attack, benign, trainable, kinds, attack_numbers(frame, attack, kinds), partitions)

    def take(self, rows: Mask) -> Marked:
        """Only these rows."""
        return Marked(
            self.frame.filter(pl.Series(rows)),
            self.attack[rows],
            self.benign[rows],
            self.trainable[rows],
            self.kinds.filter(pl.Series(rows)),
            self.instances[rows],
            None if self.partitions is None else self.partitions[rows],
        )

    def chosen(self, train_on: TrainOn, among_rows: Mask, seed: int) -> Mask:
        """Which of these rows the recipe trains on."""
        kept = among_rows & self.trainable
        if train_on.attacks_per_normal is None:
            return kept
        truth = Truth(self.attack & self.trainable, self.benign)
        return train_on.rows(truth, kept, seed)

    def came_by(self, partitions: int) -> NDArray[np.int32]:
        """The partition of each flow (rows,): of a topic with so many, keyed by source, where they came by none."""
        return partitions_of(self.frame["src_ip"], partitions) if self.partitions is None else self.partitions

    def calm(self, train_on: TrainOn) -> Mask:
        """Which rows a recipe calibrates on. Raises InputError where there is none."""
        truth = Truth(self.attack & self.trainable, self.benign)
        return train_on.calm(truth) & self.trainable


def attack_numbers(frame: pl.DataFrame, attack: Mask, kinds: pl.Series) -> NDArray[np.int64]:
    """Number the attacks: by ATTACK_ID, or by label and source, cut where they are silent. Shape (rows,), -1: none."""
    numbers = np.full(len(frame), -1, np.int64)
    rows = np.flatnonzero(attack)
    if not len(rows):
        return numbers
    if ATTACK_ID in frame.columns and frame[ATTACK_ID].gather(rows).null_count() == 0:
        numbers[rows] = np.unique(frame[ATTACK_ID].gather(rows).to_numpy().astype(str), return_inverse=True)[1]
        return numbers
    names = pl.select(pl.concat_str([kinds.gather(rows), frame["src_ip"].gather(rows)], separator="\x00")).to_series()
    codes = np.unique(hashes_of(names), return_inverse=True)[1]
    ts = frame["ts"].to_numpy()[rows]
    order = np.lexsort([ts, codes])
    begins = (np.diff(codes[order], prepend=-1) != 0) | (np.diff(ts[order], prepend=-np.inf) > SILENT_S)
    numbers[rows[order]] = np.cumsum(begins) - 1
    return numbers


def _partitions_by_source(marked: Marked, attacks: pl.DataFrame) -> NDArray[np.int32]:
    """Those that each source's flows came by first; 0 for a source that had none."""
    seen = pl.DataFrame({"src_ip": marked.frame["src_ip"], "partition": marked.partitions})
    first = seen.unique("src_ip", keep="first", maintain_order=True)
    found = attacks.select("src_ip").join(first, on="src_ip", how="left", maintain_order="left")
    known: NDArray[np.int32] = found["partition"].fill_null(0).to_numpy().astype(np.int32)
    return known
