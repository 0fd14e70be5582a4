"""Labels on their topic: what is sent, and words of what is read. Pure: a source or a sink moves the bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detector.errors import InputError
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
        self.read = 0
        self.unfit = 0
        self.why = ""

    def take(self, documents: Sequence[bytes | None], came: Iterable[float | None], first: int = 0) -> None:
        """Take documents of one partition or file in; the place of the first is ``first``."""
        for place, (document, when) in enumerate(zip(documents, came, strict=False), first):
            if not document or document.isspace():
                continue
            self.read += 1
            try:
                self.words.append(Word(read_label(document), place, when))
            except InputError as error:
                self.unfit += 1
                self.why = self.why or str(error)

    def take_batch(self, raw: RawBatch) -> None:
        """Take in what a source gave, of whichever partitions."""
        for value, offset, stamp in zip(raw.values, raw.offsets.tolist(), raw.timestamps_ms.tolist(), strict=True):
            self.take([value], [stamp / 1000 if stamp >= 0 else None], offset)
