"""Flows of a daemon's archive as those of its topic."""

from __future__ import annotations

from detector.archive.archive import OFFSET as ARCHIVED_OFFSET
from detector.archive.archive import PARTITION
from detector.archive.read import read_archive
from detector.records.flow import PART
from detector.scoring.dataset import OFFSET, SOURCE, Dataset


def from_archive(url: str, topic: str | None, since: float | None, until: float | None) -> tuple[Dataset, float]:
    """Flows that began within a time, and the share of the sources that they are of. Raises as ``read_archive``."""
    kept = read_archive(url, topic, since, until)
    frame = kept.frame.rename({PARTITION: SOURCE, ARCHIVED_OFFSET: OFFSET})
    last = [name for name in (SOURCE, OFFSET) if name in frame.columns]
    columns = [name for name in frame.columns if name not in (*last, PART)]
    frame = frame.select(*columns, *([PART] if PART in frame.columns else []), *last)
    partitions = int(frame[SOURCE].max()) + 1  # type: ignore[arg-type]  # whole numbers
    return (
        Dataset(
            frame=frame,
            format=kept.format,
            sources=tuple(f"{kept.topic}/{number}" for number in range(partitions)),
            sha256=kept.sha256,
            rejected={},
            passed_over={},
            topic=kept.topic,
        ),
        kept.share,
    )
