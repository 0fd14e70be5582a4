"""Labels on their topic: what is sent, and words of what is read. Pure: a source or a sink moves the bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detector.casebook.parsed import Parsed
from detector.feedback.label import Label, key_of, read_label, write_label
from detector.feedback.latest import Word
from detector.transport.base import OutRecord, RawBatch


def records_of(labels: Iterable[Label]) -> list[OutRecord]:
    """What is sent of each; all of one thing have one key, so that they stay in one partition and in order."""
    return [OutRecord(write_label(label), key_of(label)) for label in labels]


class LabelReader:
    """Takes documents in; those that are no labels are counted, and the first of them is told."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.parsed = Parsed(read_label, "labels")

    def take(self, documents: Iterable[bytes | None], came: float | None, first: int = 0) -> None:
        """Take documents of one partition or file in; the place of the first is ``first``."""
        for place, document in enumerate(documents, first):
            if (label := self.parsed.one(document)) is not None:
                self.words.append(Word(label, place, came))

    def take_all(self, batches: Iterable[Sequence[bytes | None]], came: float | None) -> None:
        """Take documents of all that is read in, one after the other."""
        place = 0
        for documents in batches:
            self.take(documents, came, place)
            place += len(documents)

    def take_batch(self, raw: RawBatch) -> None:
        """Take in what a source gave, of whichever partitions."""
        for value, offset, stamp in zip(raw.values, raw.offsets.tolist(), raw.timestamps_ms.tolist(), strict=True):
            self.take([value], stamp / 1000 if stamp >= 0 else None, offset)
