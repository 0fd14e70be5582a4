"""Every record's score, compactly, for the optional scores topic: one JSON object each.

``{"id", "uid", "topic", "partition", "offset", "score", "p_value", "model_version"}``, and ``part`` where the message
held several records: a record's bytes do not depend on what else is in its batch. Made by the column, since here,
unlike for alerts, every record pays for it.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.identity import record_ids
from detector.alerts.texts import MAX_TEXT_BYTES, bound_column
from detector.bundle.loaded_model import LoadedModel
from detector.printable import printable_lines
from detector.records.flow import NO_PART, PART, FlowBatch
from detector.transport.base import OutRecord, RawBatch


def told_parts(parts: pl.Series) -> pl.Series:
    """Places in messages as they are told: null for a message by itself."""
    return parts.replace(NO_PART, None)


def score_records(
    raw: RawBatch,
    flows: FlowBatch,
    scores: NDArray[np.float64],
    model: LoadedModel,
    max_text_bytes: int = MAX_TEXT_BYTES,
) -> list[OutRecord]:
    """Write a record for each flow, in order; ``scores`` has shape (flows,). Ids of sources are cut as in alerts."""
    rows = flows.rows
    partitions, offsets = raw.partitions[rows], raw.offsets[rows]
    frame = pl.DataFrame(
        {
            "id": record_ids(raw.topic, partitions, offsets, flows.parts),
            "uid": bound_column(flows.frame["uid"], max_text_bytes),
            "topic": pl.repeat(raw.topic, len(rows), eager=True),
            "partition": partitions,
            "offset": offsets,
            **({} if flows.parts is None else {"part": told_parts(flows.frame[PART])}),
            "score": scores,
            "p_value": model.calibration.p_values(scores),
            "model_version": pl.repeat(model.version, len(rows), eager=True),
        }
    )
    buffer = BytesIO()
    frame.write_ndjson(buffer)
    text = buffer.getvalue()
    if flows.parts is not None:
        text = text.replace(b',"part":null', b"")  # no text has this in it: its quotes would be escaped
    lines = printable_lines(text).split(b"\n")[: len(rows)]  # JSON has no newline inside a value
    return [OutRecord(line) for line in lines]
