"""Whether flows that a model is measured on are those that it was trained on: figures would then flatter it.

Told by the digest of the records, by the names of files within the time trained on, or by a topic's offsets; files of
other names from that time may hold the same flows, and are told as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from detector.bundle.manifest import TrainingData
from detector.scoring.dataset import OFFSET, SOURCE, Dataset

RANGE = re.compile(r"(?P<source>.+) offsets (?P<first>\d+) to (?P<last>\d+)")
"""How ``training.train.sources_of`` writes a partition."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Flows that were trained on, or may have been."""

    flows: int
    certain: bool
    """False where only their time says so."""
    why: str

    def told(self, rows: int) -> str:
        """In words, of so many flows."""
        if self.certain:
            return (
                f"{self.flows:,} of {rows:,} flows are of what the model was trained on ({self.why}): the figures"
                " flatter it; measure it on other flows"
            )
        return (
            f"{self.flows:,} of {rows:,} flows are of the time that the model was trained on ({self.why}): if they are"
            " the same, the figures flatter it"
        )


def overlap(training: TrainingData, read: Dataset) -> Overlap | None:
    """What ``read`` has in common with what was trained on; None if nothing has."""
    rows = len(read.frame)
    if training.sha256 and training.sha256 == read.sha256:
        return Overlap(rows, True, "the same records, by their digest")
    within = _same_time(training, read)
    if read.topic is not None:
        same, why = _same_offsets(training, read), "the same offsets of the topic"
    else:
        same, why = within & _same_names(training, read), "a file of the same name, and the same time"
    if same.any():
        return Overlap(int(same.sum()), True, why)
    return Overlap(int(within.sum()), False, "by another name") if within.any() else None


def _same_offsets(training: TrainingData, read: Dataset) -> NDArray[np.bool_]:
    sources, offsets = read.frame[SOURCE].to_numpy(), read.frame[OFFSET].to_numpy()
    same = np.zeros(len(read.frame), dtype=bool)
    for found in filter(None, map(RANGE.fullmatch, training.sources)):
        if found["source"] in read.sources:
            of_partition = sources == read.sources.index(found["source"])
            same |= of_partition & (offsets >= int(found["first"])) & (offsets <= int(found["last"]))
    return same


def _same_time(training: TrainingData, read: Dataset) -> NDArray[np.bool_]:
    if training.start is None or training.end is None:
        return np.zeros(len(read.frame), dtype=bool)
    ts = read.frame["ts"].to_numpy()
    within: NDArray[np.bool_] = (ts >= training.start) & (ts <= training.end)
    return within


def _same_names(training: TrainingData, read: Dataset) -> NDArray[np.bool_]:
    same = [number for number, source in enumerate(read.sources) if PurePath(source).name in training.sources]
    named: NDArray[np.bool_] = np.isin(read.frame[SOURCE].to_numpy(), same)
    return named
