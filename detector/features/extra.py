"""Columns that a format carries beyond the canonical ones, as features: each is one, by its own name.

Sets for evaluation have such columns (``Format.extra`` of ``detector.records.every_format``), and mapped JSON where the
settings name any (``input.extra``). In the spec they are of
the family :data:`EXTRA`; a value x becomes ``sign(x) · log(1 + |x|)``, null and not-a-number 0, so that it is finite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import BundleError
from detector.features.meanings import Meaning, Topic, signed
from detector.features.spec import Feature
from detector.printable import printable
from detector.records.flow import LABEL, ROW, SCHEMA

EXTRA = "extra"
"""The family of these features."""

REVISION = 1

LONGEST_NAME = 64
"""Characters of a column's name that sentences tell."""

NO_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - what formats without addresses say
"""Where all flows come from these, neither addresses, ports nor windows can tell anything."""


def extra_features(columns: Sequence[str]) -> tuple[Feature, ...]:
    """The features of these columns."""
    return tuple(Feature(column, EXTRA, REVISION) for column in columns)


def extra_meaning(column: str) -> Meaning:
    """What such a column tells: its number by its own name, since nobody told its unit."""
    name = printable(column[:LONGEST_NAME]).replace("{", "(").replace("}", ")")
    return Meaning(Topic.EXTRA, name, inverse=signed, says=f"{name} is {{value}}", brief=f"{name} of {{value}}")


def is_extra(feature: Feature) -> bool:
    """Whether a feature is one of a column that is not canonical."""
    reserved = (*SCHEMA, LABEL, ROW)
    return feature.family == EXTRA and feature.revision == REVISION and feature.name not in reserved


def extra_columns(frame: pl.DataFrame) -> tuple[str, ...]:
    """Which columns of a decoded frame are extra: Float64, not canonical."""
    return tuple(
        name for name, dtype in frame.schema.items() if dtype == pl.Float64 and name not in SCHEMA and name != LABEL
    )


def has_addresses(frame: pl.DataFrame) -> bool:
    """Whether flows tell who talks to whom."""
    return not bool(frame["src_ip"].is_in(NO_ADDRESSES).all())


def fill_extra(frame: pl.DataFrame, columns: Sequence[str], out: NDArray[np.float32]) -> None:
    """Compute the columns (rows × columns). Raises BundleError where the frame lacks one."""
    for place, column in enumerate(columns):
        if column not in frame.columns:
            raise BundleError(
                f"computing features: the model needs column {column}, which these flows do not carry;"
                " use the format, and the input.extra, that it was trained with"
            )
        values = frame[column].to_numpy()
        out[:, place] = np.nan_to_num(np.sign(values) * np.log1p(np.abs(values)), posinf=0.0, neginf=0.0)
