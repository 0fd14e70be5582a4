"""What a comparison found, as one document: who was compared, how well each finds attacks, and what each costs."""

from __future__ import annotations

from typing import Literal

import msgspec

from detector.bundle.document import encode_document
from training.evaluation.report import Data, Protocol, Spread

COMPARISON_VERSION = 1

Role = Literal["published", "shelf", "upper bound"]
"""A kind that ``oddflow train`` publishes; a detector from a shelf; or one that was taught by labels, which says how
much the features could tell, and is no competitor."""


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A cost over the runs."""

    median: float
    least: float
    most: float


class Compared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of those that were compared."""

    name: str
    package: str
    role: Role
    parameters: dict[str, str | int | float | bool | None]
    """Those that differ from its library's defaults."""
    figures: dict[str, Spread]
    """By the names of :class:`training.evaluation.report.Report`; empty where it failed."""
    runs: int
    """That it ended."""
    train_s: Cost | None
    """Seconds of one core to train once; None where no run ended."""
    rows_per_s: Cost | None
    """Rows that one core scores in a second, all rows of a run at once."""
    peak_mib: float | None
    """Memory of its process, beyond what it held before its first training, the rows there already: the peak of all
    runs. None where it failed."""
    failed: str
    """Why there are no figures; empty where there are."""


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of it."""

    comparison_version: int
    created: str
    """UTC, ISO 8601."""
    protocol: Protocol
    """Of the random splits; the others of an evaluation are not made."""
    data: Data
    features: tuple[str, ...]
    """Names of the columns that all saw."""
    train_on: str
    train_rows: tuple[int, int]
    """The fewest and the most of a run."""
    test_rows: tuple[int, int]
    limit_s: float
    """Longer, in all its runs together, none could take."""
    compared: tuple[Compared, ...]
    """By the share of attack flows found at one false alarm in a hundred, the highest first; the upper bound after
    these, and those that failed last."""
    notes: tuple[str, ...]
    """Sentences on what could not be measured and why."""
    seconds: float
    """What it took."""

    def encode(self) -> bytes:
        """The document's bytes: the same comparison gives the same bytes."""
        return encode_document(self)
