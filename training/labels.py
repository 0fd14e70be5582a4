"""The truth about rows: which are attacks, and which rows a model may be trained on.

Labels choose rows and measure results; they never become a feature (``detector.features`` does not read them).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import ConfigurationError, InputError
from detector.records.every_format import FORMATS
from detector.records.flow import BENIGN, LABEL

MAPPING = "mapping"
"""The format whose labels are where the settings say."""

ATTACKER = "attacker"
"""The label given to flows by their address."""


def check_labels_possible(
    what: str,
    format: str,  # noqa: A002 - what it is called everywhere
    mapping: Mapping[str, object],
    attackers: Sequence[str],
) -> None:
    """Raise InputError where no record of ``format`` can have a label and no attacker is named, before any is read.

    Raises ConfigurationError for an attacker that is no address.
    """
    for text in attackers:
        _address(text)
    row = FORMATS.get(format)
    if attackers or row is None or (row.labels and not (format == MAPPING and LABEL not in mapping)):
        return
    fix = "map a field to label" if format == MAPPING else "use a labelled format"
    raise InputError(f"{what}: records of the format {format} have no labels; name attackers with --attacker, or {fix}")


def need_labels(frame: pl.DataFrame) -> None:
    """Raise InputError where no flow has a label: there is nothing to measure by."""
    if not Truth.of(frame).known.any():
        raise InputError(
            f"evaluating: none of {len(frame):,} flows has a label; give labelled flows, or name attackers with"
            " --attacker"
        )


def mark_attackers(frame: pl.DataFrame, attackers: Sequence[str]) -> pl.DataFrame:
    """Label by address: flows from or to one of ``attackers`` are attacks, all others benign.

    For captures whose truth is known by host. A label that names an attack already stays; none that says otherwise
    does. Raises ConfigurationError for text that is no address, InputError for an address that no flow has.
    """
    if not attackers:
        return frame
    wanted = [_address(text) for text in attackers]
    for text in wanted:
        if not frame.select((pl.col("src_ip") == text).any() | (pl.col("dst_ip") == text).any()).item():
            raise InputError(f"labelling by --attacker {text}: no flow has this address; check it against the data")
    attacking = pl.col("src_ip").is_in(wanted) | pl.col("dst_ip").is_in(wanted)
    label = pl.lit(BENIGN)
    if LABEL in frame.columns:
        label = pl.when(pl.col(LABEL) != BENIGN).then(pl.col(LABEL)).otherwise(label)
    return frame.with_columns(pl.when(attacking).then(pl.lit(ATTACKER)).otherwise(label).alias(LABEL))


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ConfigurationError(f"--attacker {text}: not an IP address, such as 172.16.1.11") from error


@dataclass(frozen=True, slots=True)
class Truth:
    """Two masks over rows: a row is an attack, is benign, or (neither) has no label."""

    attack: NDArray[np.bool_]
    benign: NDArray[np.bool_]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Self:
        """Read the label column; without one, nothing is known of any row."""
        if LABEL not in frame.columns:
            return cls(np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool))
        benign = frame.select((pl.col(LABEL) == BENIGN).fill_null(False)).to_series().to_numpy()
        known = frame[LABEL].is_not_null().to_numpy()
        return cls(known & ~benign, benign)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows with a label."""
        return self.attack | self.benign


@dataclass(frozen=True, slots=True)
class TrainOn:
    """Which rows a model is trained on: ``all``, ``normal``, or ``normal+SHARE``, as in ``normal+0.01``."""

    text: str
    attacks_per_normal: float | None
    """Labelled attacks kept, as a share of the normals; None for every row, labelled or not."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the flag. Raises ConfigurationError for anything else."""
        if text == "all":
            return cls(text, None)
        kind, plus, share = text.partition("+")
        try:
            value = float(share) if plus else 0.0
        except ValueError:
            value = -1.0
        if kind != "normal" or not 0.0 <= value <= 1.0:
            raise ConfigurationError(f"--train-on {text}: give all, normal, or normal+SHARE such as normal+0.01")
        return cls(text, value)

    @property
    def needs_labels(self) -> bool:
        """Whether rows are chosen by their labels."""
        return self.attacks_per_normal is not None

    def calm(self, truth: Truth) -> NDArray[np.bool_]:
        """Rows that a model may be calibrated on: none that is known to be an attack.

        Raises InputError where there is none, or where normal flows are asked for and none is labelled so.
        """
        if self.attacks_per_normal is None:
            if truth.attack.all():
                raise InputError(
                    "training on all: every flow is labelled an attack; give flows of ordinary traffic too"
                )
            return ~truth.attack
        if not truth.benign.any():
            raise InputError(
                f"training on {self.text}: no flow is labelled benign; use a labelled format or file, --attacker, or"
                " --train-on all"
            )
        return truth.benign

    def rows(self, truth: Truth, among: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
        """Choose from ``among``: every row, or the normals and, drawn by ``seed``, attacks up to their share."""
        if self.attacks_per_normal is None:
            return among.copy()
        chosen = truth.benign & among
        attacks = np.flatnonzero(truth.attack & among)
        wanted = min(len(attacks), int(self.attacks_per_normal * int(chosen.sum())))
        chosen[np.random.default_rng(seed).choice(attacks, wanted, replace=False)] = True
        return chosen
